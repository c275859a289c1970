# SPDX-License-Identifier: MIT
"""tools/trivet with real engines: statuses, live output, and no emulator left behind.

A script of GRUB's plays the hypervisor, so that each way to end can be had at will.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BOOT_LIMIT_S, TRIVET, grub_script_image, limits, trivet

from trivet_lib import grub_config, iso

ENGINES = ("bochs", "tcg")
SPINNING = b"demo: spins"
SPIN = "while [ 1 = 1 ]; do sleep 9; done"
# A process that was killed is gone at once; so long it may take on a busy computer.
GONE_LIMIT_S = 300


@pytest.fixture(scope="module")
def spinning_image(tmp_path_factory) -> Path:
    """An image that says so and then never ends."""
    return grub_script_image(tmp_path_factory.mktemp("spin") / "spin.iso",
                             [f"echo '{SPINNING.decode()}'", SPIN])


@pytest.mark.parametrize("engine", ENGINES)
def test_end_line_gives_the_exit_status(engine, boot, tmp_path):
    image = grub_script_image(tmp_path / "image.iso", [
        "echo 'demo| trivet: end status=3'", "echo 'trivet: end status=42'",
        SPIN])
    result = boot("boot", "-engine", engine, "-iso", image)
    assert result.status == 42, result
    assert result.log.splitlines()[-1] == "trivet: end status=42"


@pytest.mark.parametrize("engine", ENGINES)
def test_power_off_before_the_end_line_is_a_panic(engine, boot, tmp_path):
    image = grub_script_image(tmp_path / "image.iso", ["echo 'demo: ended'", "halt"])
    result = boot("boot", "-engine", engine, "-iso", image)
    assert result.status == 127, result
    assert "stopped before the hypervisor's last line" in result.messages


@pytest.mark.parametrize("engine", ENGINES)
def test_time_limit_gives_124(engine, spinning_image):
    begin = time.monotonic()
    result = trivet("boot", "-engine", engine, "-iso", spinning_image, "-timeout", 4)
    assert result.returncode == 124, result
    assert b"within 4 s:" in result.stderr
    assert time.monotonic() - begin < 4 + GONE_LIMIT_S


def test_limit_of_processor_time_gives_124(spinning_image):
    before = os.times()
    result = trivet("boot", "-engine", "bochs", "-iso", spinning_image, "-cputime", 2)
    after = os.times()
    assert result.returncode == 124, result
    assert b"within 2 s of processor time:" in result.stderr
    used_s = (after.children_user + after.children_system - before.children_user
              - before.children_system)
    assert used_s >= 2


def test_image_that_no_firmware_boots_runs_into_the_time_limit(tmp_path):
    image = tmp_path / "image.iso"
    image.write_bytes(b"\0" * (1 << 20))
    assert trivet("boot", "-engine", "tcg", "-iso", image, "-timeout", 5).returncode == 124


def test_image_that_grub_cannot_load_gives_126(boot, tmp_path, hypervisor):
    config = grub_config.direct_start([], ["/boot/no-such-module"])
    iso.build(tmp_path / "image.iso", config, {grub_config.HYPERVISOR_PATH: hypervisor})
    result = boot("boot", "-engine", "tcg", "-iso", tmp_path / "image.iso")
    assert result.status == 126, result
    assert "cannot be loaded" in result.log


def descendants(pid: int) -> set[int]:
    """The processes under this one, read from /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def is_running(pid: int) -> bool:
    """True if it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@contextlib.contextmanager
def booting(engine: str, image: Path, directory: Path) -> Iterator[subprocess.Popen]:
    """tools/trivet with its standard output to be read; gone at the end, even if a test fails."""
    process = subprocess.Popen(
        [TRIVET, "boot", "-engine", engine, "-iso", image, *limits(BOOT_LIMIT_S)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(directory)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for_line(process: subprocess.Popen, line: bytes) -> None:
    for read in process.stdout:
        if line in read:
            return
    pytest.fail(f"the output ended without {line!r}")


def wait_until_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + GONE_LIMIT_S
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, "the emulator outlives tools/trivet"
        time.sleep(0.05)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("number", [
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_signal_leaves_no_emulator_behind(engine, number, spinning_image, tmp_path):
    with booting(engine, spinning_image, tmp_path) as process:
        wait_for_line(process, SPINNING)
        emulators = descendants(process.pid)
        assert emulators, "the emulator runs while the image spins"
        process.send_signal(number)
        status = process.wait(GONE_LIMIT_S)
        wait_until_gone(emulators)
    if number == signal.SIGKILL:
        assert status == -number
    else:
        assert status == 128 + number
        assert list(tmp_path.iterdir()) == [], "the working directory is gone"


def test_reader_that_goes_away_ends_the_emulator(tmp_path):
    image = grub_script_image(tmp_path / "chatty.iso", ["while [ 1 = 1 ]; do echo chatter; done"])
    with booting("tcg", image, tmp_path) as process:
        wait_for_line(process, b"chatter")
        emulators = descendants(process.pid)
        process.stdout.close()
        assert process.wait(GONE_LIMIT_S) == 128 + signal.SIGPIPE
        wait_until_gone(emulators)
