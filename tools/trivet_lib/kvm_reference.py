# SPDX-License-Identifier: MIT
"""The reference machine: test guests on Linux's KVM, on the CPU that Bochs emulates.

Linux boots from an image as Trivet does; its process 1, tools/kvm-reference/runner.c, runs the
guests and prints their lines in the form of Trivet's log.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trivet_lib import (
    engines,
    grub_config,
    guest,
    iso,
    linux_kernel,
    newc,
    runner,
    serial_lines,
)
from trivet_lib.errors import CallError
from trivet_lib.locked import locked
from trivet_lib.machine import Launch, Machine
from trivet_lib.sizes import MIB, mebibytes, parse_size

TOP = Path(__file__).resolve().parents[2]
_BUILD = TOP / "build" / "kvm-reference"
_RUNNER = _BUILD / "runner"
_MAKEFILE = "tools/kvm-reference/kvm_reference.mk"

# Linux waits for little in virtual time, so a fast clock costs it nothing; a second of the guests'
# time limit is this many instructions.
IPS = 30_000_000
_LINUX_MEMORY_MIB = 192
_KERNEL_PATH = "boot/linux/vmlinuz"
_INITRD_PATH = "boot/linux/initrd"
_TABLE = "guests.txt"

# KVM, in the order in which the runner loads it.
_MODULES = ("irqbypass.ko", "kvm.ko", "kvm-intel.ko")
# To check signatures and to read types and symbols that nobody asks for takes Linux 600 million
# instructions, more than half of its boot.
_STRIP = ("strip", "--strip-unneeded", "--remove-section=.BTF")

# The initcalls left out cost most of the boot and serve nothing here. After a panic a triple fault
# ends Bochs. On Bochs' AVX-512 models Linux gives XSAVE up, as its sizes do not fit, unless it
# leaves those features alone.
_LINUX_OPTIONS = (
    "console=ttyS0,115200", "loglevel=1", "panic=-1", "reboot=t", "nokaslr", "mitigations=off",
    "tsc=reliable", f"tsc_early_khz={IPS // 1000}", "cryptomgr.notests", "nokprobes",
    "clearcpuid=mpx,avx512f,pku", "random.trust_cpu=on", "audit=0", "selinux=0", "apparmor=0",
    "nowatchdog",
    "initcall_blacklist=load_system_certificate_list,init_kprobe_trace,trace_eval_init,"
    "cubictcp_register,init_evm",
)

# The Linux kernel's Documentation/virt/kvm/x86/cpuid.rst: bits of CPUID leaf 0x40000001 EAX.
FEATURES = {
    "CLOCKSOURCE": 0, "NOP_IO_DELAY": 1, "MMU_OP": 2, "CLOCKSOURCE2": 3, "ASYNC_PF": 4,
    "STEAL_TIME": 5, "PV_EOI": 6, "PV_UNHALT": 7, "PV_TLB_FLUSH": 9, "ASYNC_PF_VMEXIT": 10,
    "PV_SEND_IPI": 11, "POLL_CONTROL": 12, "PV_SCHED_YIELD": 13, "ASYNC_PF_INT": 14,
    "MSI_EXT_DEST_ID": 15, "HC_MAP_GPA_RANGE": 16, "MIGRATION_CONTROL": 17,
    "CLOCKSOURCE_STABLE": 24,
}


@dataclass(frozen=True)
class ReferenceGuest:
    """A guest and how it is started."""

    name: str
    image: Path
    memory_bytes: int = 16 * MIB
    features_off: int = 0
    is_vmmcall_undefined: bool = False
    has_pit: bool = False
    limit_s: int = 60
    append: str = ""


@dataclass
class GuestRun:
    """What a guest printed, how it ended, and the status that stands for it; None if it did not."""

    output: list[str] = field(default_factory=list)
    end: str = ""
    status: int | None = None

    @property
    def is_ended(self) -> bool:
        """It ran, and ended by itself."""
        return self.status is not None and not self.end.startswith(("time limit", "not started"))


def _set_features(_guest: ReferenceGuest, value: str) -> dict[str, object]:
    names = value.split("-")
    if names[0] or not all(name in FEATURES for name in names[1:]):
        raise CallError(f"features={value}: wants -NAME-NAME.., of {' '.join(FEATURES)}")
    return {"features_off": sum(1 << FEATURES[name] for name in set(names[1:]))}


def _choice(attribute: str, words: Sequence[str]) -> Callable[[ReferenceGuest, str], dict]:
    def set_it(_guest: ReferenceGuest, value: str) -> dict[str, object]:
        if value not in words:
            raise CallError(f"{value}: is none of {', '.join(words)}")
        return {attribute: value == words[1]}

    return set_it


def _set_limit(_guest: ReferenceGuest, value: str) -> dict[str, object]:
    if not re.fullmatch(r"[1-9][0-9]{0,4}", value):
        raise CallError(f"limit={value}: is no number of seconds")
    return {"limit_s": int(value)}


def _set_name(_guest: ReferenceGuest, value: str) -> dict[str, object]:
    if guest.guest_name(Path(value)) != value:
        raise CallError(f"name={value}: letters, digits and ._+- only, at most 31")
    return {"name": value}


_SETTERS: dict[str, Callable[[ReferenceGuest, str], dict]] = {
    "name": _set_name,
    "mem": lambda _, value: {"memory_bytes": parse_size(value)},
    "features": _set_features,
    "vmmcall": _choice("is_vmmcall_undefined", ("patch", "ud")),
    "pit": _choice("has_pit", ("off", "on")),
    "limit": _set_limit,
}


def parse_guest(text: str) -> ReferenceGuest:
    """Reads IMAGE[,option=value]...; append= takes all that follows it. Raises CallError."""
    image, comma, rest = text.partition(",")
    found = ReferenceGuest(guest.guest_name(Path(image).with_suffix("")), Path(image))
    while comma:
        if rest.startswith("append="):
            return _checked(replace(found, append=rest.removeprefix("append=")))
        option, comma, rest = rest.partition(",")
        key, _, value = option.partition("=")
        if key not in _SETTERS:
            raise CallError(f"{option}: a guest has {', '.join(_SETTERS)} and append")
        found = replace(found, **_SETTERS[key](found, value))
    return _checked(found)


def _checked(found: ReferenceGuest) -> ReferenceGuest:
    guest.check_file("guest", found.image)
    if "\n" in found.append or "\0" in found.append:
        raise CallError("append=: is one line")
    return found


def guest_table(guests: Sequence[ReferenceGuest]) -> str:
    """The runner's table: a line for each guest; images go by their number."""
    return "".join(
        f"name={one.name} image=/{number} mem={one.memory_bytes} limit={one.limit_s} "
        f"features_off={one.features_off:#x} "
        f"vmmcall={'ud' if one.is_vmmcall_undefined else 'patch'} "
        f"pit={'on' if one.has_pit else 'off'} -- {one.append}\n"
        for number, one in enumerate(guests))


