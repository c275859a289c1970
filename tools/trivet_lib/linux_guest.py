# SPDX-License-Identifier: MIT
"""The Linux test guest: Debian's cloud kernel, and a first file system of busybox and our init."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from trivet_lib import linux_kernel, newc
from trivet_lib.errors import CallError

FOLDER = Path(__file__).resolve().parents[2] / "build" / "linux"
KERNEL = FOLDER / "vmlinuz"
INITRAMFS = FOLDER / "initramfs.cpio"
BUSYBOX = Path("/bin/busybox")
INIT = Path(__file__).with_name("linux_init.sh")

READY = "trivet-linux: ready "
APPEND = "console=ttyS0 panic=-1"

_CONSOLE_DEVICE = (5, 1)


def build() -> None:
    """Makes build/linux/vmlinuz, where it is missing, and build/linux/initramfs.cpio."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not KERNEL.is_file():
        _write(KERNEL, linux_kernel.get().image.read_bytes())
    _write(INITRAMFS, initramfs())


def initramfs() -> bytes:
    """The archive that Linux unpacks: not compressed, as a slow machine has it sooner so."""
    if not BUSYBOX.is_file():
        raise CallError(f"{BUSYBOX} is missing: run tools/setup")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True,
                             check=True).stdout.split()
    return newc.archive([
        *map(newc.folder, ("bin", "dev", "etc", "proc", "root", "sys", "tmp")),
        newc.character_device("dev/console", *_CONSOLE_DEVICE),
        newc.file("bin/busybox", BUSYBOX.read_bytes(), 0o755),
        *(newc.link(f"bin/{name}", "busybox") for name in applets if name != "busybox"),
        newc.file("init", INIT.read_bytes(), 0o755),
    ])


def qemu_command(append: str, options: Sequence[str] = ()) -> list[str]:
    """Boots the guest on QEMU's own machine, without a hypervisor of ours."""
    return ["qemu-system-x86_64", "-nodefaults", "-no-reboot", "-nographic", "-serial", "mon:stdio",
            "-m", "256M", "-kernel", str(KERNEL), "-initrd", str(INITRAMFS),
            "-append", f"{APPEND} {append}".strip(), *options]


def _write(path: Path, content: bytes) -> None:
    """Writes the file whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
