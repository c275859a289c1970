# SPDX-License-Identifier: MIT
"""The reference machine: guests on KVM in Bochs, and the parts of its builder."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import BUILD, TOP

from trivet_lib import cpio, debian_kernel, grub_config, kvm_reference
from trivet_lib.errors import CallError
from trivet_lib.kvm_reference import FEATURES, GuestRun, ReferenceGuest

KVM_RUN = TOP / "tools" / "kvm-reference" / "kvm-run"
BOOT_LIMIT_S = 540
PACKAGE = "linux-image-6.1.0-56-cloud-amd64"
FEATURES_GUEST_CODE = 5
FEATURES_GUEST_LINES = 10000

# What Debian 12's KVM offers, apart from what the two runs of one guest differ in.
WITHOUT = ("STEAL_TIME", "PV_EOI")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, GuestRun]:
    """All guests of this file in one boot, by the command."""
    directory = tmp_path_factory.mktemp("guests")
    features = directory / "features.bin"
    source = Path(__file__).with_name("kvm_features_guest.asm")
    subprocess.run(["nasm", "-f", "bin", "-Werror", "-o", features, source], check=True)
    guests = BUILD / "guests"
    broken = directory / "broken.elf"
    broken.write_bytes(b"\x7fELF")
    assert (guests / "vmmcall_ud.elf").is_file(), "build the test guests first: make guests"
    result = subprocess.run(
        [KVM_RUN, "-timeout", str(BOOT_LIMIT_S), BUILD / "guest" / "demo.elf",
         guests / "bench.elf", f"{guests / 'vmmcall_ud.elf'},vmmcall=ud",
         f"{features},append=a, b", broken, f"{features},name=halts,append=H",
         f"{features},name=crashes,append=T", f"{features},name=spins,limit=1,append=S",
         f"{features},name=t,append=L",
         f"{features},name=fewer,features=-{'-'.join(WITHOUT)}"],
        capture_output=True, text=True, check=False)
    log = BUILD / "logs" / "kvm-reference.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(result.stdout + result.stderr, "utf-8")
    # The broken image never ran, and one spins until its time is over.
    assert result.returncode == 1, result
    return kvm_reference.take_apart(
        result.stdout, ["demo", "bench", "vmmcall_ud", "features", "broken", "halts", "crashes",
                        "spins", "t", "fewer"])


on_kvm = pytest.mark.xdist_group("kvm-reference")


@on_kvm
def test_demo_guest_runs_on_kvm(runs):
    assert runs["demo"].output == [
        "demo: a guest in long mode with 16 MiB of memory",
        "demo: no Trivet here: VMCALL would raise #UD, so no call is made",
        "demo: ends by the debug-exit port"]
    assert runs["demo"].end == "debug-exit port code=0 status=0"
    assert runs["demo"].is_ended


@on_kvm
def test_hypercalls_are_served_by_kvm(runs):
    measured = [line.split()[1] for line in runs["bench"].output if line.startswith("bench ")]
    assert {"vmcall_1", "vmcall_unknown"} <= set(measured)
    assert "vmcall_ping" not in measured
    assert runs["bench"].status == 0


@on_kvm
def test_vmmcall_raises_ud_where_the_quirk_is_off(runs):
    assert "PASS kernel64.vmmcall_is_ud" in runs["vmmcall_ud"].output
    assert runs["vmmcall_ud"].status == 0, runs["vmmcall_ud"].output


@on_kvm
def test_features_are_kvm_s_without_those_taken_away(runs):
    full, few = (runs[name].output[0].partition(" ")[0] for name in ("features", "fewer"))
    taken = sum(1 << FEATURES[name] for name in WITHOUT)
    assert int(full, 16) & taken == taken
    assert int(few, 16) == int(full, 16) & ~taken
    assert runs["features"].status == FEATURES_GUEST_CODE


@on_kvm
def test_no_line_is_lost_to_the_runner_s_ticks(runs):
    # Short lines keep the serial line full: many a tick comes while a write of one waits.
    assert runs["t"].output[1:] == [
        chr(ord("a") + number % 16) for number in range(FEATURES_GUEST_LINES)]


@on_kvm
def test_command_line_reaches_the_guest(runs):
    assert runs["features"].output[0].partition(" ")[2] == "features a, b"
    assert runs["fewer"].output[0].partition(" ")[2] == "fewer"


@on_kvm
def test_broken_image_is_not_started(runs):
    assert runs["broken"].end.startswith("not started: broken: ")
    assert not runs["broken"].is_ended


@on_kvm
def test_guests_that_do_not_end_well_are_told_apart(runs):
    ends = {name: (runs[name].end.partition(" code=")[0], runs[name].status, runs[name].is_ended)
            for name in ("halts", "spins", "crashes")}
    assert ends["halts"] == ("halted for good", 124, True)
    assert ends["spins"] == ("time limit", 124, False)
    assert ends["crashes"][0].startswith("crashed: triple fault rip=0x")
    assert ends["crashes"][1:] == (126, True)


def test_guest_options_are_read(tmp_path):
    image = tmp_path / "a b.elf"
    image.write_bytes(b"x")
    assert kvm_reference.parse_guest(str(image)) == ReferenceGuest("a_b", image)
    found = kvm_reference.parse_guest(
        f"{image},name=two,mem=32M,features=-PV_EOI-CLOCKSOURCE,vmmcall=ud,pit=on,limit=5,"
        "append=x=1, -- y")
    assert found == ReferenceGuest("two", image, 32 << 20, 0x41, True, True, 5, "x=1, -- y")


@pytest.mark.parametrize("options", [
    "color=red", "vmmcall=maybe", "features=PV_EOI", "features=-NONE", "limit=0", "mem=1K",
    "name=a b", "append=a\nb"])
def test_wrong_guest_options_are_refused(options, tmp_path):
    image = tmp_path / "guest.elf"
    image.write_bytes(b"x")
    with pytest.raises(CallError):
        kvm_reference.parse_guest(f"{image},{options}")


def test_two_guests_of_one_name_are_refused():
    with pytest.raises(CallError, match="name= tells"):
        kvm_reference.run([ReferenceGuest("a", Path("a"))] * 2, None, 1, lambda _: None)


def test_table_has_a_line_for_each_guest():
    guests = [ReferenceGuest("a", Path("x")),
              ReferenceGuest("b", Path("y"), features_off=0x20, has_pit=True, append="k=v -- w")]
    assert kvm_reference.guest_table(guests) == (
        "name=a image=/0 mem=16777216 limit=60 features_off=0x0 vmmcall=patch pit=off -- \n"
        "name=b image=/1 mem=16777216 limit=60 features_off=0x20 vmmcall=patch pit=on "
        "-- k=v -- w\n")


def test_log_is_taken_apart_by_guest():
    log = ("a| one\n[ 1.5] kernel: text\nb| two\na|\nc| not ours\n"
           "a: ended: crashed: triple fault rip=0x1 code=0 status=126\n"
           "b: ended: time limit code=0 status=124\n")
    found = kvm_reference.take_apart(log, ["a", "b", "d"])
    assert found["a"] == GuestRun(
        ["one", ""], "crashed: triple fault rip=0x1 code=0 status=126", 126)
    assert found["b"].output == ["two"]
    assert [found[name].is_ended for name in "abd"] == [True, False, False]


def test_archive_has_the_form_that_linux_reads():
    data = cpio.archive({"init": b"12345", "x": b""})
    assert len(data) % 4 == 0
    names = []
    at = 0
    while at < len(data):
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        assert data[at:at + 6] == b"070701"
        size, name_size = fields[6], fields[11]
        name = data[at + 110:at + 110 + name_size - 1].decode()
        start = at + (110 + name_size + 3) // 4 * 4
        names.append((name, fields[1], data[start:start + size]))
        at = start + (size + 3) // 4 * 4
    assert names == [("init", 0o100755, b"12345"), ("x", 0o100755, b""), ("TRAILER!!!", 0, b"")]


def test_grub_takes_the_text_for_a_script():
    text = grub_config.linux_start("boot/k", "boot/i", ["console=ttyS0,115200"])
    assert "linux /boot/k 'console=ttyS0,115200'" in text
    assert "initrd /boot/i" in text
    subprocess.run(["grub-script-check"], input=text, text=True, check=True)


@pytest.fixture
def fake_apt(tmp_path, monkeypatch) -> Path:
    """Stand-ins for apt, dpkg-deb and strip; the file returned has a line for each download."""
    programs, downloads = tmp_path / "bin", tmp_path / "downloads"
    programs.mkdir()
    scripts = {
        "apt-cache": f"echo linux-image-cloud-amd64; echo '  Depends: {PACKAGE}'",
        "apt-get": f"sleep 0.3; echo got >>{downloads}; echo deb >{PACKAGE}_1_amd64.deb",
        "dpkg-deb": "mkdir -p $3/boot $3/lib/modules/v/kernel && cd $3 && "
                    "echo image >boot/vmlinuz-v && cd lib/modules/v/kernel && "
                    "touch irqbypass.ko kvm.ko kvm-intel.ko",
        "strip": 'cp "$5" "$4"',
    }
    for name, text in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return downloads


def test_kernel_is_downloaded_once_by_two_at_a_time(fake_apt, tmp_path):
    packages = tmp_path / "packages"
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(debian_kernel.get, [packages, packages])
    assert first == second
    assert first.image.read_text() == "image\n"
    assert [module.name for module in first.modules] == list(debian_kernel.MODULES)
    assert all(module.is_file() for module in first.modules)
    assert fake_apt.read_text() == "got\n"
    assert sorted(path.name for path in packages.iterdir()) == [
        "linux-cloud", "linux-cloud.lock", f"{PACKAGE}_1_amd64.deb"]


def test_kernel_that_cannot_be_had_is_named(fake_apt, tmp_path):
    (tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\necho no network >&2\nexit 100\n")
    with pytest.raises(CallError, match=f"cannot get the package {PACKAGE}:\nno network"):
        debian_kernel.get(tmp_path / "packages")
    assert not (tmp_path / "packages" / "linux-cloud").exists()


def test_newest_package_is_what_the_meta_package_depends_on():
    assert debian_kernel.newest_package(f"{debian_kernel.META_PACKAGE}\n  Depends: {PACKAGE}\n") \
        == PACKAGE
    assert debian_kernel.newest_package("") is None
