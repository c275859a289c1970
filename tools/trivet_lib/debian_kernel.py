# SPDX-License-Identifier: MIT
"""Debian's Linux kernel for clouds, got by apt and unpacked, not installed.

It is kept under build/packages/: the package is asked for once.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trivet_lib.errors import CallError
from trivet_lib.locked import locked

META_PACKAGE = "linux-image-cloud-amd64"
MODULES = ("irqbypass.ko", "kvm.ko", "kvm-intel.ko")
# To check signatures and to read types and symbols that nobody asks for takes Linux 600 million
# instructions, more than half of its boot.
_STRIP = ("strip", "--strip-unneeded", "--remove-section=.BTF")
_PACKAGE = re.compile(r"linux-image-\d[\w.+-]*-cloud-amd64")


@dataclass(frozen=True)
class Kernel:
    """A kernel image and the modules of KVM, in the order in which they are loaded."""

    image: Path
    modules: tuple[Path, ...]


def get(packages: Path) -> Kernel:
    """The kernel, kept under `packages`. Raises CallError if it is neither there nor to be had."""
    home = packages / "linux-cloud"
    with locked(packages / "linux-cloud.lock"):
        if not home.is_dir():
            _make(packages, home)
    return Kernel(home / "vmlinuz", tuple(home / name for name in MODULES))


def _make(packages: Path, home: Path) -> None:
    """Unpacks what is needed into `home`, which appears whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".linux-cloud-", dir=packages) as work_name:
        work = Path(work_name)
        package = _cached_package(packages) or _download(packages, work)
        tree, wanted = work / "tree", work / "wanted"
        _run(["dpkg-deb", "-x", str(package), str(tree)], f"{package} cannot be unpacked")
        wanted.mkdir()
        _move_only(tree / "boot", "vmlinuz-*", wanted / "vmlinuz", package)
        for name in MODULES:
            _move_only(tree / "lib" / "modules", name, work / name, package)
            _run([*_STRIP, "-o", str(wanted / name), str(work / name)],
                 f"{name} cannot be stripped")
        os.replace(wanted, home)


def _move_only(tree: Path, pattern: str, target: Path, package: Path) -> None:
    found = list(tree.rglob(pattern))
    if len(found) != 1:
        raise CallError(f"{package}: has {len(found)} files {pattern}, not one")
    shutil.move(found[0], target)


def _cached_package(packages: Path) -> Path | None:
    found = packages.glob("linux-image-*-cloud-amd64_*.deb")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _download(packages: Path, work: Path) -> Path:
    """Has apt bring the package; it is put beside the others by a rename."""
    options: list[str] = []
    name = newest_package(_apt_words(options, "apt-cache", "depends", META_PACKAGE))
    if name is None:
        # A system without package lists gets lists of its own, for this once.
        options = _own_lists(work)
        _run(["apt-get", *options, "-qq", "update"], "apt-get cannot read the package lists")
        name = newest_package(_apt_words(options, "apt-cache", "depends", META_PACKAGE))
    if name is None:
        raise CallError(f"apt knows no package {META_PACKAGE}: run apt-get update")
    _run(["apt-get", *options, "-qq", "-o", "APT::Sandbox::User=", "download", name],
         f"apt-get cannot get the package {name}", work)
    loaded = next(work.glob(f"{name}_*.deb"), None)
    if loaded is None:
        raise CallError(f"apt-get left no package {name}")
    target = packages / loaded.name
    os.replace(loaded, target)
    return target


def newest_package(depends: str) -> str | None:
    """The kernel that the meta package stands for, from what `apt-cache depends` says."""
    return next((word for word in depends.split() if _PACKAGE.fullmatch(word)), None)


def _own_lists(work: Path) -> list[str]:
    lists = work / "lists"
    (lists / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={work}",
            "-o", "APT::Sandbox::User="]


def _apt_words(options: Sequence[str], command: str, *arguments: str) -> str:
    try:
        return subprocess.run([command, *options, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace",
                              check=False).stdout
    except OSError as error:
        raise CallError(f"{command}: {error.strerror}: this needs Debian's apt") from error


def _run(command: Sequence[str], complaint: str, directory: Path | None = None) -> None:
    try:
        result = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise CallError(f"{complaint}: {command[0]}: {error.strerror}") from error
    if result.returncode != 0:
        raise CallError(f"{complaint}:\n{result.stderr.strip()}")
