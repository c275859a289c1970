# SPDX-License-Identifier: MIT
"""The operator's keys with two guests in Bochs: the input changes hands; guests are listed,
stopped, started and restarted."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bochs_machine import HASWELL, PLATFORMS, Platform
from conftest import HANG_LIMIT_S, HYPERVISOR, TRIVET, limits
from test_guests import image as guest_image
from trivet_lib import grub_config, iso

# Of the emulator's processor time, for all that is typed and answered.
LIMIT_S = 240
GUESTS = ("one", "two")


class Operator:
    """A run of two guests that send back what is typed, and somebody who types."""

    def __init__(self, image: Path, log: Path, memory: str, cpu: str = HASWELL) -> None:
        self._log = log
        with open(log, "wb"):
            pass
        self.process = subprocess.Popen(
            [TRIVET, "boot", "-engine", "bochs", "-cpu", cpu, "-iso", image, "-m", memory,
             "-log", log, *limits(LIMIT_S)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def text(self) -> str:
        return self._log.read_bytes().replace(b"\r", b"").decode("utf-8", "replace")

    def type(self, keys: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(keys)
        self.process.stdin.flush()

    def sees(self, pattern: str, count: int = 1) -> None:
        """Waits until so many lines of the log have the pattern; the run's own limit ends it."""
        is_over = False
        while len(re.findall(pattern, self.text(), re.M)) < count:
            assert not is_over, f"no {pattern}\n{self.text()[-3000:]}"
            # What came before the end is looked at once more.
            is_over = self.process.poll() is not None
            time.sleep(0 if is_over else 0.1)


def machine(tmp_path: Path, log_path: Path, memory: str, sizes: dict[str, str], *,
            program: str = "console_echo", words: str = "echo=1",
            platform: Platform = Platform()) -> Iterator[Operator]:
    """A machine with that memory, and guests of these names and sizes that run a test guest."""
    image = tmp_path / "keys.iso"
    modules = [f"/boot/{program} guest={name} mem={size} -- {words}"
               for name, size in sizes.items()]
    iso.build(image, grub_config.direct_start(["end=poweroff", platform.option()], modules),
              {grub_config.HYPERVISOR_PATH: HYPERVISOR, f"boot/{program}": guest_image(program)})
    run = Operator(image, log_path, memory, platform.cpu)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()


@pytest.fixture(params=PLATFORMS, ids=str)
def operator(request: pytest.FixtureRequest, tmp_path: Path, log_path: Path) -> Iterator[Operator]:
    yield from machine(
        tmp_path, log_path, "128M", {"one": "16M", "two": "16M"}, platform=request.param)


@pytest.fixture
def operator_of_much_memory(tmp_path: Path, log_path: Path) -> Iterator[Operator]:
    yield from machine(tmp_path, log_path, "512M", {"one": "16M", "two": "300M"})


def test_the_keys_do_what_their_list_says(operator: Operator) -> None:
    for name in GUESTS:
        operator.sees(rf"^{name}\| echo: ready$")
    operator.type(b"to the first\n")
    operator.sees(r"^one\| to the first$")
    operator.type(b"\x01n")
    operator.sees(r"^keys: the input is for two$")
    operator.type(b"to the second\n")
    operator.sees(r"^two\| to the second$")
    operator.type(b"\x01l")
    operator.sees(r"^guests: 1 one runs vcpus=1 weight=256 ran=\d+ ms waited=\d+ ms restarts=0$")
    operator.sees(r"^guests: 2 two runs, has the input vcpus=1 ")
    operator.type(b"\x01s")
    operator.sees(r"^two: ended: stopped code=0 status=0$")
    operator.type(b"\x01l")
    operator.sees(r"^guests: 2 two stopped")
    operator.type(b"\x01S")
    operator.sees(r"^two\| echo: ready$", 2)
    operator.type(b"\x012\x01R")
    operator.sees(r"^two: restart number 1$")
    operator.sees(r"^two\| echo: ready$", 3)
    operator.type(b"after that\n")
    operator.sees(r"^two\| after that$")
    operator.type(b"\x011")
    operator.sees(r"^keys: the input is for one$")
    # The first has been left alone through all of that, and what it had read is behind it.
    operator.type(b"still there\n\x04")
    operator.sees(r"^one\| still there$")
    operator.sees(r"^one: ended: ")
    operator.type(b"\x012\x04")
    assert operator.process.wait(HANG_LIMIT_S) == 0, operator.text()[-3000:]
    assert "one: restart" not in operator.text()


def test_the_keys_are_answered_while_much_memory_is_cleared(
        operator_of_much_memory: Operator) -> None:
    operator = operator_of_much_memory
    operator.sees(r"^audit: guests=2 ")
    operator.type(b"\x012\x01l\x01s")
    operator.sees(r"^keys: the input is for two$")
    operator.sees(r"^guests: 2 two is prepared: its memory is being cleared, has the input ")
    operator.sees(r"^two: ended: stopped code=0 status=0$")
    operator.sees(r"^one: started ")
    # It keeps its memory, and starts when that is clear.
    operator.type(b"\x012\x01S")
    operator.sees(r"^two\| echo: ready$")
    assert len(re.findall(r"^two: started ", operator.text(), re.M)) == 1
    operator.type(b"\x012\x04")
    operator.sees(r"^two: ended: debug-exit port code=0 ")
    operator.type(b"\x011\x04")
    assert operator.process.wait(HANG_LIMIT_S) == 0, operator.text()[-3000:]
