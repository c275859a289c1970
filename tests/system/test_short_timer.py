# SPDX-License-Identifier: MIT
"""A guest whose timer strikes all the time, and which spins with interrupts disabled, on the one
processor that the machine has: keys, wakes and wishes of others are looked after all the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from bochs_machine import PLATFORMS, Platform
from conftest import HANG_LIMIT_S
from test_operator_keys import Operator, machine
from test_several_guests import assert_passed, run

# Between two of the host's looks, as often as it looks, and so short that little else is done.
PERIODS_US = (10_000, 100_000, 300)
SPINS = "forever=1 period_us="
# Of the emulator's processor time: some seconds of the guests' are needed.
LIMIT_S = 120


def each_platform_and_period() -> pytest.MarkDecorator:
    """Every period on the first model, the middling one on the others."""
    return pytest.mark.parametrize(("platform", "period_us"), [
        pytest.param(platform, period, id=f"{platform}-{period}-us") for platform in PLATFORMS
        for period in (PERIODS_US if platform == Platform() else PERIODS_US[:1])])


@each_platform_and_period()
def test_a_processor_that_is_woken_gets_its_turn(platform: Platform, period_us: int) -> None:
    result = run(f"woken-{period_us}", 1, {"short_timer": f"vcpus=2 -- {SPINS}{period_us}"},
                 platform=platform, limit_s=LIMIT_S)
    assert_passed(result, "short_timer")
    assert result.status == 0, result.log[-4000:]


@each_platform_and_period()
def test_another_guest_wakes_from_its_sleep_and_stops_it(
        platform: Platform, period_us: int) -> None:
    """The manager sleeps 10 ms between its looks; it stops, starts, restarts and stops it."""
    result = run(f"stopped-{period_us}", 1, {
        "manage": "manage=yes", "short_timer": f"-- {SPINS}{period_us}"},
        platform=platform, limit_s=LIMIT_S)
    assert_passed(result, "manage")
    assert result.log.count("short_timer: ended: stopped code=0 status=0") == 3
    assert result.status == 0, result.log[-4000:]


@pytest.fixture(params=PLATFORMS, ids=str)
def operator(request: pytest.FixtureRequest, tmp_path: Path, log_path: Path) -> Iterator[Operator]:
    yield from machine(tmp_path, log_path, "128M", {"busy": "16M"}, program="short_timer",
                       words=f"{SPINS}{PERIODS_US[0]}", platform=request.param)


def test_keys_are_answered(operator: Operator) -> None:
    operator.sees(r"^(busy\| )?short_timer: spins$")
    operator.type(b"\x01l")
    operator.sees(r"^guests: 1 busy runs")
    operator.type(b"\x01R")
    operator.sees(r"^busy: restart number 1$")
    operator.sees(r"^(busy\| )?short_timer: spins$", 2)
    operator.type(b"\x01s")
    operator.sees(r"^busy: ended: stopped code=0 status=0$")
    assert operator.process.wait(HANG_LIMIT_S) == 0, operator.text()[-3000:]
    assert not re.search(r"panic", operator.text())
