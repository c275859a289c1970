# SPDX-License-Identifier: MIT
"""Guests that end, start and stop in every state, beside one that looks at itself all the time."""

import re

import pytest
from bochs_machine import CANNON_LAKE, HASWELL, IVY_BRIDGE, SKYLAKE, Platform, Result
from test_several_guests import assert_passed, run, said

# How often the others are restarted; and started, stopped and restarted at random. The second
# number is `make test-long`'s.
LIVES = (40, 1000)
OPERATIONS = (60, 1000)
# Four emulated processors take ten minutes for them.
LONG_LIMIT_S = 3600
# The log of each life leaves by a serial line.
IPS = 1_000_000

# tests/guests/init_and_end, by the ways in which it ends; a name for each.
ENDERS = {
    "init_and_end-call": "restart=always -- way=0",
    "init_and_end-reset": "restart=always -- way=1",
    "init_and_end-apic": "restart=always hypercalls=none -- way=2",
}
# What a manager may find: waiting for STARTUP, in the middle of INIT, resetting, crashing, halted,
# busy with interrupts, alone on its processor.
MANAGED = {
    "init_and_end-call": "vcpus=2 restart=always -- way=0",
    "init_and_end-apic": "vcpus=2 restart=always -- way=2",
    "init_and_end-crash": "vcpus=2 restart=always -- way=3",
    "init_and_end-forever": "vcpus=2 restart=always -- way=4",
    "smp_ipi_kvm": "vcpus=2 restart=always",
    "smp_storm_hostile": "vcpus=3 restart=always",
    "hlt": "restart=always",
}


def assert_whole(result: Result) -> None:
    assert "panic" not in result.log, result.log[-4000:]
    assert_passed(result, "self_check")
    assert "self_check: ended: debug-exit port code=0 status=0" in result.log, result.log[-4000:]
    assert not re.search(r"^error: ", result.log, re.M), re.findall(r"^error: .*", result.log, re.M)


def counts(short_and_long: tuple[int, int]) -> list:
    short, long = short_and_long
    return [pytest.param(short, id="short"),
            pytest.param(long, id="long", marks=pytest.mark.long)]


def on_some(*machines: tuple[int, Platform]) -> pytest.MarkDecorator:
    """A machine by its number of processors and its platform."""
    return pytest.mark.parametrize(("processors", "platform"), [
        pytest.param(*machine, id=f"{machine[0]}-{machine[1]}") for machine in machines])


@pytest.mark.parametrize("lives", counts(LIVES))
@on_some(
    (1, Platform()), (2, Platform()), (4, Platform()), (1, Platform(IVY_BRIDGE)),
    (2, Platform(IVY_BRIDGE, "software")), (1, Platform(SKYLAKE)),
    (2, Platform(SKYLAKE, "software")), (1, Platform(CANNON_LAKE, "software")),
    (2, Platform(CANNON_LAKE)))
def test_a_processor_that_is_to_start_as_its_guest_ends_harms_no_other(
        processors: int, platform: Platform, lives: int) -> None:
    result = run(f"init-and-end-{processors}-{lives}", processors, {
        "self_check": f"vcpus={processors} manage=yes -- lives={lives}",
        **{name: f"vcpus=2 {words}" for name, words in ENDERS.items()},
    }, ips=IPS, platform=platform, limit_s=LONG_LIMIT_S)
    assert_whole(result)
    [lived] = re.findall(r"^lives=(\d+)$", "\n".join(said(result, "self_check")), re.M)
    assert int(lived) >= lives
    # An end is reported for each life, and as what it was.
    for name, end in zip(ENDERS, ("end call", "reset", "reset")):
        ends = re.findall(rf"^{name}: ended: ([a-z ]+) code=", result.log, re.M)
        assert ends.count(end) >= lives // 8 and set(ends) <= {end, "stopped"}, (name, ends)


@pytest.mark.parametrize("operations", counts(OPERATIONS))
@on_some(
    (1, Platform()), (2, Platform()), (4, Platform()), (2, Platform(HASWELL, "software")),
    (1, Platform(IVY_BRIDGE, "software")), (2, Platform(IVY_BRIDGE)), (2, Platform(SKYLAKE)),
    (1, Platform(SKYLAKE, "software")), (1, Platform(CANNON_LAKE)),
    (2, Platform(CANNON_LAKE, "software")))
def test_a_manager_at_random_harms_no_other(
        processors: int, platform: Platform, operations: int) -> None:
    result = run(f"manage-at-random-{processors}-{operations}", processors, {
        "self_check": f"vcpus={processors} manage=yes -- operations={operations}",
        **MANAGED,
    }, platform=platform, limit_s=LONG_LIMIT_S)
    assert_whole(result)
