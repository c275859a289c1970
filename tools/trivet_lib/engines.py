# SPDX-License-Identifier: MIT
"""The engines: which of them are at hand, and how each is started.

Every *_launch() is a pure function of the machine, so that its command line can be tested without
the engine; the probe_*() functions look at this computer.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trivet_lib.errors import CallError
from trivet_lib.machine import (
    GUEST_SERIAL_NAME, GUEST_SERIAL_PORT, ISO_NAME, LOG_NAME, Launch, Machine)

ENGINES = ("kvm", "bochs", "tcg")
_PROBE_LIMIT_S = 60

BOCHS_CPU = "corei7_haswell_4770"
BOCHS_MEMORY_MIB_MAX = 2048
# With more it has not enough timers. Virtual time moves in steps of 5 ticks from two processors on.
BOCHS_PROCESSORS_MAX = 14
BOCHS_LOG = "bochs.log"
OVMF = "/usr/share/ovmf/OVMF.fd"
_BOCHS_BIOS = "/usr/share/bochs/BIOS-bochs-latest"
# The one of the package vgabios crashes GRUB when it asks for the video modes.
_BOCHS_VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin"
_BOCHS_GUI_PLUGINS = "/usr/lib/x86_64-linux-gnu/bochs/plugins"
_KVM_DEVICE = "/dev/kvm"
_KVM_NESTED = "/sys/module/kvm_intel/parameters/nested"
_QEMU = "qemu-system-x86_64"

# Instructions a second of virtual time. Firmware and GRUB wait in virtual time: a slow clock makes
# them quick on the wall's.
BOCHS_IPS = {"bios": 10_000_000, "uefi": 5_000_000}

# MSRs that OVMF and Linux touch and Bochs 2.7 lacks: IA32_MISC_ENABLE, IA32_PLATFORM_ID,
# MSR_PLATFORM_INFO, MSR_FEATURE_CONFIG.
_BOCHS_MSRS = """\
# ADDR   TYPE  RESET_HI   RESET_LO   RSRVD_HI   RSRVD_LO   IGNRD_HI   IGNRD_LO
 0x1a0   0     0x00000000 0x00000001 0x00000000 0x00000000 0x00000000 0x00000000
 0x017   0     0x00000000 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000
 0x0ce   0     0x00000000 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000
 0x140   0     0x00000000 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000
"""


@dataclass(frozen=True)
class Finding:
    """Whether an engine is at hand, and in words why, or why not."""

    name: str
    usable: bool
    reason: str


@dataclass(frozen=True)
class BochsDisplay:
    """How Bochs is kept from needing a screen: a prefix of its command, and its display library.

    rfb listens on a TCP port and two that start together fight for one, hence the network
    namespace of its own; term draws on a terminal that nobody sees.
    """

    prefix: tuple[str, ...]
    library: str
    log_name: str
    needs_terminal: bool = False


_RFB = ('rfb, options="timeout=0"', "RFB")
# 1 January 2020.
_REPEATED_DATE = 1577836800

_DISPLAYS = (
    BochsDisplay(("unshare", "--net", "--"), *_RFB),
    BochsDisplay(("unshare", "--map-root-user", "--net", "--"), *_RFB),
    BochsDisplay((), "term", "TERM", needs_terminal=True),
)


def bochs_launch(machine: Machine, display: BochsDisplay, ips: int | None = None) -> Launch:
    """Bochs: the debugger is built in, so a file with `continue` gets it going.

    The display libraries cannot show the 32-bit framebuffer that UEFI gives: a report, no panic.
    OVMF finds the screen only if it is a PCI device.
    """
    if machine.memory_mib > BOCHS_MEMORY_MIB_MAX:
        raise CallError(f"the machine needs {machine.memory_mib} MiB with its images and the "
                        f"hypervisor; Bochs has at most {BOCHS_MEMORY_MIB_MAX}")
    if machine.processors > BOCHS_PROCESSORS_MAX:
        raise CallError(f"-smp {machine.processors}: Bochs has at most {BOCHS_PROCESSORS_MAX}")
    rom = OVMF if machine.firmware == "uefi" else _BOCHS_BIOS
    speed = ips or BOCHS_IPS[machine.firmware]
    line_mode = "term" if machine.has_input else "file"
    config = f"""\
