# SPDX-License-Identifier: MIT
"""The emulator as a child process: its serial lines shown live, and its end with ours."""

import contextlib
import ctypes
import os
import pty
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trivet_lib.errors import STATUS_PANIC, STATUS_SIGNAL_BASE, STATUS_TIME_LIMIT, CallError
from trivet_lib.machine import ISO_NAME, Launch
from trivet_lib.serial_lines import Outlets, SerialLines
from trivet_lib.serial_log import why_bochs_stopped
from trivet_lib.typed_input import EndKey, raw_terminal

# After the log's last line the emulator may end by itself; silence means that it will not.
_GRACE_S = 2.0
_SILENCE_S = 0.3
_POLL_S = 0.05
_PROCESSOR_POLL_S = 0.5
_PR_SET_PDEATHSIG = 1
_ENGINE_OUTPUT = "engine.out"

@dataclass(frozen=True)
class Limits:
    """How long the emulator may take, in seconds; 0 is for ever.

    clock_s goes by the clock, processor_s by the processor time that the emulator has had, so that
    it holds on a busy computer too.
    """

    clock_s: float = 0
    processor_s: float = 0


class Stopped(Exception):
    """A signal asks us to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = STATUS_SIGNAL_BASE + number


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP become Stopped inside, so that every clean-up runs."""
    def stop(number: int, _frame: object) -> None:
        for one in numbers:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(launch: Launch, iso: Path, outlets: Outlets, limits: Limits) -> int:
    """Boots the image until the log's last line, the emulator's end or a time limit.

    Returns the exit status for the user. Raises CallError if the engine does not start, and
    whatever a writer or a signal raises; the emulator is gone in every case.
    """
    with tempfile.TemporaryDirectory(prefix="trivet-run-") as work_name:
        work = Path(work_name)
        (work / ISO_NAME).symlink_to(iso.resolve())
        for name, text in launch.files.items():
            (work / name).write_text(text, encoding="utf-8")
        with SerialLines(work, outlets, launch.has_input) as lines, \
                _child(launch, work) as child, raw_terminal(outlets.input):
            try:
                broken_limit = _watch(child, lines, limits)
            except EndKey:
                raise Stopped(signal.SIGINT) from None
        return _verdict(lines, broken_limit, launch, work, outlets)


@dataclass
class _Child:
    process: subprocess.Popen
    terminal: int | None


@contextlib.contextmanager
def _child(launch: Launch, work: Path) -> Iterator[_Child]:
    """The emulator in a session of its own; killed with its whole group on the way out."""
    master, slave = pty.openpty() if launch.needs_terminal else (None, None)
    with open(work / _ENGINE_OUTPUT, "wb") as output:
        stream = output if slave is None else slave
        try:
            process = subprocess.Popen(
                launch.command, cwd=work, stdin=subprocess.DEVNULL if slave is None else slave,
                stdout=stream, stderr=stream, start_new_session=True,
                env={**os.environ, "TERM": "xterm"}, preexec_fn=_die_with_parent(os.getpid()))
        except (OSError, subprocess.SubprocessError) as error:
            raise CallError(f"{launch.command[0]} cannot be started: {error}") from error
        finally:
            if slave is not None:
                os.close(slave)
    try:
        yield _Child(process, master)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _die_with_parent(parent: int) -> Callable[[], None]:
    """For the child, before it becomes the emulator: the kernel kills it when we are gone, however
    we went."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def set_up() -> None:
        if prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(STATUS_PANIC)

    return set_up


class _Deadline:
    """Watches the limits of a child."""

    def __init__(self, child: _Child, limits: Limits) -> None:
        self._stat = Path(f"/proc/{child.process.pid}/stat")
        self._limits = limits
        self._clock_end = time.monotonic() + (limits.clock_s or float("inf"))
        self._next_look = 0.0

    def broken(self, now: float) -> str:
        """In words, the limit that the child has reached; "" if none."""
        if now >= self._clock_end:
            return f"{self._limits.clock_s:g} s"
        if self._limits.processor_s and now >= self._next_look:
            self._next_look = now + _PROCESSOR_POLL_S
            if self._processor_s() >= self._limits.processor_s:
                return f"{self._limits.processor_s:g} s of processor time"
        return ""

    def _processor_s(self) -> float:
        """What all threads of the child have had, in its own code and in the system's: the fields
        utime and stime of proc(5), the 12th and 13th behind the name."""
        try:
            text = self._stat.read_text(encoding="ascii", errors="replace")
        except OSError:
            return 0  # It has ended.
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _watch(child: _Child, lines: SerialLines, limits: Limits) -> str | None:
    """Passes on the serial lines until there is a reason to stop.

    Returns None if the emulator ended, the limit that it has reached, "" after the last line.
    """
    if child.terminal is not None:
        lines.also_drain(child.terminal)
    deadline = _Deadline(child, limits)
    grace_end = float("inf")
    last_byte = time.monotonic()
    while True:
        exited = child.process.poll() is not None
        came = lines.pump(0 if exited else _POLL_S)
        now = time.monotonic()
        last_byte = now if came else last_byte
        if exited and not came:
            return None
        if lines.log.status is not None:
            grace_end = min(grace_end, now + _GRACE_S)
            if now >= grace_end or now - last_byte >= _SILENCE_S:
                return ""
        broken = deadline.broken(now)
        if broken:
            return broken


def _verdict(lines: SerialLines, broken_limit: str | None, launch: Launch, work: Path,
             outlets: Outlets) -> int:
    log = lines.log
    if not log.handed_over and log.prelude:
        outlets.log(log.prelude)
    if log.status is not None:
        return log.status
    if broken_limit is not None:
        outlets.say(f"no end within {broken_limit}: the emulator was stopped")
        return STATUS_TIME_LIMIT
    reason = _why_it_stopped(launch, work)
    if lines.byte_count == 0:
        raise CallError(f"the engine did not start: {reason}")
    outlets.say(f"the emulator stopped before the hypervisor's last line: {reason}")
    return STATUS_PANIC


def _why_it_stopped(launch: Launch, work: Path) -> str:
    def read(name: str) -> str:
        try:
            return (work / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    if launch.engine_log is not None:
        return why_bochs_stopped(read(launch.engine_log))
    words = read(_ENGINE_OUTPUT).strip().splitlines()
    return words[-1] if words else "it does not say why"
