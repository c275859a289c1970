# SPDX-License-Identifier: MIT
"""Machines on which Trivet cannot run, or just can: each gets its report and a clean stop."""

import re

import bochs_machine
import pytest
from bochs_machine import LEGACY_BIOS
from conftest import Booter
from trivet_lib import grub_config
from trivet_lib.machine import Machine

REFUSED = 125
MEMORY_MIB = 256


@pytest.mark.parametrize(("model", "missing"), [
    ("corei5_lynnfield_750", "unrestricted guest"),
    ("core2_penryn_t9600", "enable EPT"),
    ("bx_generic", "enable EPT"),
    ("p4_prescott_celeron_336", "VMX"),
])
def test_cpu_without(boot: Booter, model: str, missing: str) -> None:
    result = boot("run", "-engine", "bochs", "-cpu", model)
    assert result.status == REFUSED, result.log
    assert re.search(rf"^error: doctor: .*{missing}", result.log, re.M), result.log
    assert "VMX root operation entered" not in result.log


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_qemu_without_vmx(boot: Booter, firmware: str) -> None:
    result = boot("run", "-engine", "tcg", "-firmware", firmware)
    assert result.status == REFUSED, result.log
    assert re.search(r"^error: doctor: .*VMX", result.log, re.M), result.log


def demo_with_legacy_bios(name: str, first_commands: str) -> bochs_machine.Result:
    config = first_commands + bochs_machine.guests_config([])
    return bochs_machine.boot(name, config, {}, Machine(MEMORY_MIB), bios=LEGACY_BIOS)


def test_feature_control_unlocked() -> None:
    result = demo_with_legacy_bios("feature-control-unlocked", "")
    assert result.status == 0, result.log
    assert "IA32_FEATURE_CONTROL was unlocked" in result.log


def test_feature_control_locked_with_vmx_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grub_config, "MODULES", (*grub_config.MODULES, "wrmsr"))
    result = demo_with_legacy_bios("feature-control-off", "wrmsr 0x3a 0x1\n")
    assert result.status == REFUSED, result.log
    assert re.search(r"^error: doctor: .*IA32_FEATURE_CONTROL", result.log, re.M), result.log
    assert re.search(r"firmware", result.log), result.log


def test_feature_control_locked_on(boot: Booter) -> None:
    result = boot("run", "-engine", "bochs")
    assert result.status == 0, result.log
    assert "IA32_FEATURE_CONTROL locked by the firmware with VMX on" in result.log


def test_demo_under_uefi(boot: Booter) -> None:
    result = boot("run", "-engine", "bochs", "-firmware", "uefi")
    assert result.status == 0, result.log
    assert b"ping -> 21930 (0x55aa)" in result.output