config_interface: textconfig
display_library: {display.library}
cpu: model={machine.cpu or BOCHS_CPU}, count={machine.processors}, ips={speed}, \
reset_on_triple_fault=0, ignore_bad_msrs=0, msrs="msrs.def"
megs: {machine.memory_mib}
romimage: file={rom}
vgaromimage: file={_BOCHS_VGA_BIOS}
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={ISO_NAME}, status=inserted
ata1: enabled=0
floppy_bootsig_check: disabled=1
pci: enabled=1, chipset=i440fx, slot1=pcivga
clock: sync=none, time0={"utc" if machine.has_date_of_today else _REPEATED_DATE}
com1: enabled=1, mode={line_mode}, dev={LOG_NAME}
{GUEST_SERIAL_PORT}: enabled=1, mode={line_mode}, dev={GUEST_SERIAL_NAME}
log: {BOCHS_LOG}
debugger_log: -
panic: action=fatal, {display.log_name}=report
error: action=report
info: action=ignore
debug: action=ignore
mouse: enabled=0
private_colormap: enabled=0
speaker: enabled=0
sound: driver=dummy
"""
    return Launch(
        command=(*display.prefix, "bochs", "-q", "-f", "bochsrc", "-rc", "go.rc"),
        files={"bochsrc": config, "go.rc": "continue\n", "msrs.def": _BOCHS_MSRS},
        needs_terminal=display.needs_terminal,
        engine_log=BOCHS_LOG,
        has_input=machine.has_input,
    )


def qemu_launch(machine: Machine, accelerator: str) -> Launch:
    """QEMU: "kvm" with the processor's own VMX handed on, or "tcg", which has none."""
    if accelerator == "kvm":
        cpu = f"{machine.cpu or 'host'},+vmx"
    else:
        cpu = machine.cpu or "max"
    firmware = ("-bios", OVMF) if machine.firmware == "uefi" else ()
    return Launch(
        command=(
            _QEMU, "-nodefaults", "-no-user-config", "-machine", "pc", "-accel", accelerator,
            "-cpu", cpu, "-smp", str(machine.processors), "-m", f"{machine.memory_mib}M", *firmware,
            "-vga", "std", "-display", "none", "-monitor", "none", "-no-reboot",
            "-cdrom", ISO_NAME, "-boot", "d",
            *_qemu_serial(machine.has_input),
        ),
        files={},
        has_input=machine.has_input,
    )


def _qemu_serial(has_input: bool) -> tuple[str, ...]:
    """The lines COM1 to COM3; OVMF has COM2 for itself."""
    if not has_input:
        return ("-serial", f"file:{LOG_NAME}", "-serial", "null",
                "-serial", f"file:{GUEST_SERIAL_NAME}")
    return ("-chardev", f"serial,id=log,path={LOG_NAME}", "-serial", "chardev:log",
            "-serial", "null",
            "-chardev", f"serial,id=guest,path={GUEST_SERIAL_NAME}", "-serial", "chardev:guest")


def launch(engine: str, machine: Machine, bochs_ips: int | None = None) -> Launch:
    """The launch of an engine on this computer. Raises CallError for what it cannot be.

    bochs_ips is for what is better off with another clock than the firmware's.
    """
    if engine == "bochs":
        _check_cpu_model(machine.cpu, bochs_cpu_models, "Bochs")
        display = bochs_display(machine.firmware)
        if display is None:
            raise CallError(_NO_DISPLAY)
        return bochs_launch(machine, display, bochs_ips)
    _check_cpu_model(machine.cpu, qemu_cpu_models, "QEMU")
    return qemu_launch(machine, engine)


