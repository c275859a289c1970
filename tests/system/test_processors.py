# SPDX-License-Identifier: MIT
"""Every processor of the machine starts, enters VMX operation and stops again, or is left out."""

import re
from collections.abc import Sequence

import pytest
from conftest import Boot, Booter

PANIC = 127
REFUSED = 125

HASWELL = "corei7_haswell_4770"


def trap_lines(log: str) -> list[str]:
    return re.findall(r"^error: trap: (vector=.*)$", log, re.M)


def assert_all_run(result: Boot, ids: Sequence[int], found: int | None = None) -> None:
    """One line counts them, none is left out, and their clocks agree."""
    lines = re.findall(r"^cpus: (.*)$", result.log, re.M)
    text = ",".join(map(str, ids))
    assert lines == [f"count={len(ids)} found={found or len(ids)} apic ids={text}"], result.log
    # What CPUID claims of the clock is not true in Bochs, on the models that claim it.
    assert not re.search(r"^(warning|error): (cpus|tsc): (?!CPUID )", result.log, re.M), \
        result.log
    counts = re.findall(r"^tsc: synchronised on (\d+) processors within \d+ ticks$", result.log,
                        re.M)
    assert counts == ([str(len(ids))] if len(ids) > 1 else []), result.log


@pytest.mark.parametrize(("count", "model"), [
    (1, HASWELL), (2, HASWELL), (4, HASWELL), (8, HASWELL), (2, "corei7_ivy_bridge_3770k"),
    (2, "corei7_skylake_x"),
])
def test_all_enter_vmx_operation_and_stop(boot: Booter, count: int, model: str) -> None:
    result = boot("run", "-engine", "bochs", "-smp", str(count), "-cpu", model)
    assert result.status == 0, result.log
    assert_all_run(result, range(count))
    # Said once, whatever the count.
    assert len(re.findall(r"^vmx: VMX root operation entered", result.log, re.M)) == 1
    assert "does not stop" not in result.log


def test_self_test_with_others_parked(boot: Booter) -> None:
    result = boot("run", "-engine", "bochs", "-smp", "2", "-hypervisor", "mode=selftest")
    assert result.status == 0, result.log
    assert_all_run(result, range(2))
    assert "selftest: FAIL" not in result.log and "selftest: PASS" in result.log


def test_option_limits_how_many_are_used(boot: Booter) -> None:
    result = boot("run", "-engine", "bochs", "-smp", "4", "-hypervisor", "cpus=2")
    assert result.status == 0, result.log
    assert_all_run(result, range(2), found=4)


def test_without_acpi_the_boot_processor_runs_alone(boot: Booter) -> None:
    """OVMF has no ACPI tables in Bochs."""
    result = boot("run", "-engine", "bochs", "-smp", "2", "-firmware", "uefi")
    assert result.status == 0, result.log
    assert "warning: cpus: ACPI names no processors" in result.log
    assert "cpus: count=1 found=1 apic ids=0" in result.log


@pytest.mark.parametrize(("engine", "model", "firmware"), [
    ("bochs", HASWELL, "bios"),
    ("bochs", "p4_prescott_celeron_336", "bios"),  # No x2APIC, no VMX.
    ("tcg", "max", "bios"),
    ("tcg", "qemu64", "uefi"),
])
def test_a_trap_stops_all_with_one_report(
        boot: Booter, engine: str, model: str, firmware: str) -> None:
    result = boot("run", "-engine", engine, "-smp", "4", "-cpu", model, "-firmware", firmware,
                  "-hypervisor", "mode=trap")
    assert result.status == PANIC, result.log
    assert "cpus: count=4 found=4 apic ids=0,1,2,3" in result.log
    assert len(trap_lines(result.log)) == 1, result.log
    assert "error: panic: on processor 0 apic_id=0; the others stop" in result.log
    report = result.log[result.log.index("error: trap:"):]
    # Nothing of another processor's stands between the lines of the report.
    assert all(re.match(r"error: (trap|backtrace): |trivet: end status=127$", line)
               for line in report.strip().splitlines()), report


def test_qemu_without_vmx_refuses_with_four(boot: Booter) -> None:
    result = boot("run", "-engine", "tcg", "-smp", "4")
    assert result.status == REFUSED, result.log
    assert re.search(r"^error: doctor: .*VMX", result.log, re.M), result.log
