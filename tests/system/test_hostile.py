# SPDX-License-Identifier: MIT
"""A guest that attacks whatever it reaches, beside one that checks itself: the hypervisor and the
victim stay whole, on each CPU model.

The operations of all machines together are 1,000,000; `make hostile HOSTILE_OPERATIONS=N` makes N
of them, and HOSTILE_SEED=N in the environment makes other ones."""

import os
import re
from dataclasses import dataclass

import bochs_machine
import pytest
from bochs_machine import CANNON_LAKE, HASWELL, IVY_BRIDGE, SKYLAKE, Result
from test_guests import AUDIT
from test_guests import image as guest_image
from trivet_lib.machine import Machine

OPERATIONS = 1_000_000
WANTED = int(os.environ.get("HOSTILE_OPERATIONS", OPERATIONS))
SEED = int(os.environ.get("HOSTILE_SEED", "0"), 0)

# After about so many it ends by a reset or a crash, with whatever is under way. A crash is
# restarted a second later, and a reset after three times as long as its report took.
OPERATIONS_PER_LIFE = 15_000
# So long the guest waits for its other processor, in ticks of the TSC.
WAIT_TICKS = 60_000_000
# What the emulator takes for an operation beside the victim's work and the restarts, several times
# over: it only ends what hangs.
LIMIT_S_PER_OPERATION = 0.004
# And what the boot takes.
LIMIT_S = 100


@dataclass(frozen=True)
class Setting:
    """A machine, and how the guests are placed on it."""

    model: str
    processors: int
    vcpus: int
    operations: int
    options: str = ""

    @property
    def name(self) -> str:
        option = f"-{self.options.partition('=')[2]}" if self.options else ""
        return f"{self.model}-{self.processors}-cpus-{self.vcpus}-vcpus{option}"


SETTINGS = (
    Setting(HASWELL, processors=1, vcpus=1, operations=150_000),
    Setting(HASWELL, processors=2, vcpus=2, operations=150_000),
    Setting(IVY_BRIDGE, processors=1, vcpus=2, operations=100_000),
    Setting(IVY_BRIDGE, processors=2, vcpus=1, operations=100_000, options="apic=software"),
    Setting(SKYLAKE, processors=1, vcpus=1, operations=150_000),
    Setting(SKYLAKE, processors=2, vcpus=2, operations=150_000, options="apic=software"),
    Setting(CANNON_LAKE, processors=1, vcpus=2, operations=100_000, options="apic=software"),
    Setting(CANNON_LAKE, processors=2, vcpus=2, operations=100_000),
)
assert sum(setting.operations for setting in SETTINGS) == OPERATIONS


def run(setting: Setting, operations: int, seed: int) -> Result:
    guests = {
        # Its right to list guests tells it when the other has ended.
        "victim": "weight=128 manage=yes -- ms=100",
        "hostile": f"weight=1024 restart=always vcpus={setting.vcpus} -- count={operations} "
                   f"life={OPERATIONS_PER_LIFE} seed={seed} limit={WAIT_TICKS}",
    }
    return bochs_machine.boot(
        f"hostile-{setting.name}",
        bochs_machine.guests_config(
            [f"/boot/{guest} guest={guest} mem=16M {words}" for guest, words in guests.items()],
            setting.options.split()),
        {f"boot/{guest}": guest_image(guest) for guest in guests},
        Machine(memory_mib=256, processors=setting.processors, cpu=setting.model),
        limit_s=LIMIT_S + LIMIT_S_PER_OPERATION * operations)


def said(result: Result, guest: str) -> list[str]:
    return re.findall(rf"^{guest}\| (.*)$", result.log, re.M)


def story(result: Result) -> str:
    """What one needs to do it again, and its end."""
    lives = [line for line in said(result, "hostile") if line.startswith("hostile: seed=")]
    return "\n".join([*lives, "...", result.log[-6000:]])


def operations_made(result: Result) -> int:
    """Of all lives: each goes on with the count of the one before."""
    return max((int(number) for line in said(result, "hostile")
                for number in re.findall(r"^hostile: operations=(\d+)", line)), default=0)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_victim_stays_whole_beside_a_hostile_guest(setting: Setting) -> None:
    operations = WANTED * setting.operations // OPERATIONS
    result = run(setting, operations, SEED + 1 + SETTINGS.index(setting))
    end = story(result)
    assert not re.search(r"^error: ", result.log, re.M), end
    for guest in ("victim", "hostile"):
        lines = said(result, guest)
        assert not [line for line in lines if line.startswith("FAIL")], end
        assert re.search(rf"^{guest}: ended: debug-exit port code=0", result.log, re.M), end
        assert f"{guest}: {AUDIT}" in result.log, end
    assert result.status == 0, end
    assert operations_made(result) >= operations, end
    assert "PASS hypervisor_lives" in said(result, "hostile"), end
    for rule in ("general_registers_stay", "mode_and_tables_stay", "memory_stays",
                 "component.avx", "register.lstar", "register.dr7"):
        assert f"PASS {rule}" in said(result, "victim"), end
    assert any(line.startswith("DELAY ") for line in said(result, "victim")), end