def choose(wanted: str, firmware: str) -> str:
    """The engine's name for what was asked for; "auto" is KVM if it nests VMX, else Bochs."""
    names = ("kvm", "bochs") if wanted == "auto" else (wanted,)
    findings = [probe(name) for name in names]
    for finding in findings:
        if finding.usable:
            if firmware == "uefi" and not Path(OVMF).is_file():
                raise CallError(f"{OVMF} is missing: run tools/setup")
            return finding.name
    raise CallError("no engine: " + "; ".join(f"{one.name}: {one.reason}" for one in findings))


def probe(name: str) -> Finding:
    """Looks whether this computer has the engine."""
    return {"kvm": probe_kvm, "bochs": probe_bochs, "tcg": probe_tcg}[name]()


def probe_kvm() -> Finding:
    """QEMU with KVM, of use only where KVM hands VMX on to its guests."""
    if shutil.which(_QEMU) is None:
        return Finding("kvm", False, f"{_QEMU} is missing: run tools/setup")
    try:
        os.close(os.open(_KVM_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return Finding("kvm", False, f"{_KVM_DEVICE}: {error.strerror}")
    if not _has_cpu_flag(_read("/proc/cpuinfo"), "vmx"):
        return Finding("kvm", False, "the processor has no VMX, or the firmware keeps it off")
    if _read(_KVM_NESTED).strip() not in ("Y", "1"):
        return Finding("kvm", False,
                       "KVM does not nest VMX: modprobe kvm_intel nested=1 turns it on")
    return Finding("kvm", True, "QEMU with KVM, nested VMX")


def probe_bochs() -> Finding:
    """Bochs, which emulates VMX on any computer."""
    if shutil.which("bochs") is None:
        return Finding("bochs", False, "bochs is missing: run tools/setup")
    display = bochs_display()
    if display is None:
        return Finding("bochs", False, _NO_DISPLAY)
    way = "on a hidden terminal" if display.needs_terminal else "in a network namespace"
    return Finding("bochs", True, f"emulates VMX, {way}")


def probe_tcg() -> Finding:
    """QEMU without VMX: shows the refusal."""
    if shutil.which(_QEMU) is None:
        return Finding("tcg", False, f"{_QEMU} is missing: run tools/setup")
    return Finding("tcg", True, "emulates no VMX: the hypervisor refuses with a report")


_NO_DISPLAY = "Bochs needs `unshare --net` or the package bochs-term, and has neither here"


def bochs_display(firmware: str = "bios") -> BochsDisplay | None:
    """The first display that works here; containers often forbid namespaces.

    UEFI sets up a framebuffer that is larger than rfb's buffer, and now and then kills it: only
    term, which shows no graphics, takes it.
    """
    for display in _DISPLAYS:
        if firmware == "uefi" and not display.needs_terminal:
            continue
        if display.needs_terminal:
            if Path(_BOCHS_GUI_PLUGINS, "libbx_term_gui.so").exists():
                return display
        elif _succeeds([*display.prefix, "true"]):
            return display
    return None


def bochs_cpu_models() -> list[str]:
    """The models that this Bochs knows."""
    lines = _output(["bochs", "--help", "cpu"]).splitlines()
    return [line for line in lines if line and line.replace("_", "").isalnum()]


def qemu_cpu_models() -> list[str]:
    """The models that this QEMU knows."""
    lines = _output([_QEMU, "-cpu", "help"]).splitlines()
    return [line.split()[1].strip("',") for line in lines
            if line.startswith("x86 ") and len(line.split()) > 1]


def _check_cpu_model(cpu: str | None, models: Callable[[], list[str]], engine: str) -> None:
    if cpu is None:
        return
    known = models()
    if cpu.partition(",")[0] not in known or (engine == "Bochs" and cpu not in known):
        raise CallError(f"-cpu {cpu}: {engine} does not know it; it has: {' '.join(known)}")


def _has_cpu_flag(cpuinfo: str, flag: str) -> bool:
    return any(flag in line.split() for line in cpuinfo.splitlines() if line.startswith("flags"))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=_PROBE_LIMIT_S,
                              check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _output(command: list[str]) -> str:
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                errors="replace", timeout=_PROBE_LIMIT_S, check=False)
        return result.stdout + result.stderr
    except (OSError, subprocess.TimeoutExpired):
        return ""
