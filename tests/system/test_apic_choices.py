# SPDX-License-Identifier: MIT
"""The local APIC's rules, whoever does its work and whichever timer takes the CPU back."""

import pytest
from conftest import BUILD, Booter

HASWELL = "corei7_haswell_4770"
SKYLAKE = "corei7_skylake_x"
CANNON_LAKE = "corei3_cnl"
SANDY_BRIDGE = "corei7_sandy_bridge_2600k"

SOFTWARE = "local APIC: software"
TPR_SHADOW = "local APIC: TPR shadow"
REGISTERS = "local APIC: APIC-register virtualization"
DELIVERY = "local APIC: virtual-interrupt delivery"
PREEMPTION = "timer: VMX-preemption timer"
HOST = "timer: the host's local APIC"


@pytest.mark.parametrize(("cpu", "options", "apic", "timer"), [
    (HASWELL, "apic=auto", REGISTERS, PREEMPTION),
    (HASWELL, "apic=software", SOFTWARE, PREEMPTION),
    (HASWELL, "apic=hardware", DELIVERY, PREEMPTION),
    (HASWELL, "apic=software timer=host", SOFTWARE, HOST),
    (HASWELL, "apic=auto timer=host", REGISTERS, HOST),
    (SKYLAKE, "apic=hardware", DELIVERY, PREEMPTION),
    (SKYLAKE, "apic=software", SOFTWARE, PREEMPTION),
    (CANNON_LAKE, "apic=hardware", TPR_SHADOW, PREEMPTION),
    (CANNON_LAKE, "apic=software timer=host", SOFTWARE, HOST),
    (SANDY_BRIDGE, "apic=auto", TPR_SHADOW, PREEMPTION),
])
def test_the_apics_rules_hold(boot: Booter, cpu: str, options: str, apic: str, timer: str) -> None:
    result = boot("run", "-engine", "bochs", "-cpu", cpu, "-kernel",
                  BUILD / "guests" / "apic.elf", "-m", "16M", "-hypervisor", options)
    output = result.output.decode("ascii", "replace")
    assert result.status == 0, output
    assert "FAIL" not in output
    assert "PASS " in output
    assert f"apic.elf: {apic}\n" in result.log
    assert f"apic.elf: {timer}\n" in result.log
    assert "audit: EPT maps only its own RAM" in result.log
    taken_back = "PREEMPTION_TIMER" if timer == PREEMPTION else "EXTERNAL_INTERRUPT"
    assert f"exit  {taken_back}" in result.log
    assert ("exit  EXTERNAL_INTERRUPT" in result.log) == (timer == HOST)
