# SPDX-License-Identifier: MIT
"""The Linux test guest's parts: its first file system, and packages fetched whole or not at all."""

import subprocess
from pathlib import Path

import pytest
from trivet_lib import debian_package, linux_guest, newc
from trivet_lib.errors import CallError


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
    archive = linux_guest.initramfs()
    names = subprocess.run([linux_guest.BUSYBOX, "cpio", "-t"], input=archive, check=True,
                           capture_output=True).stdout.decode().splitlines()
    tools = {"sh", "mount", "uname", "nproc", "setsid", "cttyhack", "poweroff", "busybox"}
    assert {"init", "dev/console", "proc", "sys", *(f"bin/{name}" for name in tools)} <= set(names)
    assert archive == linux_guest.initramfs()
    assert linux_guest.READY in linux_guest.INIT.read_text("utf-8")


def test_a_fetched_package_is_not_fetched_again(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian_package, "PACKAGES", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "one").mkdir()
    assert debian_package.fetch("one") == tmp_path / "one"


def test_a_package_that_is_not_there_leaves_nothing_behind(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian_package, "PACKAGES", tmp_path)
    with pytest.raises(CallError, match="no-such-package"):
        debian_package.fetch("no-such-package")
    assert list(tmp_path.iterdir()) == []


def test_a_dependency_that_does_not_match_is_an_error() -> None:
    with pytest.raises(CallError, match="matches nothing"):
        debian_package.dependency("busybox-static", "nothing")
