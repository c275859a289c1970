# SPDX-License-Identifier: MIT
"""Every test guest of tests/guests/ on every CPU model: all in one boot, one after another."""

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

import bochs_machine
import pytest
from bochs_machine import MODELS, TOP
from trivet_lib import grub_config
from trivet_lib.engines import BOCHS_IPS
from trivet_lib.machine import Machine

IMAGES = TOP / "build" / "guests"
DIRECTORIES = TOP / "tests" / "guests"
GUEST_MEMORY = "16M"
MACHINE_MEMORY_MIB = 256
AUDIT = "audit: EPT maps only its own RAM"

# The models run as they are; on one more round each page of a guest is mapped at its first touch.
ROUNDS = [(model, "boot") for model in MODELS] + [(MODELS[0], "touch")]


@dataclass
class Expectation:
    """tests/guests/NAME/expect.txt: lines key=value; what it does not say has these values."""

    status: int = 0
    kind: str = ""
    mem: str = GUEST_MEMORY
    append: str = ""
    options: str = ""


@dataclass
class Outcome:
    """What a guest's lines in the log said."""

    status: int | None = None
    results: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def guest_names() -> list[str]:
    return sorted(path.name for path in DIRECTORIES.iterdir()
                  if path.is_dir() and path.name != "shared")


def expectation(name: str) -> Expectation:
    result = Expectation()
    path = DIRECTORIES / name / "expect.txt"
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        key, _, value = line.partition("=")
        assert hasattr(result, key), f"{path}: unknown key {key}"
        setattr(result, key, int(value) if key == "status" else value)
    return result


def image(name: str) -> Path:
    for end in ("elf", "bin"):
        path = IMAGES / f"{name}.{end}"
        if path.exists():
            return path
    raise AssertionError(f"build the test guests first: make guests ({name})")


def module(name: str, populate: str) -> str:
    wanted = expectation(name)
    words = [f"/boot/{name}", f"guest={name}", f"mem={wanted.mem}", f"populate={populate}"]
    if wanted.kind:
        words.append(f"kind={wanted.kind}")
    words += wanted.options.split()
    if wanted.append:
        words += ["--", *map(grub_config.quote, wanted.append.split())]
    return " ".join(words)


@functools.cache
def outcomes(model: str, populate: str) -> dict[str, Outcome]:
    """Boots all guests once; the log is taken apart by guest."""
    names = guest_names()
    result = bochs_machine.boot(
        f"guests-{model}-{populate}",
        bochs_machine.guests_config([module(name, populate) for name in names],
                                    ["guests=inturn"]),
        {f"boot/{name}": image(name) for name in names},
        Machine(MACHINE_MEMORY_MIB, cpu=model))
    return take_apart(result.log)


def take_apart(log: str) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for line in log.splitlines():
        match = re.match(r"([\w.+-]+)(\||:) ?(.*)", line)
        if match is None:
            continue
        name, mark, text = match.groups()
        outcome = found.setdefault(name, Outcome())
        outcome.lines.append(line)
        if mark == "|":
            word = re.match(r"(PASS|FAIL|SKIP) (.*)", text)
            if word:
                outcome.results.append((word[1], word[2]))
        else:
            end = re.match(r"ended: .* status=([0-9]+)$", text)
            if end:
                outcome.status = int(end[1])
    return found


def told(lines: list[str]) -> list[str]:
    """The last lines, and of those before what a repetition needs."""
    return [line for line in lines[:-40] if "seed=" in line or "| FAIL" in line
            or ": ended:" in line] + lines[-40:]


@pytest.mark.parametrize(
    ("model", "populate", "name"),
    [pytest.param(model, populate, name, id=f"{model}-{populate}-{name}",
                  marks=pytest.mark.xdist_group(f"{model}-{populate}"))
     for model, populate in ROUNDS for name in guest_names()])
def test_guest(model: str, populate: str, name: str) -> None:
    outcome = outcomes(model, populate).get(name, Outcome())
    failures = [rule for word, rule in outcome.results if word == "FAIL"]
    end = "\n".join(told(outcome.lines))
    assert not failures, f"{failures}\n{end}"
    assert outcome.status == expectation(name).status, end
    assert any(word == "PASS" for word, _ in outcome.results), f"no PASS line\n{end}"
    assert any(line.startswith(f"{name}: {AUDIT}") for line in outcome.lines), end


@pytest.mark.parametrize("model", [
    pytest.param(model, marks=pytest.mark.xdist_group(f"{model}-boot")) for model in MODELS])
def test_the_tsc_has_the_frequency_that_the_machine_has(model: str) -> None:
    """Some models claim by CPUID what their real ones have: hundreds of times as much."""
    lines = outcomes(model, "boot")["tsc"].lines
    found = [int(hz) for hz in re.findall(r"^tsc: hz=(\d+) ", "\n".join(lines), re.M)]
    assert len(found) == 1, lines
    assert found[0] == pytest.approx(BOCHS_IPS["bios"], rel=0.01)