def take_apart(log: str, names: Iterable[str]) -> dict[str, GuestRun]:
    """The guests' lines of a log."""
    runs = {name: GuestRun() for name in names}
    for line in log.splitlines():
        match = re.match(r"([\w.+-]+)(\||: ended:) ?(.*)", line)
        if match is None or match[1] not in runs:
            continue
        run = runs[match[1]]
        if match[2] == "|":
            run.output.append(match[3])
            continue
        status = re.search(r" status=([0-9]+)$", match[3])
        if status is not None:
            run.end, run.status = match[3], int(status[1])
    return runs


def run(guests: Sequence[ReferenceGuest], cpu: str | None, limits: runner.Limits,
        show: serial_lines.Writer) -> dict[str, GuestRun]:
    """Runs the guests one after another on KVM; `show` gets the log as it comes.

    A guest that was never reported has no status. Raises CallError if the machine cannot be built.
    """
    names = [one.name for one in guests]
    if len(set(names)) != len(names):
        raise CallError("two guests have one name: name= tells them apart")
    kernel = linux_kernel.get()
    modules = _stripped_modules(kernel)
    _build_runner()
    log: list[bytes] = []

    def take(data: bytes) -> None:
        log.append(data)
        show(data)

    with tempfile.TemporaryDirectory(prefix="kvm-reference-") as work_name:
        image = Path(work_name, "reference.iso")
        initrd = Path(work_name, "initrd")
        initrd.write_bytes(newc.archive(_initial_files(modules, guests)))
        iso.build(image, grub_config.linux_start(_KERNEL_PATH, _INITRD_PATH, _LINUX_OPTIONS),
                  {_KERNEL_PATH: kernel.image, _INITRD_PATH: initrd}, grub_config.LINUX_MODULES)
        outlets = serial_lines.Outlets(log=take, raw_log=lambda _: None, guest=lambda _: None,
                                 say=lambda text: take(f"reference: {text}\n".encode()))
        runner.run(_launch(guests, cpu), image, outlets, limits)
    return take_apart(b"".join(log).decode("utf-8", "replace"), names)


def _initial_files(modules: Sequence[Path], guests: Sequence[ReferenceGuest]) -> list[newc.Entry]:
    return [newc.file("init", _RUNNER.read_bytes(), 0o755),
            newc.file(_TABLE, os.fsencode(guest_table(guests))),
            *(newc.file(module.name, module.read_bytes()) for module in modules),
            *(newc.file(str(number), one.image.read_bytes()) for number, one in enumerate(guests))]


def _stripped_modules(kernel: linux_kernel.LinuxKernel) -> list[Path]:
    """KVM's modules without what the runner does not need, made once for each kernel."""
    folder = _BUILD / kernel.release
    with locked(_BUILD / f"{kernel.release}.lock"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=_BUILD) as work:
                stripped = Path(work, "stripped")
                stripped.mkdir()
                for name in _MODULES:
                    module, = kernel.modules.rglob(name)
                    _call([*_STRIP, "-o", str(stripped / name), str(module)],
                          f"{name} cannot be stripped")
                os.rename(stripped, folder)
    return [folder / name for name in _MODULES]


def _launch(guests: Sequence[ReferenceGuest], cpu: str | None) -> Launch:
    memory_mib = _LINUX_MEMORY_MIB + max(mebibytes(one.memory_bytes) for one in guests)
    return engines.launch("bochs", Machine(memory_mib, cpu=cpu), IPS)


def _build_runner() -> None:
    """The runner, if it is older than its sources. A make around us has no say in it."""
    with locked(_BUILD / "lock"):
        _call(["make", "-s", "-f", _MAKEFILE], "the runner cannot be built")


def _call(command: list[str], complaint: str) -> None:
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    result = subprocess.run(command, cwd=TOP, env=environment, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CallError(f"{complaint}:\n{result.stderr.strip()}")
