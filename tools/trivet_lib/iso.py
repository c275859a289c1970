# SPDX-License-Identifier: MIT
"""The bootable image: one file for BIOS and UEFI, CD and USB stick; same input, same bytes."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from trivet_lib import grub_config
from trivet_lib.errors import CallError

# Everything in the image that would tell the time or is drawn at random, fixed.
SOURCE_DATE_EPOCH = 1577836800
_DATE = "2020010100000000"
_HFS_SERIAL = "5452495645540001"
_FAT_SERIAL = "54525654"


def build(out: Path, config: str, files: Mapping[str, Path],
          modules: Sequence[str] | None = None) -> None:
    """Writes the image: `config` is grub.cfg, `files` maps paths in the image to their sources,
    `modules` are GRUB's, grub_config.MODULES if None.

    The image appears under its name whole or not at all. Raises CallError.
    """
    for tool in ("grub-mkrescue", "mformat", "mcopy", "xorriso"):
        if shutil.which(tool) is None:
            raise CallError(f"{tool} is missing: run tools/setup")
    with tempfile.TemporaryDirectory(prefix="trivet-iso-") as work_name:
        work = Path(work_name)
        _lay_out(work / "tree", config, files)
        image = work / "image.iso"
        result = subprocess.run(
            _command(image, work / "tree", modules or grub_config.MODULES),
            env=_environment(work), capture_output=True,
            text=True, errors="replace", check=False)
        if result.returncode != 0 or not image.exists():
            raise CallError(f"grub-mkrescue failed:\n{result.stderr.strip()}")
        _put(image, out)


def _lay_out(tree: Path, config: str, files: Mapping[str, Path]) -> None:
    grub = tree / "boot" / "grub"
    grub.mkdir(parents=True)
    (grub / "grub.cfg").write_bytes(os.fsencode(config))
    for path, source in files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise CallError(f"{source}: {error.strerror}") from error


def _command(image: Path, tree: Path, modules: Sequence[str]) -> list[str]:
    return [
        "grub-mkrescue", "--locales=", "--fonts=", "--themes=",
        f"--install-modules={' '.join(modules)}", "-o", str(image), str(tree),
        f"--modification-date={_DATE}", "--set_all_file_dates", _DATE,
        "-hfsplus-serial-no", _HFS_SERIAL,
    ]


def _environment(work: Path) -> dict[str, str]:
    """mformat draws the serial number of the EFI partition at random unless it is told one."""
    wrapper = work / "bin" / "mformat"
    wrapper.parent.mkdir()
    real = shlex.quote(shutil.which("mformat") or "mformat")
    wrapper.write_text(f'#!/bin/sh\nexec {real} -N {_FAT_SERIAL} "$@"\n', encoding="ascii")
    wrapper.chmod(0o755)
    return {
        "PATH": f"{wrapper.parent}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}",
        "HOME": str(work),
        "LC_ALL": "C",
        "MTOOLSRC": "/dev/null",
        "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH),
        "TMPDIR": str(work),
        "TZ": "UTC",
    }


def _put(image: Path, out: Path) -> None:
    """Moves the image to its place by a rename on the file system of that place."""
    partial = out.parent / f".{out.name}.{os.getpid()}"
    try:
        shutil.copyfile(image, partial)
        os.replace(partial, out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CallError(f"{out}: {error.strerror}") from error
