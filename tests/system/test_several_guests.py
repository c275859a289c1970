# SPDX-License-Identifier: MIT
"""Small guests side by side in Bochs: what one does leaves the others alone, and the processors'
time is shared as their words say."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import bochs_machine
import pytest
from bochs_machine import (
    ALL_PLATFORMS, CANNON_LAKE, HASWELL, IVY_BRIDGE, PLATFORMS, SKYLAKE, SMP_PLATFORMS,
    Platform, Result)
from test_guests import AUDIT
from test_guests import image as guest_image
from test_smp_guests import checksum
from trivet_lib.machine import Machine

REBOOTS = 50
CRASHES = 3
# A guest that has the processor alone for all of its time; of a second, two have half of it each.
SPIN_MS = 1000
TOLERANCE = 0.02
# Within that second, from its first tenth on.
WATCH_MS = 600
# What a share can be off at any moment.
SLICE_NS = 10_000_000
SLICES_PER_SECOND = 200
# Far less than it takes to clear the large guest's memory.
CLEARING_MS = 4000

# Each runs as long as several turns of the others, and two of them have vector state.
PLAIN = ("compute-1", "compute-2", "fpu-1", "exceptions", "fpu-2", "mode_switch", "tf_step",
         "compute-3")
# The least number of turns of one that computes beside another.
TURNS_MIN = 5


def run(name: str, processors: int, guests: dict[str, str], options: Sequence[str] = (), *,
        hypervisor: Path = bochs_machine.HYPERVISOR, ips: int | None = None,
        platform: Platform = Platform(), limit_s: float = bochs_machine.BOOT_LIMIT_S) -> Result:
    """Boots guests, each named like its test guest with what stands behind a dash, with words."""
    programs = {guest: guest.partition("-")[0] for guest in guests}
    modules = [f"/boot/{programs[guest]} guest={guest} mem=16M {words}"
               for guest, words in guests.items()]
    return bochs_machine.boot(
        name if platform == Platform() else f"{name}-{platform}",
        bochs_machine.guests_config(modules, [*options, platform.option()]),
        {f"boot/{program}": guest_image(program) for program in programs.values()},
        Machine(memory_mib=256, cpu=platform.cpu, processors=processors),
        hypervisor=hypervisor, ips=ips, limit_s=limit_s)


def on(platforms: Iterable[Platform],
       others: Iterable[Platform] = ALL_PLATFORMS) -> pytest.MarkDecorator:
    """Runs a test on these, and by `make test-long` on the others too."""
    chosen = tuple(platforms)
    return pytest.mark.parametrize("platform", [
        pytest.param(one, id=str(one), marks=() if one in chosen else pytest.mark.long)
        for one in dict.fromkeys((*chosen, *others))])


def said(result: Result, guest: str) -> list[str]:
    return re.findall(rf"^{guest}\| (.*)$", result.log, re.M)


def assert_passed(result: Result, guest: str) -> None:
    lines = said(result, guest)
    assert any(line.startswith("PASS ") for line in lines), result.log[-4000:]
    assert not any(line.startswith("FAIL ") for line in lines), lines


def restarts(result: Result, guest: str) -> int:
    numbers = [int(number) for number in
               re.findall(rf"^{guest}: restart number (\d+)$", result.log, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    return len(numbers)


@on(PLATFORMS)
@pytest.mark.parametrize("count", [2, 3, 8])
def test_plain_guests_share_a_processor(platform: Platform, count: int) -> None:
    """As many as that on one processor, each as right as if it were alone."""
    words = {"compute": "-- iterations=1"}
    guests = {name: words.get(name.partition("-")[0], "") for name in PLAIN[:count]}
    result = run(f"plain-{count}", 1, guests, platform=platform)
    assert result.status == 0, result.log[-4000:]
    for guest in guests:
        assert_passed(result, guest)
        assert f"{guest}: {AUDIT}" in result.log
        turns = re.search(rf"^{guest}/vcpu0: cpu=0 .* switches=(\d+) ", result.log, re.M)
        assert int(turns[1]) >= (TURNS_MIN if guest in ("compute-1", "compute-2") else 1)


@pytest.mark.parametrize(("processors", "vcpus", "platform", "reboots", "iterations"), [
    pytest.param(*case, id=f"{case[0]}-{case[1]}-{case[2]}") for case in (
        (1, 1, Platform(HASWELL), REBOOTS, 60),
        (2, 2, Platform(HASWELL), REBOOTS, 150),
        (1, 2, Platform(IVY_BRIDGE), REBOOTS // 5, 30),
        (1, 1, Platform(SKYLAKE, "hardware"), REBOOTS // 5, 30),
        (1, 1, Platform(CANNON_LAKE), REBOOTS // 5, 30))])
def test_a_guest_reboots_while_another_computes(
        processors: int, vcpus: int, platform: Platform, reboots: int, iterations: int) -> None:
    result = run(f"reboots-{processors}", processors, {
        "compute": f"vcpus={vcpus} -- iterations={iterations}",
        "reboot_loop": f"vcpus={vcpus} restart=always",
        "manage": f"manage=yes -- restarts={reboots}",
    }, platform=platform)
    assert result.status == 0, result.log[-4000:]
    while_it_computed = result.log.partition("compute: ended: ")[0]
    assert f"reboot_loop: restart number {reboots}\n" in while_it_computed
    assert restarts(result, "reboot_loop") >= reboots
    for guest in ("compute", "reboot_loop", "manage"):
        assert_passed(result, guest)
        assert f"{guest}: {AUDIT}" in result.log
    sums = re.findall(r"checksum 0x([0-9a-f]+) ", "\n".join(said(result, "compute")))
    assert [int(found, 16) for found in sums] == [checksum()]
    # It was stopped while it ran, or between two of its lives.
    assert "reboot_loop: started" not in result.log.partition("manage| PASS it_has_stopped")[2]


@pytest.mark.parametrize("policy", ["always", "reset", "never"])
def test_a_crash_is_restarted_as_the_word_says(policy: str) -> None:
    guests = {"triple_fault": f"restart={policy}", "compute": ""}
    if policy == "always":
        guests["manage"] = f"manage=yes -- restarts={CRASHES}"
    result = run(f"crash-{policy}", 2, guests)
    assert_passed(result, "compute")
    crashes = len(re.findall(r"^triple_fault: ended: crashed", result.log, re.M))
    if policy == "always":
        assert crashes >= CRASHES and restarts(result, "triple_fault") >= CRASHES
        assert_passed(result, "manage")
    else:
        assert (crashes, restarts(result, "triple_fault")) == (1, 0)


@on([Platform(HASWELL), Platform(IVY_BRIDGE), Platform(SKYLAKE, "software"),
     Platform(CANNON_LAKE, "software")], SMP_PLATFORMS)
def test_interrupts_and_kicks_for_others_reach_nobody(platform: Platform) -> None:
    """Random IPIs and calls to any ID, beside guests that would see one that is not their own."""
    is_main = platform == Platform()
    result = run("neighbours", 2, {
        "smp_storm_hostile": f"vcpus=4 -- rounds={1000 if is_main else 300}",
        "smp_ipi": f"vcpus=2 -- storm={200 if is_main else 50}",
        "smp_ipi_kvm": "vcpus=2",
        "compute": f"vcpus=1 -- iterations={20 if is_main else 5}",
    }, platform=platform)
    assert result.status == 0, result.log[-4000:]
    for guest in ("smp_storm_hostile", "smp_ipi", "smp_ipi_kvm", "compute"):
        assert_passed(result, guest)


def spin_results(result: Result, guest: str) -> dict[str, int]:
    """What the guest found out, and what the hypervisor counted, in nanoseconds."""
    [line] = [line for line in said(result, guest) if line.startswith("FAIR ")]
    found = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}
    ran, waited = map(int, re.search(
        rf"^{guest}/vcpu0: cpu=0 ran=(\d+) us waited=(\d+) us ", result.log, re.M).groups())
    return {"work": found["work"], "stolen": found["steal_ns"],
            "spun": found["tsc"] * 1_000_000 // found["khz"], "ran": ran * 1000,
            "waited": waited * 1000}


def watched(result: Result) -> dict[str, tuple[int, int]]:
    """By guest: how long it ran and waited meanwhile, in nanoseconds, as the hypervisor counts."""
    return {name: (int(ran), int(waited)) for name, ran, waited in
            re.findall(r"^manage\| RAN (\S+) ns=(\d+) waited_ns=(\d+)$", result.log, re.M)}


def spin_together(name: str, words: dict[str, str], *, is_watched: bool) -> Result:
    """Guests that spin on the one processor, and perhaps one that sleeps and watches them."""
    guests = {guest: f"{word} -- ms={SPIN_MS}" for guest, word in words.items()}
    if is_watched:
        guests["manage"] = f"manage=yes -- watch_ms={WATCH_MS}"
    return run(name, 1, guests)


def near(value: float) -> object:
    return pytest.approx(value, rel=TOLERANCE)


def test_two_guests_of_equal_weight_get_equal_time() -> None:
    result = spin_together("fair", {"steal_fair-a": "", "steal_fair-b": ""}, is_watched=False)
    one, other = (spin_results(result, f"steal_fair-{side}") for side in "ab")
    for name in ("work", "stolen", "ran"):
        assert one[name] == near(other[name]), (one, other)
    for guest in (one, other):
        assert guest["stolen"] == near(guest["spun"] / 2), guest
        # Before and behind that second it waits too.
        assert guest["stolen"] <= guest["waited"], guest


def test_the_hypervisor_counts_equal_time_for_equal_weight() -> None:
    result = spin_together("fair-watched", {"steal_fair-a": "", "steal_fair-b": ""},
                           is_watched=True)
    times = watched(result)
    half = WATCH_MS * 1_000_000 / 2
    for guest in ("steal_fair-a", "steal_fair-b"):
        assert times[guest] == pytest.approx((half, half), abs=SLICE_NS), times


def test_three_times_the_weight_is_three_times_the_time() -> None:
    result = spin_together(
        "weights", {"steal_fair-light": "weight=100", "steal_fair-heavy": "weight=300"},
        is_watched=True)
    times = watched(result)
    light, heavy = (times[f"steal_fair-{side}"] for side in ("light", "heavy"))
    quarter = WATCH_MS * 1_000_000 / 4
    for found, wanted in zip((*light, *heavy), (1, 3, 3, 1)):
        assert found == pytest.approx(wanted * quarter, abs=SLICE_NS), times


def test_vcpus_run_where_the_words_say() -> None:
    result = run("pinned", 4, {
        "smp_lock-a": "vcpus=2 cpus=3 -- rounds=50",
        "smp_lock-b": "vcpus=2 cpus=1-2 -- rounds=50",
        "compute": "cpus=0 -- iterations=1",
    })
    assert result.status == 0, result.log[-4000:]
    used = {guest: set(re.findall(rf"^{guest}/vcpu\d+: cpu=(\d+) ", result.log, re.M))
            for guest in ("smp_lock-a", "smp_lock-b", "compute")}
    assert used == {"smp_lock-a": {"3"}, "smp_lock-b": {"1", "2"}, "compute": {"0"}}


def test_a_processor_that_is_not_there_is_no_place() -> None:
    result = run("nowhere", 2, {"compute-a": "cpus=5 -- iterations=1",
                                "compute-b": "-- iterations=1"})
    assert "compute-a: ended: not started: none of the processors that cpus= names runs" \
        in result.log
    assert_passed(result, "compute-b")
    assert result.status != 0


@pytest.mark.parametrize("processors", [1, 2])
def test_a_guest_computes_while_much_memory_is_cleared_for_another(processors: int) -> None:
    """It is not kept waiting for longer than a slice and a tenth, and not at all where another
    processor is idle; the other one starts when all of its memory is clear."""
    big_mib = 256
    modules = [f"/boot/steal_fair guest=steal_fair mem=16M cpus=0 -- ms={CLEARING_MS}",
               f"/boot/compute guest=big mem={big_mib}M -- iterations=1"]
    result = bochs_machine.boot(
        f"clearing-{processors}", bochs_machine.guests_config(modules),
        {f"boot/{program}": guest_image(program) for program in ("steal_fair", "compute")},
        Machine(memory_mib=big_mib + 256, processors=processors))
    assert result.status == 0, result.log[-4000:]
    assert_passed(result, "steal_fair")
    assert_passed(result, "big")
    found = spin_results(result, "steal_fair")
    [gap] = map(int, re.findall(r"^steal_fair\| GAP ticks=(\d+)$", result.log, re.M))
    [hz] = map(int, re.findall(r"^tsc: hz=(\d+) ", result.log, re.M))
    if processors == 1:
        assert result.log.index("steal_fair| GAP ") < result.log.index("big: started")
        # Half a slice of clearing follows each slice of the guest.
        assert 0.25 < found["stolen"] / found["spun"] < 0.45, found
        assert gap <= 1.1 * hz / SLICES_PER_SECOND
    else:
        assert found["stolen"] < 0.05 * found["spun"], found
