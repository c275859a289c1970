# SPDX-License-Identifier: MIT
"""Guests that end, start and stop in every state, beside one that looks at itself all the time."""

import os
import re

import pytest
from bochs_machine import Result
from test_several_guests import assert_passed, run, said

# How often the others live, or are started, stopped and restarted. `make test-long` takes more.
IS_LONG = os.environ.get("TRIVET_TEST_LONG") == "1"
LIVES = 1000 if IS_LONG else 120
OPERATIONS = 1000 if IS_LONG else 120

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


@pytest.mark.parametrize("processors", [1, 2, 4])
def test_a_processor_that_is_to_start_as_its_guest_ends_harms_no_other(processors: int) -> None:
    result = run(f"init-and-end-{processors}", processors, {
        "self_check": f"vcpus={processors} manage=yes -- lives={LIVES}",
        **{name: f"vcpus=2 {words}" for name, words in ENDERS.items()},
    })
    assert_whole(result)
    [lives] = re.findall(r"^lives=(\d+)$", "\n".join(said(result, "self_check")), re.M)
    assert int(lives) >= LIVES
    # An end is reported for each life, and as what it was.
    for name, end in zip(ENDERS, ("end call", "reset", "reset")):
        ends = re.findall(rf"^{name}: ended: ([a-z ]+) code=", result.log, re.M)
        assert ends.count(end) >= LIVES // 6 and set(ends) <= {end, "stopped"}, (name, ends)


@pytest.mark.parametrize(("processors", "apic"), [(1, "auto"), (2, "auto"), (4, "auto"),
                                                  (1, "software"), (2, "software")])
def test_a_manager_at_random_harms_nobody(processors: int, apic: str) -> None:
    result = run(f"manage-at-random-{processors}-{apic}", processors, {
        "self_check": f"vcpus={processors} manage=yes -- operations={OPERATIONS}",
        **MANAGED,
    }, [f"apic={apic}"])
    assert_whole(result)
