# SPDX-License-Identifier: MIT
"""tools/trivet: what is typed or piped in, on its way to the guest and to the hypervisor."""

import os
import pty
import random
import re
import subprocess
import time

import pytest
from conftest import BUILD, HANG_LIMIT_S, TRIVET, limits

from trivet_lib import typed_input

ECHO = BUILD / "guests" / "console_echo.elf"
LIMIT_S = 120
PASTE_BYTES = 64 * 1024
SUM_FACTOR = 31


def run(data: bytes, append: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [TRIVET, "run", "-engine", "bochs", "-kernel", ECHO, "-append", append,
         *limits(LIMIT_S)], input=data, capture_output=True, check=False)


def test_what_is_piped_in_reaches_the_guest() -> None:
    result = run(b"hello, guest\x01\x01!\x04", "echo=1")
    assert result.returncode == 0, result.stderr
    assert b"hello, guest\x01!" in result.stdout


def test_a_key_shows_the_counters_of_a_running_guest() -> None:
    with subprocess.Popen(
            [TRIVET, "run", "-engine", "bochs", "-kernel", ECHO, "-append", "echo=1",
             *limits(LIMIT_S)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) as process:
        assert b"echo: ready" in process.stdout.readline()
        _, errors = process.communicate(b"\x01c\x01ra\x04", HANG_LIMIT_S)
    log = errors.decode()
    assert process.returncode == 0, log
    assert len(re.findall(r"^console_echo.elf: count of", log, re.M)) == 2
    before_end = log[:log.index("console_echo.elf: ended")]
    assert re.search(r"^console_echo.elf: exit  IO_INSTRUCTION", before_end, re.M)
    assert "rip=" in before_end.lower()


def test_a_paste_of_64_kib_arrives_whole() -> None:
    data = bytes(random.Random(5).choices([n for n in range(256) if n != 1], k=PASTE_BYTES))
    total = 0
    for byte in data:
        total = (total * SUM_FACTOR + byte) & 0xffffffff
    result = run(data, f"bytes={PASTE_BYTES}")
    assert result.returncode == 0, result.stderr
    assert f"echo: bytes={PASTE_BYTES} sum=0x{total:x} overruns=0".encode() in result.stdout


def test_ctrl_a_x_on_a_terminal_ends_the_run() -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [TRIVET, "run", "-engine", "bochs", "-kernel", ECHO, "-append", "echo=1",
         *limits(LIMIT_S)], stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: _take_terminal(slave))
    try:
        assert process.stdout is not None
        assert b"echo: ready" in process.stdout.readline()
        os.write(master, b"abc\x03\x01x")
        assert process.wait(HANG_LIMIT_S) == 130
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def _take_terminal(slave: int) -> None:
    """For the child: the terminal is that of its own session, with it in the foreground."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def test_keys_are_told_from_the_guests_bytes() -> None:
    keys = typed_input.Keys()
    assert keys.split(b"ab\x01cd\x01\x01e", is_one_line=False) == (b"\x01c", b"abd\x01e")
    assert keys.split(b"f\x01", is_one_line=False) == (b"", b"f")
    assert keys.split(b"rg", is_one_line=False) == (b"\x01r", b"g")
    with pytest.raises(typed_input.EndKey):
        keys.split(b"a\x01x", is_one_line=False)


def test_on_one_line_the_hypervisor_gets_both_bytes_of_a_doubled_prefix() -> None:
    assert typed_input.Keys().split(b"\x01\x01", is_one_line=True) == (b"", b"\x01\x01")


def test_null_device_is_no_input_and_a_pipe_is() -> None:
    with open(os.devnull, "rb") as null:
        assert not typed_input.is_input(null.fileno())
    reading, writing = os.pipe()
    assert typed_input.is_input(reading)
    os.close(reading)
    assert not typed_input.is_input(reading)
    os.close(writing)


def test_outgoing_bytes_wait_for_room() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    outgoing = typed_input.Outgoing(writing)
    outgoing.put(b"x" * (1 << 20))
    outgoing.push()
    assert outgoing.is_full() and not outgoing.is_empty()
    taken = 0
    deadline = time.monotonic() + HANG_LIMIT_S
    while taken < 1 << 20 and time.monotonic() < deadline:
        taken += len(os.read(reading, 1 << 16))
        outgoing.push()
    assert taken == 1 << 20 and outgoing.is_empty()
    os.close(reading)
    os.close(writing)
