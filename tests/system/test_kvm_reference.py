# SPDX-License-Identifier: MIT
"""The reference machine: guests on KVM in Bochs, and the parts of its builder."""

import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, TOP

from trivet_lib import grub_config, kvm_reference
from trivet_lib.errors import CallError
from trivet_lib.kvm_reference import FEATURES, GuestRun, ReferenceGuest

KVM_RUN = TOP / "tools" / "kvm-reference" / "kvm-run"
BOOT_LIMIT_S = 540
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
        [KVM_RUN, "-cputime", str(BOOT_LIMIT_S), BUILD / "guest" / "demo.elf",
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


def test_grub_takes_the_text_for_a_script():
    text = grub_config.linux_start("boot/k", "boot/i", ["console=ttyS0,115200"])
    assert "linux /boot/k 'console=ttyS0,115200'" in text
    assert "initrd /boot/i" in text
    subprocess.run(["grub-script-check"], input=text, text=True, check=True)
