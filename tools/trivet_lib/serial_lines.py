# SPDX-License-Identifier: MIT
"""The two serial lines of the emulated machine, at our end."""

import os
import pty
import selectors
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trivet_lib.machine import GUEST_SERIAL_NAME, LOG_NAME
from trivet_lib.serial_log import SerialLog
from trivet_lib.typed_input import Keys, Outgoing

_READ_BYTES = 1 << 16

Writer = Callable[[bytes], None]


@dataclass(frozen=True)
class Outlets:
    """Where the bytes go: the log as shown, the log raw, the guest's own line, and our words; and
    the descriptor that the lines' input comes from, None if nobody types."""

    log: Writer
    raw_log: Writer
    guest: Writer
    say: Callable[[str], None]
    input: int | None = None


class SerialLines:
    """FIFOs: the emulator waits if we are slow, and cannot fill a disk; a reader that also holds
    the writing end never sees an end of file. With input they are terminals. What is typed waits
    until a guest has started: firmware and boot loader would swallow it."""

    def __init__(self, work: Path, outlets: Outlets, has_input: bool) -> None:
        self.log = SerialLog()
        self.byte_count = 0
        self._outlets = outlets
        # Files can be waited for too: epoll takes none.
        self._selector = selectors.SelectSelector()
        self._slaves: list[int] = []
        make_line = self._make_terminal if has_input else _make_fifo
        log, guest = make_line(work / LOG_NAME), make_line(work / GUEST_SERIAL_NAME)
        self._takers = {log: self._take_log, guest: outlets.guest}
        self._keys = Keys()
        self._outgoing = {log: Outgoing(log), guest: Outgoing(guest)}
        self._to_console = self._outgoing[log]
        self._to_guest = self._outgoing[guest]
        self._input = outlets.input if has_input else None

    def __enter__(self) -> "SerialLines":
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (*self._takers, *self._slaves):
            os.close(descriptor)
        self._selector.close()

    def also_drain(self, descriptor: int) -> None:
        """Reads and forgets what comes there, and closes it."""
        self._takers[descriptor] = lambda _: None

    def pump(self, wait_s: float) -> bool:
        """Passes on what comes within the time; False if nothing came. Raises EndKey."""
        came = False
        self._choose_descriptors()
        for key, events in self._selector.select(wait_s):
            if events & selectors.EVENT_WRITE:
                self._outgoing[key.fd].push()
            if events & selectors.EVENT_READ:
                came = self._read(key.fd) or came
        return came

    def _choose_descriptors(self) -> None:
        """Waits for what can go on: no input while what came before it is on its way."""
        for descriptor in list(self._selector.get_map()):
            self._selector.unregister(descriptor)
        for descriptor in self._takers:
            outgoing = self._outgoing.get(descriptor)
            is_writing = outgoing is not None and not outgoing.is_empty()
            self._selector.register(
                descriptor,
                selectors.EVENT_READ | (selectors.EVENT_WRITE if is_writing else 0))
        if self._input is not None and self.log.has_started and \
                not any(one.is_full() for one in self._outgoing.values()):
            self._selector.register(self._input, selectors.EVENT_READ)

    def _read(self, descriptor: int) -> bool:
        """Reads what a descriptor has; False if that is nothing."""
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if descriptor == self._input:
            self._take_input(data)
        elif not data:
            del self._takers[descriptor]
            os.close(descriptor)
            return False
        else:
            self._takers[descriptor](data)
        return bool(data)

    def _take_input(self, data: bytes) -> None:
        if not data:
            self._input = None
        console, guest = self._keys.split(data, is_one_line=not self.log.guest_has_a_line)
        self._to_console.put(console)
        (self._to_guest if self.log.guest_has_a_line else self._to_console).put(guest)

    def _make_terminal(self, path: Path) -> int:
        """A raw terminal; held open at its other end, it outlives an emulator that closes it."""
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        path.symlink_to(os.ttyname(slave))
        self._slaves.append(slave)
        return master

    def _take_log(self, data: bytes) -> None:
        self.byte_count += len(data)
        self._outlets.raw_log(data)
        shown = self.log.feed(data)
        if shown:
            self._outlets.log(shown)


def _make_fifo(path: Path) -> int:
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)
