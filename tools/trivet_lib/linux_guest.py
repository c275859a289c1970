# SPDX-License-Identifier: MIT
"""The Linux test guest: Debian's cloud kernel, and a first file system of busybox and ours."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trivet_lib import linux_kernel, linux_module, newc
from trivet_lib.errors import CallError

BUILD = Path(__file__).resolve().parents[2] / "build"
BUSYBOX = Path("/bin/busybox")
INIT = Path(__file__).with_name("linux_init.sh")
TESTS = Path(__file__).with_name("linux_tests.sh")

READY = "trivet-linux: ready "
APPEND = "console=ttyS0 panic=-1"

_CONSOLE_DEVICE = (5, 1)


@dataclass(frozen=True)
class LinuxGuest:
    """Where a guest's two files are."""

    kernel: Path
    initramfs: Path


def guest(version: str = linux_kernel.VERSION) -> LinuxGuest:
    """The guest of this version, whether it is built or not."""
    folder = BUILD / f"linux-{version}"
    return LinuxGuest(folder / "vmlinuz", folder / "initramfs.cpio")


KERNEL, INITRAMFS = guest().kernel, guest().initramfs


def build(version: str = linux_kernel.VERSION) -> LinuxGuest:
    """Makes the kernel, where it is missing or another, and the initramfs with our modules for it.
    """
    kernel = linux_kernel.get(version)
    made = guest(version)
    made.kernel.parent.mkdir(parents=True, exist_ok=True)
    image = kernel.image.read_bytes()
    if not made.kernel.is_file() or made.kernel.read_bytes() != image:
        _write(made.kernel, image)
    _write(made.initramfs, initramfs(linux_module.build_modules(kernel)))
    return made


def initramfs(modules: Mapping[str, bytes]) -> bytes:
    """The archive that Linux unpacks: not compressed, as a slow machine has it sooner so."""
    if not BUSYBOX.is_file():
        raise CallError(f"{BUSYBOX} is missing: run tools/setup")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True,
                             check=True).stdout.split()
    return newc.archive([
        *map(newc.folder, ("bin", "dev", "etc", "lib", "proc", "root", "sys", "tmp")),
        newc.character_device("dev/console", *_CONSOLE_DEVICE),
        newc.file("bin/busybox", BUSYBOX.read_bytes(), 0o755),
        *(newc.link(f"bin/{name}", "busybox") for name in applets if name != "busybox"),
        newc.file(f"bin/{linux_module.PROGRAM}", linux_module.build_program(), 0o755),
        *(newc.file(f"bin/{name}", program, 0o755)
          for name, program in linux_module.build_library_programs().items()),
        *(newc.file(f"lib/{name}", module) for name, module in modules.items()),
        newc.file(f"lib/{TESTS.name}", TESTS.read_bytes()),
        newc.file("init", INIT.read_bytes(), 0o755),
    ])


def qemu_command(append: str, options: Sequence[str] = (),
                 files: LinuxGuest | None = None) -> list[str]:
    """Boots the guest on QEMU's own machine, without a hypervisor of ours."""
    files = files or guest()
    return ["qemu-system-x86_64", "-nodefaults", "-no-reboot", "-nographic", "-serial", "mon:stdio",
            "-m", "256M", "-kernel", str(files.kernel), "-initrd", str(files.initramfs),
            "-append", f"{APPEND} {append}".strip(), *options]


def _write(path: Path, content: bytes) -> None:
    """Writes the file whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
