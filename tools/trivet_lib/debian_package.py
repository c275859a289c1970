# SPDX-License-Identifier: MIT
"""Debian packages as material for tests: fetched by apt and unpacked under build/, not installed.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trivet_lib.errors import CallError
from trivet_lib.locked import locked

PACKAGES = Path(__file__).resolve().parents[2] / "build" / "packages"


@dataclass(frozen=True)
class Apt:
    """Debian's apt; the options say whose package lists it reads."""

    options: tuple[str, ...] = ()

    def dependency(self, name: str, pattern: str) -> str:
        """The one package that `name` depends on and whose name matches: a metapackage's meaning.
        """
        output = _run(["apt-cache", *self.options, "depends", name], os.curdir)
        found = [match for match in re.findall(r"^ +Depends: (\S+)$", output, re.M)
                 if re.fullmatch(pattern, match)]
        if len(found) != 1:
            raise CallError(f"{name}: depends on {found or 'nothing'} that matches {pattern}")
        return found[0]

    def download(self, names: Sequence[str], folder: Path) -> None:
        # Root's apt wants to download as another user, who cannot write here.
        _run(["apt-get", *self.options, "-qq", "-o", "APT::Sandbox::User=root", "download",
              *names], folder)


def fetch(name: str, choose: Callable[[Apt], Sequence[str]]) -> Path:
    """The folder `name` with the files of all the packages that `choose` names, which may refer to
    one another. Downloads them the first time, also if two processes ask at once.

    The folder appears whole or not at all. Raises CallError if they cannot be had.
    """
    target = PACKAGES / name
    with locked(PACKAGES / f"{name}.lock"):
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=PACKAGES, prefix=f".{name}-") as work:
                os.rename(_unpacked(choose, Path(work)), target)
    return target


def _unpacked(choose: Callable[[Apt], Sequence[str]], work: Path) -> Path:
    archives, tree = work / "archives", work / "tree"
    archives.mkdir()
    _download(choose, archives, work)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(archive), str(tree)], work)
    return tree


def _download(choose: Callable[[Apt], Sequence[str]], archives: Path, work: Path) -> None:
    """A system without package lists, or with old ones, gets lists of its own, for this once."""
    apt = Apt()
    try:
        apt.download(choose(apt), archives)
    except CallError:
        apt = _apt_with_own_lists(work)
        apt.download(choose(apt), archives)


def _apt_with_own_lists(work: Path) -> Apt:
    lists = work / "lists"
    (lists / "partial").mkdir(parents=True)
    apt = Apt(("-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={work}"))
    _run(["apt-get", *apt.options, "-qq", "-o", "APT::Sandbox::User=root", "update"], work)
    return apt


def _run(command: list[str], folder: str | Path) -> str:
    try:
        result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                errors="replace", check=False,
                                env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError as error:
        raise CallError(f"{command[0]}: not found: is this a Debian?") from error
    if result.returncode != 0:
        raise CallError(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout
