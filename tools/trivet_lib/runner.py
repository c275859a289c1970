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
_PR_SET_PDEATHSIG = 1
_ENGINE_OUTPUT = "engine.out"

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


def run(launch: Launch, iso: Path, outlets: Outlets, timeout_s: float) -> int:
    """Boots the image until the log's last line, the emulator's end or the time limit (0: none).

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
                ended_by_itself = _watch(child, lines, timeout_s)
            except EndKey:
                raise Stopped(signal.SIGINT) from None
        return _verdict(lines, ended_by_itself, launch, work, outlets, timeout_s)


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


def _watch(child: _Child, lines: SerialLines, timeout_s: float) -> bool:
    """Passes on the serial lines until there is a reason to stop; True if the emulator ended."""
    if child.terminal is not None:
        lines.also_drain(child.terminal)
    deadline = time.monotonic() + timeout_s if timeout_s else float("inf")
    grace_end = float("inf")
    last_byte = time.monotonic()
    while True:
        exited = child.process.poll() is not None
        came = lines.pump(0 if exited else _POLL_S)
        now = time.monotonic()
        last_byte = now if came else last_byte
        if exited and not came:
            return True
        if lines.log.status is not None:
            grace_end = min(grace_end, now + _GRACE_S)
            if now >= grace_end or now - last_byte >= _SILENCE_S:
                return False
        if now >= deadline:
            return False


def _verdict(lines: SerialLines, ended_by_itself: bool, launch: Launch, work: Path,
             outlets: Outlets, timeout_s: float) -> int:
    log = lines.log
    if not log.handed_over and log.prelude:
        outlets.log(log.prelude)
    if log.status is not None:
        return log.status
    if not ended_by_itself:
        outlets.say(f"no end within {timeout_s:g} s: the emulator was stopped")
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
