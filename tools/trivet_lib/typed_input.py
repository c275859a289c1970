# SPDX-License-Identifier: MIT
"""What is typed, or piped in, on its way to the machine's serial lines."""

import contextlib
import os
import stat
import termios
import tty
from collections.abc import Iterator

PREFIX = 0x01  # Ctrl-A
_END_KEY = ord("x")
_WAITING_LIMIT_BYTES = 1 << 16


class EndKey(Exception):
    """Ctrl-A x: the run is to end."""


def is_input(descriptor: int) -> bool:
    """True for a terminal in whose foreground we are, a pipe, a file or a socket."""
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISCHR(mode):
            return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


@contextlib.contextmanager
def raw_terminal(descriptor: int | None) -> Iterator[None]:
    """Keys come one by one inside, Ctrl-C too; what is no terminal stays as it is."""
    if descriptor is None or not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    # Output goes on as a terminal's lines.
    now = termios.tcgetattr(descriptor)
    now[1] = before[1]
    termios.tcsetattr(descriptor, termios.TCSADRAIN, now)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class Keys:
    """Tells what is for the hypervisor from what is for the guest.

    Ctrl-A and a key go to the console's line, all else to the guest's. Where both are one line the
    hypervisor tells them apart itself, and needs both of Ctrl-A Ctrl-A for it.
    """

    def __init__(self) -> None:
        self._is_after_prefix = False

    def split(self, data: bytes, is_one_line: bool) -> tuple[bytes, bytes]:
        """Returns what goes to the console and what goes to the guest. Raises EndKey."""
        prefix_for_guest = bytes((PREFIX, PREFIX) if is_one_line else (PREFIX,))
        console, guest = bytearray(), bytearray()
        for byte in data:
            if self._is_after_prefix:
                self._is_after_prefix = False
                if byte == _END_KEY:
                    raise EndKey
                if byte == PREFIX:
                    guest += prefix_for_guest
                else:
                    console += bytes((PREFIX, byte))
            elif byte == PREFIX:
                self._is_after_prefix = True
            else:
                guest.append(byte)
        return bytes(console), bytes(guest)


class Outgoing:
    """Bytes on their way into a terminal that takes them when it can."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = b""

    def put(self, data: bytes) -> None:
        """Adds bytes behind those that wait."""
        self._waiting += data

    def is_full(self) -> bool:
        """True if nothing more should be read for it."""
        return len(self._waiting) >= _WAITING_LIMIT_BYTES

    def is_empty(self) -> bool:
        """True if nothing waits."""
        return not self._waiting

    def push(self) -> None:
        """Writes what the terminal takes now."""
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                self._waiting = self._waiting[os.write(self._descriptor, self._waiting):]
