# SPDX-License-Identifier: MIT
"""The self-test on every CPU model, with Bochs as the second opinion on each refused VM entry."""

import re

import bochs_machine
import pytest
from bochs_machine import MODELS
from trivet_lib.machine import Machine

BROKEN_FIELDS_MINIMUM = 25
MEMORY_MIB = 256


@pytest.mark.parametrize("model", MODELS)
def test_selftest(model: str) -> None:
    result = bochs_machine.boot(
        f"selftest-{model}", bochs_machine.guests_config([], ["mode=selftest"]), {},
        Machine(MEMORY_MIB, cpu=model))
    assert result.status == 0, result.log[-4000:]
    lines = re.findall(r"^selftest: (PASS|FAIL|SKIP) (\w+): (.*)$", result.log, re.M)
    assert [line for line in lines if line[0] == "FAIL"] == []
    refused = [line for line in lines
               if line[0] == "PASS" and line[1].startswith("entry_")
               and not line[1].endswith("_good_vmcs_enters")]
    fields = {re.search(r"software: (\w+)=", text)[1] for _, _, text in refused}
    assert len(fields) >= BROKEN_FIELDS_MINIMUM
    by_vmfail = [line for line in refused if "VMfail" in line[2]]
    assert (len(by_vmfail), len(refused) - len(by_vmfail)) == bochs_refusals(result.engine_log)


def bochs_refusals(log: str) -> tuple[int, int]:
    """How many VM entries Bochs refused by VMfail, and how many by a VM exit, by its own log.

    It gives a reason for each; the link pointer's is named VMFAIL but is a check of guest state.
    """
    vmfails = re.findall(r"VMFAIL: (?!VMCS link pointer)", log)
    return len(vmfails), len(re.findall(r"VMEXIT: Guest State Checks Failed", log))


def test_selftest_runs_the_rest() -> None:
    """The rows that are not about VM entries, by name: none may fall away unnoticed."""
    result = bochs_machine.boot(
        "selftest-names", bochs_machine.guests_config([], ["mode=selftest"]), {},
        Machine(MEMORY_MIB))
    passed = set(re.findall(r"^selftest: PASS (\w+):", result.log, re.M))
    assert {
        "trap_breakpoint_returns",
        "rdmsr_of_no_msr_is_survived",
        "ept_misconfiguration_ends_the_guest",
        "external_interrupt_in_spin_with_if_0",
        "external_interrupt_in_spin_with_if_1",
        "nmi_comes_to_the_host",
    } <= passed
