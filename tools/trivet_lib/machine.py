# SPDX-License-Identifier: MIT
"""What an engine has to boot, in words that no engine owns."""

from dataclasses import dataclass

FIRMWARES = ("bios", "uefi")

# Names in the working directory of the engine: its command line holds no path of the user's.
ISO_NAME = "trivet.iso"
LOG_NAME = "com1"
GUEST_SERIAL_NAME = "com3"

# The port of the guest's line. OVMF mirrors its screen to COM1 and to COM2.
GUEST_SERIAL_PORT = "com3"


@dataclass(frozen=True)
class Machine:
    """A machine: memory in MiB, firmware, the CPU model or None for the engine's own, and whether
    somebody types on its serial lines; whether its clock has today's date, or, where the engine can
    do that, the same one on each run, so that runs repeat; how many processors it has."""

    memory_mib: int
    firmware: str = "bios"
    cpu: str | None = None
    has_input: bool = False
    has_date_of_today: bool = False
    processors: int = 1


@dataclass(frozen=True)
class Launch:
    """How to start an engine: its command, and files that it wants in its working directory.

    It reads ISO_NAME there and writes the serial lines to LOG_NAME and GUEST_SERIAL_NAME: FIFOs,
    or, if it has input, terminals that it reads too.
    """

    command: tuple[str, ...]
    files: dict[str, str]
    needs_terminal: bool = False
    engine_log: str | None = None
    has_input: bool = False
