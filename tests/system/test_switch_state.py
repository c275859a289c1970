# SPDX-License-Identifier: MIT
"""Guests that hold values of their own in every register, several on one processor."""

import re

import bochs_machine
import pytest
from bochs_machine import Result
from test_guests import AUDIT
from test_guests import image as guest_image
from trivet_lib.machine import Machine

ROUNDS = 800
SOFTWARE = "apic=software"
AVX512 = {"opmask", "zmm_hi256", "hi16_zmm"}

# What the model does not have, and guests are not shown.
ABSENT = {
    "corei7_haswell_4770": AVX512 | {"pkru"},
    "corei7_ivy_bridge_3770k": AVX512 | {"pkru"},
    "corei7_skylake_x": {"pkru"},
    "corei3_cnl": set(),
}
MACHINES = [*((model, "") for model in ABSENT), ("corei7_haswell_4770", SOFTWARE),
            ("corei7_skylake_x", SOFTWARE)]

# The first resets once: what it finds after that is fresh too.
GUESTS = {
    "left": f"vcpus=2 restart=reset -- seed=1 rounds={ROUNDS} again=1",
    "right": f"vcpus=2 -- seed=2 rounds={ROUNDS}",
    "third": f"vcpus=1 -- seed=3 rounds={ROUNDS}",
}
VCPUS = {"left": 2, "right": 2, "third": 1}

KEPT = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7", "cr2", "cr8", "sysenter_cs", "sysenter_esp",
        "sysenter_eip", "debugctl", "pat", "efer", "star", "lstar", "cstar", "fmask", "fs_base",
        "kernel_gs_base", "tsc_aux", "x87", "sse", "avx", "opmask", "zmm_hi256", "hi16_zmm",
        "pkru", "xcr0", "general_registers", "rflags", "gs_base")
NOT_KNOWN_FRESH = {"efer", "general_registers", "rflags", "gs_base"}


def run(model: str, option: str) -> Result:
    modules = [f"/boot/switch_state guest={name} mem=16M {words}"
               for name, words in GUESTS.items()]
    return bochs_machine.boot(
        f"switch-state-{model}{'-software' if option else ''}",
        bochs_machine.guests_config(modules, [option] if option else []),
        {"boot/switch_state": guest_image("switch_state")}, Machine(memory_mib=256, cpu=model))


def rules(result: Result, guest: str, word: str) -> set[str]:
    return set(re.findall(rf"^{guest}\| {word} ([\w.]+)", result.log, re.M))


@pytest.mark.parametrize(("model", "option"), MACHINES,
                         ids=[f"{model}-{option or 'all'}" for model, option in MACHINES])
def test_each_keeps_its_own_on_one_processor(model: str, option: str) -> None:
    result = run(model, option)
    wanted = {f"kept.{name}" for name in KEPT}
    wanted |= {f"fresh.{name}" for name in KEPT if name not in NOT_KNOWN_FRESH}
    absent = {rule for rule in wanted if rule.partition(".")[2] in ABSENT[model]}
    assert result.status == 0, result.log[-4000:]
    for guest in GUESTS:
        assert not rules(result, guest, "FAIL"), result.log[-4000:]
        assert rules(result, guest, "SKIP") == absent
        assert rules(result, guest, "PASS") >= wanted - absent
        assert f"{guest}: {AUDIT}" in result.log
    assert len(re.findall(r"^left: restart number 1$", result.log, re.M)) == 1
    # By the guests' own count, and by the hypervisor's.
    for guest, count in VCPUS.items():
        seen = re.findall(rf"^{guest}\| SWITCHES cpu=\d+ rounds=\d+ seen=(\d+)$", result.log, re.M)
        assert len(seen) == count
        assert count == 1 or all(int(number) >= ROUNDS // 2 for number in seen)
    # Its only processor halts until its timer, and the others have the machine's: those switches
    # are from guest to guest. There is a count for each life of `left`.
    for guest, count in VCPUS.items():
        switches = re.findall(rf"^{guest}/vcpu\d: cpu=0 .* switches=(\d+) ", result.log, re.M)
        assert len(switches) >= count
        assert all(int(number) >= ROUNDS // (1 if count > 1 else 4) for number in switches)
