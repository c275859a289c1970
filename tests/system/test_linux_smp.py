# SPDX-License-Identifier: MIT
"""Debian's Linux with several processors, as many as the machine has and more."""

import functools
import re
import subprocess
from dataclasses import dataclass

import pytest
from bochs_machine import (
    CANNON_LAKE, HASWELL, IVY_BRIDGE, LINUX_WORDS, SKYLAKE, SMP_PLATFORMS, Platform)
from conftest import TRIVET, limits
from test_linux_boot import FAST
from trivet_lib import linux_guest, linux_kernel

LIMIT_S = 400
NEWER = next(version for version in linux_kernel.METAPACKAGES if version != linux_kernel.VERSION)
PARAVIRT = ("spinlocks", "ipis", "yield", "tlb-flush")
SMP = ("processors", "online", *PARAVIRT, "work", "offline", "online-again", "work-again")
LOCKS = ("futex", "spin")


@dataclass(frozen=True)
class Case:
    """A machine's processors, a guest's, and what Linux is told."""

    hosts: int
    vcpus: int
    words: str = "smp,locks,steal"
    append: str = ""
    version: str = linux_kernel.VERSION
    platform: Platform = Platform()

    def __str__(self) -> str:
        return "-".join(filter(None, (
            f"{self.vcpus}-on-{self.hosts}", self.append, self.version,
            self.words.replace(",", "-") if self.words != Case.words else "",
            str(self.platform) if self.platform != Platform() else "")))


ONE = Case(2, 1, "smp")
ENOUGH = Case(2, 2)
FOUR = Case(4, 4, append="nopvspin")
# More than the machine has: they take turns.
FOUR_ON_TWO = Case(2, 4)
TWO_ON_ONE = Case(1, 2)
TWO_ON_ONE_SPINNING = Case(1, 2, "locks", "nopvspin")
NEWER_LINUX = Case(2, 2, "smp", version=NEWER)
# The other models, and without the CPU's help for local APICs.
ELSEWHERE = (
    Case(2, 2, "smp", platform=Platform(HASWELL, "software")),
    Case(1, 2, "smp", platform=Platform(IVY_BRIDGE)),
    Case(2, 2, "smp", platform=Platform(SKYLAKE)),
    Case(1, 2, "smp", platform=Platform(CANNON_LAKE, "software")),
)
CASES = (ONE, ENOUGH, FOUR, FOUR_ON_TWO, TWO_ON_ONE, TWO_ON_ONE_SPINNING, NEWER_LINUX, *ELSEWHERE)
# For `make test-long`.
LONG_CASES = tuple(Case(2, 4, platform=platform) for platform in SMP_PLATFORMS
                   if platform != Platform())


@functools.cache
def run(case: Case) -> tuple[str, str]:
    """What the guest said and what the hypervisor's log has; each case boots once."""
    files = linux_guest.build(case.version)
    append = (f"{FAST} quiet trivet.cpus={case.vcpus} trivet.seconds=1 trivet.test={case.words} "
              f"{case.append} {LINUX_WORDS.get(case.platform.cpu, '')}")
    result = subprocess.run(
        [TRIVET, "run", "-engine", "bochs", "-cpu", case.platform.cpu,
         "-hypervisor", case.platform.option(), "-kernel", files.kernel, "-initrd", files.initramfs,
         "-smp", str(case.hosts), "-vcpus", str(case.vcpus), *limits(LIMIT_S), "-append",
         append.strip()],
        stdin=subprocess.DEVNULL, capture_output=True, check=False)
    output, log = text(result.stdout), text(result.stderr)
    assert result.returncode == 0, f"{output}\n{log}"
    return output, log


def text(output: bytes) -> str:
    return output.decode("utf-8", "replace").replace("\r", "")


def verdicts(output: str) -> dict[str, str]:
    """The checks by name: PASS or FAIL, and the detail."""
    return {name: f"{verdict} {detail}" for verdict, name, detail in
            re.findall(r"^trivet-linux: (PASS|FAIL) (\S+) (.*)$", output, re.M)}


def cases(*words: str) -> pytest.MarkDecorator:
    chosen = [case for case in (*CASES, *LONG_CASES) if set(words) <= set(case.words.split(","))]
    return pytest.mark.parametrize("case", [
        pytest.param(case, id=str(case), marks=(
            pytest.mark.xdist_group(f"linux-{case}"),
            *([pytest.mark.long] if case in LONG_CASES else [])))
        for case in chosen])


@cases()
def test_every_check_passes(case: Case) -> None:
    output, log = run(case)
    found = verdicts(output)
    assert [name for name, verdict in found.items() if not verdict.startswith("PASS")] == [], output
    assert f"{linux_guest.READY}kernel={case.version}." in output
    assert f" cpus={case.vcpus}\n" in output
    assert "vmlinuz: ended: power-off code=0 status=0" in log
    assert "audit: guests=1 " in log and "audit: EPT maps only its own RAM" in log


@cases("smp")
def test_linux_finds_and_uses_its_processors(case: Case) -> None:
    found = verdicts(run(case)[0])
    assert found["processors"] == f"PASS found={case.vcpus} wanted={case.vcpus}"
    assert found["work"] == f"PASS processors={case.vcpus} right={case.vcpus}"
    # One processor has nobody to wait for, to send to, or to be taken away from.
    wanted = SMP if case.vcpus > 1 else ("processors", "online", "spinlocks", "work")
    assert set(wanted) <= set(found)
    if case.vcpus == 1:
        assert "single CPU" in found["spinlocks"] and "ipis" not in found
    else:
        assert ("nopvspin" in found["spinlocks"]) == ("nopvspin" in case.append)


@cases("locks")
def test_locks_exclude(case: Case) -> None:
    output, _ = run(case)
    found = verdicts(output)
    assert set(LOCKS) <= set(found)
    assert re.match(r"PASS passed=7 failed=0 rounds=[1-9]", found["spin"]), found
    kicks = int(re.search(r"locks calls of the run: kick_cpu=(\d+) ", output)[1])
    # Who waits for a lock that is held long halts, and is woken; one that spins wakes none.
    assert (kicks > 0) == ("nopvspin" not in case.append), output


@pytest.mark.xdist_group(f"linux-{FOUR_ON_TWO}")
def test_linux_makes_the_calls_and_leaves_the_flushes() -> None:
    """Where processors are shared there is something to yield to, and one that cannot flush."""
    output, log = run(FOUR_ON_TWO)
    calls = re.search(r"locks calls of the run: kick_cpu=(\d+) send_ipi=(\d+) sched_yield=(\d+)$",
                      output, re.M)
    assert calls is not None and all(int(count) > 0 for count in calls.groups()), output
    flushes = [int(count) for count in
               re.findall(r"^vmlinuz/vcpu\d: .* tlb_flushes=(\d+)$", log, re.M)]
    assert len(flushes) == FOUR_ON_TWO.vcpus and sum(flushes) > 0, log


@cases("steal")
def test_time_is_stolen_where_processors_are_shared(case: Case) -> None:
    found = verdicts(run(case)[0])["steal"]
    stolen = [int(number) for number in re.findall(r"cpu\d+=(\d+)", found)]
    assert len(stolen) == case.vcpus
    if case.vcpus > case.hosts:
        assert all(stolen), found
