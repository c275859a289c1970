# SPDX-License-Identifier: MIT
"""A machine of Bochs that tools/trivet does not offer: another ROM, its own log kept."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from trivet_lib import engines, grub_config, iso, runner, serial_lines  # noqa: E402
from trivet_lib.machine import Machine  # noqa: E402

HYPERVISOR = TOP / "build" / "trivet.elf"
LOGS = TOP / "build" / "logs"

# The models of Bochs that have everything that Trivet requires, in a different mixture of options.
MODELS = (
    "corei7_haswell_4770",
    "corei7_ivy_bridge_3770k",
    "corei7_skylake_x",
    "corei3_cnl",
)
HASWELL, IVY_BRIDGE, SKYLAKE, CANNON_LAKE = MODELS
# Bochs 2.7 loses AVX registers in compacted XSAVE areas: without XSAVEC Linux has none.
LINUX_WORDS = {SKYLAKE: "clearcpuid=xsavec", CANNON_LAKE: "clearcpuid=xsavec"}


@dataclass(frozen=True)
class Platform:
    """A CPU model, and the value of the option apic=: what the CPU does of guests' local APICs."""

    cpu: str = HASWELL
    apic: str = "auto"

    def __str__(self) -> str:
        return f"{self.cpu}-{self.apic}"

    def option(self) -> str:
        """The word for the hypervisor."""
        return f"apic={self.apic}"


# For what is tested on each model: each way to have a local APIC is there, and without help of the
# CPU on more than one model.
PLATFORMS = (
    Platform(HASWELL),
    Platform(IVY_BRIDGE, "software"),
    Platform(SKYLAKE),
    Platform(CANNON_LAKE, "software"),
)
# For `make test-long`.
ALL_PLATFORMS = tuple(Platform(cpu, apic) for cpu in MODELS
                      for apic in ("auto", "software", "hardware"))
# With virtual-interrupt delivery an IPI of the machine, which each message from one vCPU to another
# makes, has Bochs interrupt code with interrupts disabled (docs/bochs.md).
DELIVERING = (Platform(HASWELL, "hardware"), Platform(SKYLAKE, "hardware"))
SMP_PLATFORMS = tuple(platform for platform in ALL_PLATFORMS if platform not in DELIVERING)

# The BIOS that leaves IA32_FEATURE_CONTROL unlocked.
LEGACY_BIOS = "/usr/share/bochs/BIOS-bochs-legacy"
_BIOS = "/usr/share/bochs/BIOS-bochs-latest"

# Of the emulator's processor time.
BOOT_LIMIT_S = 600


@dataclass(frozen=True)
class Result:
    """How a boot ended: the exit status, the hypervisor's log, and Bochs' own log."""

    status: int
    log: str
    engine_log: str


def boot(name: str, config: str, files: dict[str, Path], machine: Machine,
         bios: str | None = None, hypervisor: Path = HYPERVISOR,
         ips: int | None = None, limit_s: float = BOOT_LIMIT_S) -> Result:
    """Boots an image with this grub.cfg in Bochs; the logs stay in build/logs/NAME.*. With fewer
    instructions per second (ips) what waits, for a serial line say, costs less."""
    LOGS.mkdir(parents=True, exist_ok=True)
    image, log, engine_log = (LOGS / f"{name}.{end}" for end in ("iso", "log", "bochs.log"))
    iso.build(image, config, {grub_config.HYPERVISOR_PATH: hypervisor, **files})
    launch = engines.launch("bochs", machine, ips)
    bochsrc = launch.files["bochsrc"].replace(f"log: {engines.BOCHS_LOG}", f"log: {engine_log}")
    if bios is not None:
        assert _BIOS in bochsrc
        bochsrc = bochsrc.replace(_BIOS, bios)
    launch = replace(launch, files={**launch.files, "bochsrc": bochsrc})
    words: list[str] = []
    with open(log, "wb") as raw:
        outlets = serial_lines.Outlets(log=lambda _: None, raw_log=raw.write, guest=lambda _: None,
                                 say=words.append)
        status = runner.run(launch, image, outlets, runner.Limits(processor_s=limit_s))
    image.unlink()
    text = log.read_bytes().replace(b"\r", b"").decode("utf-8", "replace")
    return Result(status, text + "\n".join(words),
                  engine_log.read_text("utf-8", "replace") if engine_log.exists() else "")


def guests_config(modules: Sequence[str], options: Sequence[str] = ()) -> str:
    """grub.cfg for module lines, each a script text behind "module2"."""
    return grub_config.direct_start(["end=poweroff", *options], modules)
