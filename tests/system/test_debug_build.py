# SPDX-License-Identifier: MIT
"""A hypervisor that checks the order of its locks and whose VMCS is current, under guests that make
it take all locks, and that end while a processor of theirs is to start."""

import re
import subprocess
from pathlib import Path

import bochs_machine
import pytest
from conftest import BUILD, TOP
from test_guests import image as guest_image
from test_isolation import ENDERS, IPS, assert_whole
from test_several_guests import run
from trivet_lib.machine import Machine

# Each with its words; the second runs so that memory comes while all run.
GUESTS = {
    "smp_ipi": "vcpus=2 -- storm=100",
    "smp_tlb": "vcpus=2 populate=touch -- rounds=100",
    "smp_lock": "vcpus=2 -- rounds=200",
    "smp_ipi_kvm": "vcpus=2",
    "reboot_loop": "vcpus=2 restart=always",
    "manage": "manage=yes -- restarts=5",
}


@pytest.fixture
def checking_hypervisor() -> Path:
    folder = BUILD / "debug"
    subprocess.run(["make", "-C", TOP, "--no-print-directory", f"BUILD={folder.relative_to(TOP)}",
                    "DEBUG=1", "build"], check=True, stdout=subprocess.DEVNULL)
    assert "-DDEBUG_CHECKS=1" in (folder / "flags").read_text("utf-8")
    return folder / "trivet.elf"


def test_the_order_of_locks_holds(checking_hypervisor: Path) -> None:
    modules = [f"/boot/{name} guest={name} mem=16M {words}" for name, words in GUESTS.items()]
    result = bochs_machine.boot(
        "debug-build", bochs_machine.guests_config(modules),
        {f"boot/{name}": guest_image(name) for name in GUESTS},
        Machine(memory_mib=256, processors=2), hypervisor=checking_hypervisor)
    assert "panic" not in result.log, result.log[-4000:]
    assert result.status == 0, result.log[-4000:]
    assert not re.search(r"^\w+\| FAIL ", result.log, re.M)
    for name in GUESTS:
        assert re.search(rf"^{name}\| PASS ", result.log, re.M), name


def test_a_vmcs_is_used_in_its_vcpus_turn_alone(checking_hypervisor: Path) -> None:
    result = run("debug-build-owner", 2, {
        "self_check": "vcpus=2 manage=yes -- lives=20",
        **{name: f"vcpus=2 {words}" for name, words in ENDERS.items()},
    }, hypervisor=checking_hypervisor, ips=IPS)
    assert_whole(result)
