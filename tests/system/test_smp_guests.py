# SPDX-License-Identifier: MIT
"""Guests of several processors, on machines of several: as many as these, fewer, and more."""

import functools
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from bochs_machine import (
    CANNON_LAKE, HASWELL, IVY_BRIDGE, SKYLAKE, SMP_PLATFORMS, Platform)
from conftest import BUILD, HYPERVISOR, limits, trivet
from test_guests import AUDIT, Outcome, image, take_apart
from trivet_lib import grub_config, iso

MACHINE_MEMORY_MIB = 1024
GUEST_MEMORY = "16M"
BOOT_LIMIT_S = 230


@dataclass(frozen=True)
class Host:
    """A machine, by its processors."""

    count: int
    platform: Platform = Platform()

    def __str__(self) -> str:
        return f"{self.count}" if self.platform == Platform() else f"{self.count}-{self.platform}"


# Machines, and the processors of the guests that run there.
MACHINES = {
    Host(2): (1, 2, 4, 8), Host(4): (2, 4), Host(8): (4, 8),
    Host(2, Platform(HASWELL, "software")): (2,),
    Host(2, Platform(IVY_BRIDGE)): (2, 4),
    Host(1, Platform(IVY_BRIDGE, "software")): (2,),
    Host(2, Platform(SKYLAKE, "software")): (2, 4),
    Host(1, Platform(SKYLAKE)): (2,),
    Host(2, Platform(CANNON_LAKE, "software")): (2, 4),
    Host(1, Platform(CANNON_LAKE)): (2,),
}
# For `make test-long`.
LONG_MACHINES = {Host(4, platform): (2, 8) for platform in SMP_PLATFORMS
                 if platform != Platform()}

# Each with words that make it short: more processors than the machine has take turns.
GUESTS = {
    "compute": "iterations=2",
    "reboot_loop": "",
    "smp_bench": "samples=100",
    "smp_ipi": "storm=100",
    "smp_ipi_kvm": "",
    "smp_lock": "rounds=300",
    "smp_races": "rounds=100",
    "smp_start": "",
    "smp_storm_hostile": "rounds=500",
    "smp_tlb": "rounds=200",
    "steal_fair": "ms=20",
}

# Guests of which the other processors of a machine take no part.
ALONE = ("compute", "reboot_loop", "steal_fair")

CASES = [(host, vcpus, name) for host, counts in {**MACHINES, **LONG_MACHINES}.items()
         for vcpus in counts for name in GUESTS if vcpus == counts[0] or name not in ALONE]


def guest_name(name: str, vcpus: int) -> str:
    return f"{name}-{vcpus}"


def module(name: str, vcpus: int) -> str:
    words = [f"/boot/{name}", f"guest={guest_name(name, vcpus)}", f"mem={GUEST_MEMORY}",
             f"vcpus={vcpus}", "populate=touch" if name == "smp_tlb" else "populate=boot"]
    return " ".join([*words, "--", *map(grub_config.quote, GUESTS[name].split())])


@functools.cache
def outcomes(host: Host) -> dict[str, Outcome]:
    """One boot for all guests of a machine; its log stays in build/logs."""
    logs = BUILD / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    disk, log = (logs / f"smp-guests-{host}.{end}" for end in ("iso", "log"))
    modules = [module(name, vcpus) for machine, vcpus, name in CASES if machine == host]
    iso.build(disk, grub_config.direct_start(["end=poweroff", "guests=inturn",
                                              host.platform.option()], modules),
              {grub_config.HYPERVISOR_PATH: HYPERVISOR,
               **{f"boot/{name}": image(name) for name in GUESTS}})
    log.unlink(missing_ok=True)
    result = trivet("boot", "-engine", "bochs", "-cpu", host.platform.cpu, "-iso", disk, "-smp",
                    host.count, "-m", MACHINE_MEMORY_MIB, "-log", log, *limits(BOOT_LIMIT_S))
    Path(disk).unlink()
    assert log.exists(), result.stderr.decode("utf-8", "replace")
    return take_apart(log.read_bytes().replace(b"\r", b"").decode("utf-8", "replace"))


def outcome_of(host: Host, vcpus: int, name: str) -> Outcome:
    return outcomes(host).get(guest_name(name, vcpus), Outcome())


def cases(names: tuple[str, ...]) -> list:
    return [pytest.param(host, vcpus, name, id=f"{host}-cpus-{vcpus}-vcpus-{name}",
                         marks=(pytest.mark.xdist_group(f"smp-{host}"),
                                *([pytest.mark.long] if host in LONG_MACHINES else [])))
            for host, vcpus, name in CASES if name in names]


@pytest.mark.parametrize(("host", "vcpus", "name"), cases(tuple(GUESTS)))
def test_guest(host: Host, vcpus: int, name: str) -> None:
    outcome = outcome_of(host, vcpus, name)
    end = "\n".join(outcome.lines[-40:])
    assert not [rule for word, rule in outcome.results if word == "FAIL"], end
    assert outcome.status == 0, end
    assert any(word == "PASS" for word, _ in outcome.results), f"no PASS line\n{end}"
    # Nothing that several processors can be asked is left out.
    skipped = [rule for word, rule in outcome.results if word == "SKIP"]
    assert vcpus == 1 or not skipped, skipped
    assert any(line.startswith(f"{guest_name(name, vcpus)}: {AUDIT}") for line in outcome.lines)


def checksum() -> int:
    """As tests/guests/compute fills its 1 MiB."""
    data = bytearray(1 << 20)
    word = 1
    for i in range(len(data)):
        word = (word * 1664525 + 1013904223) & 0xffffffff
        data[i] = word >> 24
    return zlib.crc32(data)


@pytest.mark.parametrize(("host", "vcpus", "name"), cases(("compute",)))
def test_checksum_is_right(host: Host, vcpus: int, name: str) -> None:
    results = [rule for word, rule in outcome_of(host, vcpus, name).results if word == "PASS"]
    assert any(rule.startswith(f"checksum 0x{checksum():x} ") for rule in results), results


@pytest.mark.parametrize(("host", "vcpus", "name"), cases(("smp_bench",)))
def test_each_processor_is_measured(host: Host, vcpus: int, name: str) -> None:
    lines = "\n".join(outcome_of(host, vcpus, name).lines)
    found = re.findall(r"bench vmcall_ping cpus=(\d+) cpu=(\d+) ticks=(\d+) min=(\d+)$", lines,
                       re.M)
    wanted = [(cpus, cpu) for cpus in range(1, vcpus + 1) for cpu in range(cpus)]
    assert [(int(cpus), int(cpu)) for cpus, cpu, _, _ in found] == wanted
    assert all(0 < int(least) <= int(median) for _, _, median, least in found)


@pytest.mark.parametrize(("host", "vcpus", "name"), cases(("steal_fair",)))
def test_stolen_time_is_told(host: Host, vcpus: int, name: str) -> None:
    lines = "\n".join(outcome_of(host, vcpus, name).lines)
    match = re.search(r"FAIR tsc=(\d+) khz=(\d+) work=(\d+) steal_ns=(\d+)$", lines, re.M)
    assert match, lines
    ticks, khz, work, steal_ns = map(int, match.groups())
    assert work > 0
    # It spun for 20 ms and can have lost no more than all of it.
    assert ticks >= 20 * khz
    assert steal_ns <= ticks * 1_000_000 // khz
