# SPDX-License-Identifier: MIT
"""Debian packages as material for tests: fetched and unpacked under build/, never installed."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from trivet_lib.errors import CallError

PACKAGES = Path(__file__).resolve().parents[2] / "build" / "packages"


def fetch(name: str) -> Path:
    """The folder that holds the package's files, unpacked; downloads it the first time.

    The folder appears whole or not at all, also if two processes fetch at once.
    """
    target = PACKAGES / name
    if target.is_dir():
        return target
    PACKAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PACKAGES, prefix=f".{name}-") as work:
        # Root's apt wants to download as another user, who cannot write here.
        _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name], work)
        archive, = Path(work).glob("*.deb")
        tree = Path(work, "tree")
        _run(["dpkg-deb", "--extract", str(archive), str(tree)], work)
        try:
            os.rename(tree, target)
        except OSError:
            if not target.is_dir():
                raise
    return target


def dependency(name: str, pattern: str) -> str:
    """The one package that `name` depends on and whose name matches: what a metapackage means."""
    output = _run(["apt-cache", "depends", name], os.curdir)
    found = [match for match in re.findall(r"^ +Depends: (\S+)$", output, re.M)
             if re.fullmatch(pattern, match)]
    if len(found) != 1:
        raise CallError(f"{name}: depends on {found or 'nothing'} that matches {pattern}")
    return found[0]


def _run(command: list[str], folder: str) -> str:
    try:
        result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, check=False,
                                env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError as error:
        raise CallError(f"{command[0]}: not found: is this a Debian?") from error
    if result.returncode != 0:
        raise CallError(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout
