# SPDX-License-Identifier: MIT
"""One guest manages another: a test guest a guest that waits for ever; and the show of
`make run-duo`, two Linux guests of two processors each, to its end. In Bochs."""

import re
import subprocess
from pathlib import Path

import bochs_machine
import pytest
from conftest import BUILD, TOP, Booter
from test_guests import image as guest_image
from trivet_lib.machine import Machine

IMAGE = BUILD / "trivet-duo.iso"
LIMIT_S = 900
# The sum of `seq 1 20000 | sha256sum`.
SUM = "f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a"
RESTARTS = 2


@pytest.mark.parametrize(("processors", "vcpus"), [(1, 1), (2, 1), (2, 2)])
def test_a_guest_stops_starts_and_restarts_another(processors: int, vcpus: int) -> None:
    files = {f"boot/{name}": guest_image(name) for name in ("manage", "console_echo")}
    modules = [f"/boot/manage guest=manage mem=16M vcpus={vcpus} manage=yes",
               f"/boot/console_echo guest=other mem=16M vcpus={vcpus} -- bytes=1"]
    result = bochs_machine.boot(
        f"manage-{processors}-{vcpus}", bochs_machine.guests_config(modules), files,
        Machine(memory_mib=256, processors=processors))
    verdicts = dict((rule, word) for word, rule in
                    re.findall(r"^manage\| (PASS|FAIL) (\w+)", result.log, re.M))
    assert "FAIL" not in verdicts.values(), result.log
    assert {"it_stops", "it_starts", "it_restarts", "it_stops_again"} <= set(verdicts), result.log
    assert result.log.count("other: ended: stopped code=0 status=0") == 3
    assert result.status == 0


@pytest.fixture
def image() -> Path:
    subprocess.run(["make", "-C", TOP, "--no-print-directory", "duo-iso"], check=True,
                   stdout=subprocess.DEVNULL)
    return IMAGE


def said(log: str, name: str) -> list[tuple[str, str]]:
    """The checks of a guest: PASS or FAIL, and what of."""
    return re.findall(rf"^{name}\| trivet-linux: (PASS|FAIL) (.*)$", log, re.M)


def test_one_guest_computes_while_another_restarts_and_then_stops_it(
        boot: Booter, image: Path) -> None:
    result = boot("boot", "-engine", "bochs", "-iso", image, "-smp", 2, "-m", "640M",
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
