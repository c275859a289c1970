# SPDX-License-Identifier: MIT
"""The hypervisor's log as it comes over the serial line: where it starts, and how it ends."""

import re

from trivet_lib.grub_config import HANDOVER_LINE
from trivet_lib.machine import GUEST_SERIAL_PORT

# Firmware that mirrors the screen to the serial line may put more behind it.
_END = re.compile(rb"trivet: end status=([0-9]{1,3})(?![0-9])")
_STARTED = re.compile(rb"[\w.+-]+: started ticks_since_boot=")
_GUEST_LINE = re.compile(rb'trivet: loader=.* options="(?:[^"]* )?guest_serial='
                         + GUEST_SERIAL_PORT.encode() + rb'[ ,"]')
_LINE_LIMIT_BYTES = 4096
_PRELUDE_LIMIT_BYTES = 1 << 16


class SerialLog:
    """Watches the bytes of the log.

    `status` is None until the line that ends a run has come, `has_started` false until a guest
    runs. `guest_has_a_line` says that guests' serial lines are on the port that is theirs here, and
    not in the log. `prelude` has what came before GRUB handed over: GRUB's own words, of interest
    only if it never does.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.handed_over = False
        self.has_started = False
        self.guest_has_a_line = False
        self.prelude = b""
        self._line = b""

    def feed(self, data: bytes) -> bytes:
        """Takes what has come; returns what of it is to be shown: the log from the handover on."""
        shown = []
        for piece in data.replace(b"\r", b"").splitlines(keepends=True):
            self._line = (self._line + piece)[-_LINE_LIMIT_BYTES:]
            if self.handed_over:
                shown.append(piece)
            else:
                self.prelude = (self.prelude + piece)[-_PRELUDE_LIMIT_BYTES:]
            if piece.endswith(b"\n"):
                self._take_line(self._line[:-1])
                self._line = b""
        return b"".join(shown)

    def _take_line(self, line: bytes) -> None:
        match = _END.match(line)
        if match is not None:
            self.status = min(int(match[1]), 255)
        elif _STARTED.match(line):
            self.has_started = True
        elif _GUEST_LINE.match(line):
            self.guest_has_a_line = True
        elif HANDOVER_LINE.encode() in line:
            self.handed_over = True


def why_bochs_stopped(text: str) -> str:
    """Bochs' own reason, from its log: the last line that it calls a panic or an error."""
    reason = "its log does not say why"
    for line in text.splitlines():
        match = re.match(r"\d{11}([pe])(\[.*)", line)
        if match is not None:
            reason = re.sub(r"\s+", " ", match[2])
            if match[1] == "p":
                break
    return reason
