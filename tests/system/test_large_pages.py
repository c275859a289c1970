# SPDX-License-Identifier: MIT
"""Large pages of a guest's EPT: split where it executes and nowhere else; never executable."""

import re
from dataclasses import dataclass

import bochs_machine
import pytest
from test_guests import AUDIT, Outcome, image, take_apart
from trivet_lib.machine import Machine

GUEST = "large_pages"
GUEST_MIB = 48
MACHINE_MEMORY_MIB = 256
LARGE_PAGES = GUEST_MIB // 2
SMALL_PAGES = 512

# What the guest executes from besides: its image, and below 1 MiB where processors start.
OWN_MAX = 2


@dataclass(frozen=True)
class Case:
    """A machine, and how many processors the guest has."""

    cpus: int
    vcpus: int
    option: str


CASES = [Case(2, 2, "auto"), Case(1, 2, "split"), Case(2, 2, "executable")]


def boot(case: Case) -> tuple[Outcome, str]:
    module = f"/boot/{GUEST} guest={GUEST} mem={GUEST_MIB}M vcpus={case.vcpus}"
    result = bochs_machine.boot(
        f"large-pages-{case.option}-{case.cpus}",
        bochs_machine.guests_config([module], [f"large_pages={case.option}"]),
        {f"boot/{GUEST}": image(GUEST)},
        Machine(MACHINE_MEMORY_MIB, processors=case.cpus))
    return take_apart(result.log)[GUEST], result.log


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.option}-on-{case.cpus}")
def test_each_page_that_is_executed_is_split_once(case: Case) -> None:
    outcome, log = boot(case)
    text = "\n".join(outcome.lines)
    assert outcome.status == 0 and not [
        rule for word, rule in outcome.results if word != "PASS"], text
    used = re.search(r"LARGE_PAGES used=(\d+)$", text, re.M)
    split = re.search(r"ept: large pages split=(\d+)$", text, re.M)
    audit = re.search(rf"{AUDIT} pages=(\d+) ", text)
    assert used and split and audit, text
    count = int(split[1])
    if case.option == "executable":
        assert count == 0
        assert "warning: ept: large_pages=executable: this CPU is not known to be free" in log
    else:
        assert int(used[1]) < count <= int(used[1]) + OWN_MAX
    assert int(audit[1]) == LARGE_PAGES - count + count * SMALL_PAGES
