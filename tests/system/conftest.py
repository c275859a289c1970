# SPDX-License-Identifier: MIT
"""What the system tests share: where things are, and how an image or a guest is booted."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.dont_write_bytecode = True

# A make around us has no say in those that tests call.
for _name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(_name, None)

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
TRIVET = TOP / "tools" / "trivet"
HYPERVISOR = BUILD / "trivet.elf"

# A boot takes seconds; with UEFI in Bochs half a minute.
BOOT_LIMIT_S = 240
# For what another program waits for by the clock: it only ends what hangs, however busy this
# computer is.
HANG_LIMIT_S = 3600

sys.path.insert(0, str(TOP / "tools"))


@dataclass(frozen=True)
class Boot:
    """How a boot ended: exit status, the guest's bytes, the hypervisor's log and our messages."""

    status: int
    output: bytes
    log: str
    messages: str


Booter = Callable[..., Boot]


def limits(limit_s: float) -> list[str]:
    """Options of tools/trivet that end a run after so much processor time of the engine, which does
    not depend on what else runs; an engine that hangs and takes none is ended by the clock."""
    return ["-cputime", str(limit_s), "-timeout", str(HANG_LIMIT_S)]


def pytest_configure(config: pytest.Config) -> None:
    """Tests marked "long" run only where they are asked for: `make test-long`, or -m long."""
    config.addinivalue_line("markers", "long: takes too long for `make test`")
    if not config.option.markexpr:
        config.option.markexpr = "not long"


@pytest.fixture(scope="session")
def hypervisor() -> Path:
    """The built hypervisor; `make test` builds it first."""
    assert HYPERVISOR.is_file(), "build the hypervisor first: make"
    return HYPERVISOR


@pytest.fixture
def log_path(request: pytest.FixtureRequest) -> Path:
    """The file that keeps the serial log of this test."""
    directory = BUILD / "logs"
    directory.mkdir(parents=True, exist_ok=True)
    return directory / (re.sub(r"[^A-Za-z0-9._-]+", "_", request.node.name).strip("_") + ".log")


@pytest.fixture
def boot(log_path: Path) -> Booter:
    """boot("run", "-kernel", FILE...) calls tools/trivet, with the log kept under build/logs/."""
    def call(command: str, *options: str | Path, limit_s: int = BOOT_LIMIT_S) -> Boot:
        log_path.unlink(missing_ok=True)
        result = trivet(command, "-log", log_path, *limits(limit_s), *options)
        log = log_path.read_bytes() if log_path.exists() else b""
        return Boot(result.returncode, result.stdout,
                    log.replace(b"\r", b"").decode("utf-8", "replace"),
                    result.stderr.decode("utf-8", "replace"))

    return call


def trivet(*arguments: object) -> subprocess.CompletedProcess:
    """Calls tools/trivet to its end."""
    return subprocess.run([str(TRIVET), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=HANG_LIMIT_S + 60, check=False)


def grub_script_image(path: Path, lines: Sequence[str]) -> Path:
    """An image in which a script of GRUB's plays the hypervisor, with COM1 as its log."""
    from trivet_lib import grub_config, iso

    script = ["serial --unit=0 --speed=115200", "terminfo -g 80x24 serial dumb",
              "terminal_output serial", f"echo '{grub_config.HANDOVER_LINE}'", *lines]
    iso.build(path, "\n".join(script) + "\n", {})
    return path
