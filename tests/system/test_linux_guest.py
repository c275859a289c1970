# SPDX-License-Identifier: MIT
"""The Linux test guest's parts: its first file system, and packages fetched whole or not at all."""

import os
import re
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import HANG_LIMIT_S
from trivet_lib import debian_package, linux_guest, linux_kernel, linux_module, newc
from trivet_lib.errors import CallError

KERNEL = "linux-image-6.1.0-56-cloud-amd64"


def unpack(archive: bytes, folder: Path) -> None:
    subprocess.run([linux_guest.BUSYBOX, "cpio", "-i"], cwd=folder, input=archive, check=True,
                   capture_output=True)


def test_cpio_unpacks_what_was_packed(tmp_path: Path) -> None:
    unpack(newc.archive([newc.folder("d"), newc.file("d/a", b"12345", 0o750),
                         newc.file("empty", b""), newc.link("l", "d/a")]), tmp_path)
    assert (tmp_path / "l").read_bytes() == b"12345"
    assert (tmp_path / "d" / "a").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "empty").read_bytes() == b""
    assert {path.name for path in tmp_path.iterdir()} == {"d", "empty", "l"}


def test_the_initramfs_has_what_init_calls() -> None:
    archive = linux_guest.initramfs({"trivet_linux.ko": b"module"})
    names = subprocess.run([linux_guest.BUSYBOX, "cpio", "-t"], input=archive, check=True,
                           capture_output=True).stdout.decode().splitlines()
    tools = {"sh", "mount", "uname", "nproc", "setsid", "cttyhack", "poweroff", "busybox", "insmod",
             "rmmod", "dmesg", "seq", "sha256sum", "gzip", "gunzip", "sort", "awk", "reboot",
             "taskset"}
    assert {"init", "dev/console", "proc", "sys", "lib/linux_tests.sh", "lib/trivet_linux.ko",
            "bin/vmcall-user", "bin/linux_locks", "bin/linux_sum",
            *(f"bin/{name}" for name in tools)} <= set(names)
    assert archive == linux_guest.initramfs({"trivet_linux.ko": b"module"})
    assert linux_guest.READY in linux_guest.INIT.read_text("utf-8")


def test_the_programs_for_locks_and_sums_pass_here_too() -> None:
    linux_module.build_library_programs()
    want = f"0x{zlib.crc32(bytes(i * 167 + (i >> 8) & 0xff for i in range(1 << 16))):08x}"
    assert said(linux_module.program("linux_sum"), "3") == f"PASS sum={want} rounds=3"
    assert re.fullmatch(r"PASS futex threads=5 rounds=[1-9]\d*",
                        said(linux_module.program("linux_locks"), "1", "5"))


def said(*command: object) -> str:
    """The last line of a program that must succeed."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            timeout=HANG_LIMIT_S, check=True)
    return result.stdout.splitlines()[-1]


@pytest.fixture
def fake_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for apt and dpkg-deb; the folder returned has their programs.

    The file downloads beside it has a line for each download; with the file no-lists there, the
    system's package lists do not know the kernel.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    release = KERNEL.removeprefix("linux-image-")
    scripts = {
        "apt-cache": f"""case $* in
            *Dir::State::Lists=*) ;;
            *) [ ! -e {tmp_path}/no-lists ] || exit 100 ;;
            esac
            case $* in
            *linux-headers-{release}) echo '  Depends: linux-headers-6.1.0-56-common'
                echo '  Depends: linux-kbuild-6.1' ;;
            *) echo '  Depends: {KERNEL}' ;;
            esac""",
        "apt-get": f"""case $* in *update*) exit 0 ;; esac
            sleep 0.3
            echo got >>{tmp_path}/downloads
            for name; do case $name in linux-*) echo $name >${{name}}_1.deb ;; esac; done""",
        "dpkg-deb": f"""mkdir -p "$3/boot"
            echo image >"$3/boot/vmlinuz-{release}"
            cat "$2" >>"$3"/names""",
    }
    for name, text in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(debian_package, "PACKAGES", tmp_path / "packages")
    return programs


def test_two_at_a_time_download_a_kernel_once(fake_apt: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(linux_kernel.get, ["6.1", "6.1"])
    assert first == second
    assert first.release == "6.1.0-56-cloud-amd64"
    assert first.image.read_text("ascii") == "image\n"
    assert (tmp_path / "downloads").read_text("ascii") == "got\n"
    assert (tmp_path / "packages" / "linux-6.1" / "names").read_text("ascii").split() == [
        "linux-headers-6.1.0-56-cloud-amd64", "linux-headers-6.1.0-56-common", KERNEL,
        "linux-kbuild-6.1"]
    assert sorted(path.name for path in (tmp_path / "packages").iterdir()) == [
        "linux-6.1", "linux-6.1.lock"]


def test_a_system_without_package_lists_gets_some_for_once(fake_apt: Path, tmp_path: Path) -> None:
    (tmp_path / "no-lists").touch()
    assert linux_kernel.get().image.is_file()
    assert (tmp_path / "downloads").read_text("ascii") == "got\n"


def test_a_kernel_that_cannot_be_had_is_named_and_leaves_nothing(
        fake_apt: Path, tmp_path: Path) -> None:
    (fake_apt / "apt-get").write_text("#!/bin/sh\necho no network >&2\nexit 100\n", "ascii")
    with pytest.raises(CallError, match="update: no network"):
        linux_kernel.get()
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["linux-6.1.lock"]


def test_a_version_that_is_none_of_ours_is_refused() -> None:
    with pytest.raises(CallError, match=r"Linux 5\.0: there is 6\.1 and 6\.12"):
        linux_kernel.get("5.0")


def test_a_dependency_that_does_not_match_is_an_error() -> None:
    with pytest.raises(CallError, match="matches nothing"):
        debian_package.Apt().dependency("busybox-static", "nothing")
