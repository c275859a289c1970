# SPDX-License-Identifier: MIT
"""The image for guests: what GRUB loads, and how much memory the machine needs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trivet_lib import grub_config
from trivet_lib.errors import CallError
from trivet_lib.machine import GUEST_SERIAL_PORT
from trivet_lib.sizes import KIB, MIB, mebibytes

_FOLDER = "boot/guest"
PAGE_BYTES = 4 << 10
MEMORY_MINIMUM_BYTES = 1 << 20
DEFAULT_MEMORY_BYTES = 128 * MIB
HYPERVISOR_MEMORY_BYTES = 64 * MIB
# OVMF and GRUB's EFI side keep much of a small machine for themselves.
UEFI_MEMORY_BYTES = 128 * MIB
# As many as a guest can have.
VCPUS_MAX = 64
_NAME_MAX = 31

# The magic of a bzImage: The Linux/x86 Boot Protocol, "The Real-Mode Kernel Header".
_LINUX_MAGIC_OFFSET = 0x202
_LINUX_MAGIC = b"HdrS"

# Instructions a second of virtual time that suit Linux: with fewer its timer tick takes up more of
# them, with more the firmware waits longer on the wall's clock.
LINUX_BOCHS_IPS = 30_000_000


@dataclass(frozen=True)
class Guest:
    """A guest as the user names it; without a kernel it is the built-in demo guest.

    Without a name it has that of its kernel's file. `words` go to its module line as they are.
    """

    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    vcpus: int = 1
    hypervisor_options: tuple[str, ...] = field(default=())
    name: str | None = None
    words: tuple[str, ...] = field(default=())


def check(guest: Guest, has_memory_size: bool) -> None:
    """Raises CallError for what can be seen without booting it."""
    if guest.kernel is None and (guest.initrd or guest.append or guest.words or has_memory_size or
                                 guest.vcpus != 1):
        raise CallError("-initrd, -append, -m, -vcpus and -words need a -kernel")
    if guest.name is not None and clean_name(guest.name) != guest.name:
        raise CallError(f"-guest {guest.name}: a name has letters, digits and . _ - +, at most "
                        f"{_NAME_MAX}")
    if guest.memory_bytes < MEMORY_MINIMUM_BYTES or guest.memory_bytes % PAGE_BYTES:
        raise CallError("-m: a guest has at least 1M of memory, in whole pages of 4K")
    for option, path in (("-kernel", guest.kernel), ("-initrd", guest.initrd)):
        if path is not None:
            check_file(option, path)


def check_file(option: str, path: Path) -> None:
    """Raises CallError unless it is a regular file, readable, with something in it."""
    try:
        if path.is_dir():
            raise CallError(f"{option} {path}: is a directory")
        if path.exists() and not path.is_file():
            raise CallError(f"{option} {path}: is not a regular file")
        with path.open("rb") as file:
            if not file.read(1):
                raise CallError(f"{option} {path}: is empty")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CallError(f"{option} {path}: {reason}") from error


def is_linux(kernel: Path | None) -> bool:
    """True for a bzImage. The file can be read: see check_file()."""
    if kernel is None:
        return False
    with kernel.open("rb") as file:
        file.seek(_LINUX_MAGIC_OFFSET)
        return file.read(len(_LINUX_MAGIC)) == _LINUX_MAGIC


def bochs_ips(guest: Guest, firmware: str) -> int | None:
    """Bochs' instructions a second for the guest; None is the firmware's own choice."""
    return LINUX_BOCHS_IPS if firmware == "bios" and is_linux(guest.kernel) else None


def guest_name(kernel: Path) -> str:
    """The name in the log: the file's own, in characters that no log line is confused by."""
    return clean_name(kernel.name)


def clean_name(text: str) -> str:
    """The text as a guest's name."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", text)[:_NAME_MAX]


def config(guest: Guest) -> str:
    """The text of grub.cfg. The guest's serial line has a port of its own."""
    options = [f"guest_serial={GUEST_SERIAL_PORT}", "end=poweroff", *guest.hypervisor_options]
    return grub_config.direct_start(options, _modules([guest]))


def menu_entry(guests: Sequence[Guest], title: str,
               hypervisor_options: Sequence[str] = ()) -> grub_config.MenuEntry:
    """Guests as an entry of a menu. A machine without the guests' port has them in the log."""
    options = (f"guest_serial={GUEST_SERIAL_PORT}", "end=poweroff", *hypervisor_options)
    return grub_config.MenuEntry(title, options, _modules(guests))


def _modules(guests: Sequence[Guest]) -> list[str]:
    paths = _paths(guests)
    return [line for guest in guests if guest.kernel is not None for line in _lines(guest, paths)]


def _lines(guest: Guest, paths: Mapping[Path, str]) -> list[str]:
    name = guest.name or guest_name(guest.kernel)
    kernel = [f"/{paths[guest.kernel]}", grub_config.quote(f"guest={name}"),
              f"mem={guest.memory_bytes // KIB}K"]
    if guest.vcpus != 1:
        kernel.append(f"vcpus={guest.vcpus}")
    kernel += [*map(grub_config.quote, guest.words), "--"]
    if guest.append:
        kernel.append(grub_config.verbatim_word(guest.append))
    lines = [" ".join(kernel)]
    if guest.initrd is not None:
        lines.append(" ".join([
            f"/{paths[guest.initrd]}", grub_config.quote(f"initrd={name}"), "--",
            grub_config.verbatim_word(guest.initrd.name)]))
    return lines


def _paths(guests: Sequence[Guest]) -> dict[Path, str]:
    """The path in the image of each file; one that several guests have is there once."""
    paths: dict[Path, str] = {}
    for guest in guests:
        for source, name in ((guest.kernel, "kernel"), (guest.initrd, "initrd")):
            if source is not None and source not in paths:
                path = f"{_FOLDER}/{name}"
                paths[source] = f"{path}-{len(paths)}" if path in paths.values() else path
    return paths


def files(hypervisor: Path, guests: Sequence[Guest]) -> dict[str, Path]:
    """Paths in the image and their sources."""
    return {grub_config.HYPERVISOR_PATH: hypervisor,
            **{path: source for source, path in _paths(guests).items()}}


def machine_memory_mib(guest: Guest, firmware: str) -> int:
    """The memory of the machine: the guest's, the images as GRUB leaves them, and ours."""
    images = sum(path.stat().st_size for path in (guest.kernel, guest.initrd) if path is not None)
    firmware_bytes = UEFI_MEMORY_BYTES if firmware == "uefi" else 0
    return mebibytes(guest.memory_bytes + images + HYPERVISOR_MEMORY_BYTES + firmware_bytes)
