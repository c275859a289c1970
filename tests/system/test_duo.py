# SPDX-License-Identifier: MIT
"""One guest manages another: a test guest a guest that waits for ever; and the show of
`make run-duo`, two Linux guests of two processors each, to its end. In Bochs."""

import re
import subprocess
from pathlib import Path

import bochs_machine
import pytest
from bochs_machine import (
    CANNON_LAKE, HASWELL, IVY_BRIDGE, LINUX_WORDS, MODELS, SKYLAKE, Platform)
from conftest import BUILD, TOP, Booter
from test_guests import image as guest_image
from trivet_lib.machine import Machine

IMAGE = BUILD / "trivet-duo.iso"
# What `make run-duo` tells the two.
LEFT = "trivet.test=workload,neighbours,poweroff"
RIGHT = "trivet.test=reboot"
LIMIT_S = 900
# The sum of `seq 1 20000 | sha256sum`.
SUM = "f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a"
RESTARTS = 2


@pytest.mark.parametrize(("processors", "vcpus", "platform"), [
    pytest.param(*case, id=f"{case[0]}-{case[1]}-{case[2]}") for case in (
        (1, 1, Platform(HASWELL)), (2, 1, Platform(HASWELL)), (2, 2, Platform(HASWELL)),
        (1, 1, Platform(IVY_BRIDGE)), (2, 2, Platform(IVY_BRIDGE, "software")),
        (1, 1, Platform(SKYLAKE, "software")), (1, 1, Platform(SKYLAKE, "hardware")),
        (1, 2, Platform(CANNON_LAKE)), (2, 1, Platform(CANNON_LAKE, "software")))])
def test_a_guest_stops_starts_and_restarts_another(
        processors: int, vcpus: int, platform: Platform) -> None:
    files = {f"boot/{name}": guest_image(name) for name in ("manage", "console_echo")}
    modules = [f"/boot/manage guest=manage mem=16M vcpus={vcpus} manage=yes",
               f"/boot/console_echo guest=other mem=16M vcpus={vcpus} -- bytes=1"]
    result = bochs_machine.boot(
        f"manage-{processors}-{vcpus}-{platform}",
        bochs_machine.guests_config(modules, [platform.option()]), files,
        Machine(memory_mib=256, cpu=platform.cpu, processors=processors))
    verdicts = dict((rule, word) for word, rule in
                    re.findall(r"^manage\| (PASS|FAIL) (\w+)", result.log, re.M))
    assert "FAIL" not in verdicts.values(), result.log
    assert {"it_stops", "it_starts", "it_restarts", "it_stops_again"} <= set(verdicts), result.log
    assert result.log.count("other: ended: stopped code=0 status=0") == 3
    assert result.status == 0


@pytest.fixture
def image(cpu: str) -> Path:
    path = IMAGE.with_stem(f"{IMAGE.stem}-{cpu}")
    words = LINUX_WORDS.get(cpu, "")
    subprocess.run([
        "make", "-C", TOP, "--no-print-directory", "duo-iso", f"DUO_ISO={path}",
        f"DUO_LEFT={LEFT} {words}".strip(), f"DUO_RIGHT={RIGHT} {words}".strip(),
    ], check=True, stdout=subprocess.DEVNULL)
    return path


def said(log: str, name: str) -> list[tuple[str, str]]:
    """The checks of a guest: PASS or FAIL, and what of."""
    return re.findall(rf"^{name}\| trivet-linux: (PASS|FAIL) (.*)$", log, re.M)


@pytest.mark.parametrize("cpu", [
    pytest.param(cpu, marks=() if cpu == HASWELL else pytest.mark.long) for cpu in MODELS])
def test_one_guest_computes_while_another_restarts_and_then_stops_it(
        boot: Booter, image: Path, cpu: str) -> None:
    result = boot("boot", "-engine", "bochs", "-cpu", cpu, "-iso", image, "-smp", 2, "-m", "640M",
                  limit_s=LIMIT_S)
    end = "\n".join(result.log.splitlines()[-60:])
    assert result.status == 0, end
    verdicts = said(result.log, "left")
    assert ("PASS", f"files sum={SUM}") in verdicts and ("PASS", "stop right") in verdicts, verdicts
    assert [verdict for verdict in verdicts if verdict[0] == "FAIL"] == []
    # All the while, from one restart of its neighbour to the next.
    assert any(re.fullmatch(r"computed rounds=[1-9]\d* wrong=0", text) for _, text in verdicts)
    assert re.search(r"^left\| trivet-linux: ready kernel=\S+ cpus=2$", result.log, re.M), end
    restarts = re.findall(r"^right: restart number (\d+)$", result.log, re.M)
    assert [int(number) for number in restarts] == list(range(1, len(restarts) + 1))
    assert len(restarts) >= RESTARTS, end
    assert result.log.count("right| trivet-linux: reboot") >= RESTARTS
    assert "left: ended: power-off code=0 status=0" in result.log
    assert re.search(r"^right: ended: stopped ", result.log, re.M), end
    assert re.search(r"^audit: guests=2 pages=\d+: no page is in two EPTs", result.log, re.M)
