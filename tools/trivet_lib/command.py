# SPDX-License-Identifier: MIT
"""The command line of tools/trivet: options with one dash, named as QEMU names its own."""

import contextlib
import math
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from trivet_lib import engines, guest, iso, runner, typed_input
from trivet_lib.errors import STATUS_SIGNAL_BASE, STATUS_WRONG_CALL, CallError
from trivet_lib.machine import FIRMWARES, Launch, Machine
from trivet_lib.serial_lines import Outlets, Writer
from trivet_lib.sizes import parse_count, parse_size

BUILD = Path(__file__).resolve().parents[2] / "build"
HYPERVISOR = BUILD / "trivet.elf"
STOCK_ISO = BUILD / "trivet.iso"
# As many as the hypervisor uses.
_PROCESSORS_MAX = 64
_SIGPIPE = 13
_STDIN = 0

_ENGINE_OPTIONS = ("engine", "cpu", "smp", "firmware", "rtc", "timeout", "cputime", "log")
_OPTIONS = {
    "run": ("kernel", "initrd", "append", "m", "vcpus", "words", "serial", "iso", "hypervisor",
            *_ENGINE_OPTIONS),
    "boot": ("iso", "m", *_ENGINE_OPTIONS),
    "engines": (),
    "help": (),
}

USAGE = """\
usage: tools/trivet run [OPTIONS]      boots a guest, the demo guest without -kernel
       tools/trivet boot [OPTIONS]     boots an image as it is, build/trivet.iso without -iso
       tools/trivet engines            says which engines are here, and why not
       tools/trivet help

  -kernel FILE         run: the guest: Linux, a multiboot image, or a flat real-mode one
  -initrd FILE         run: a module for the guest
  -append STR          run: the guest's command line, as it stands
  -m SIZE              run: the guest's memory (128M); boot: the machine's (256M)
  -vcpus N             run: the number of the guest's processors, 1 to 64 (1)
  -words STR           run: more words for the guest's module line, as in 'cpus=0-1 weight=512'
  -engine NAME         auto, bochs, kvm or tcg (auto: KVM if it nests VMX, else Bochs)
  -cpu MODEL           a CPU model of that engine
  -smp N               the number of the machine's processors (1)
  -firmware NAME       bios or uefi (bios)
  -rtc DATE            utc: the clock has today's date; fixed: Bochs' starts in 2020 (fixed)
  -timeout S           stop after S seconds (0: never)
  -cputime S           stop when the engine has had S seconds of processor time (0: never)
  -serial FILE         run: the guest's serial line goes there, not to standard output
  -log FILE            the hypervisor's log goes there, not to the terminal
  -hypervisor OPTS     run: more options for the hypervisor, as in 'mode=doctor screen=off'
  -iso FILE            run: keep the image there; boot: the image

The guest's serial line goes to standard output, the hypervisor's log to standard error (boot: both
are the log, on standard output). What is typed or piped in goes to the guest's line; keys for the
hypervisor begin with Ctrl-A: Ctrl-A h lists them, Ctrl-A x ends the run.

exit status: the guest's debug-exit code; 0 power-off; 124 the guest halted, or the time limit;
125 wrong call, no engine or no VMX; 126 the guest crashed or was not started; 127 the hypervisor
panicked
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    try:
        with runner.stop_on_signals():
            return _dispatch(arguments)
    except CallError as error:
        _say(f"error: {error}")
        return STATUS_WRONG_CALL
    except runner.Stopped as stopped:
        return stopped.status
    except BrokenPipeError:
        # Nobody reads any more; Python would complain once more while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STATUS_SIGNAL_BASE + _SIGPIPE
    except OSError as error:
        _say(f"error: {error}")
        return STATUS_WRONG_CALL


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments:
        raise CallError("no command; `tools/trivet help` shows them")
    command = "help" if arguments[0] in ("-h", "-help", "--help") else arguments[0]
    if command not in _OPTIONS:
        raise CallError(f"{arguments[0]}: no such command; `tools/trivet help` shows them")
    options = parse_options(command, arguments[1:])
    return {"run": _run, "boot": _boot, "engines": _engines, "help": _help}[command](options)


def parse_options(command: str, arguments: Sequence[str]) -> dict[str, str]:
    """Reads "-name value" pairs, with one dash or two; whatever follows a name is its value."""
    options: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name = argument[1:].removeprefix("-")
        if not argument.startswith("-") or name not in _OPTIONS[command]:
            raise CallError(f"{command}: {argument}: no such option; see `tools/trivet help`")
        if name in options:
            raise CallError(f"{command}: -{name} stands twice")
        value = next(rest, None)
        if value is None:
            raise CallError(f"{command}: -{name} needs a value")
        if not value and name != "append":
            raise CallError(f"{command}: -{name} has an empty value")
        options[name] = value
    _check_choice(options, "engine", ("auto", *engines.ENGINES))
    _check_choice(options, "firmware", FIRMWARES)
    _check_choice(options, "rtc", ("utc", "fixed"))
    return options


def _check_choice(options: dict[str, str], name: str, choices: Sequence[str]) -> None:
    if name in options and options[name] not in choices:
        raise CallError(f"-{name} {options[name]}: is none of {', '.join(choices)}")


def _run(options: dict[str, str]) -> int:
    wanted = guest.Guest(
        kernel=_path(options, "kernel"),
        initrd=_path(options, "initrd"),
        append=options.get("append", ""),
        memory_bytes=parse_size(options["m"]) if "m" in options else guest.DEFAULT_MEMORY_BYTES,
        vcpus=parse_count("-vcpus", options.get("vcpus", "1"), guest.VCPUS_MAX),
        hypervisor_options=_words(options, "hypervisor"),
        words=_words(options, "words"),
    )
    guest.check(wanted, has_memory_size="m" in options)
    if not HYPERVISOR.is_file():
        raise CallError(f"{HYPERVISOR} is not built: run make")
    firmware = options.get("firmware", "bios")
    machine = _machine(options, guest.machine_memory_mib(wanted, firmware), firmware)
    engine = engines.choose(options.get("engine", "auto"), firmware)
    launch = engines.launch(engine, machine, guest.bochs_ips(wanted, firmware))
    with tempfile.TemporaryDirectory(prefix="trivet-guest-") as work:
        image = _path(options, "iso") or Path(work, "guest.iso")
        iso.build(image, guest.config(wanted), guest.files(HYPERVISOR, [wanted]))
        return _start(options, launch, image, sys.stderr.fileno())


def _boot(options: dict[str, str]) -> int:
    image = _path(options, "iso") or STOCK_ISO
    guest.check_file("-iso", image)
    firmware = options.get("firmware", "bios")
    if "m" in options:
        memory_mib = parse_size(options["m"]) >> 20
    else:
        memory_mib = guest.machine_memory_mib(guest.Guest(), firmware)
    machine = _machine(options, memory_mib, firmware)
    engine = engines.choose(options.get("engine", "auto"), firmware)
    return _start(options, engines.launch(engine, machine), image, sys.stdout.fileno())


def _machine(options: dict[str, str], memory_mib: int, firmware: str) -> Machine:
    return Machine(memory_mib, firmware, options.get("cpu"),
                   has_input=typed_input.is_input(_STDIN),
                   has_date_of_today=options.get("rtc") == "utc",
                   processors=_processors(options))


def _processors(options: dict[str, str]) -> int:
    return parse_count("-smp", options.get("smp", "1"), _PROCESSORS_MAX)


def _start(options: dict[str, str], launch: Launch, image: Path,
           log_descriptor: int) -> int:
    limits = runner.Limits(_seconds(options, "timeout"), _seconds(options, "cputime"))
    with contextlib.ExitStack() as stack:
        show_log, raw_log = _writer(log_descriptor), _discard
        show_guest = _writer(sys.stdout.fileno())
        if "log" in options:
            show_log, raw_log = _discard, stack.enter_context(_file_writer(options, "log"))
        if "serial" in options:
            show_guest = stack.enter_context(_file_writer(options, "serial"))
        outlets = Outlets(log=show_log, raw_log=raw_log, guest=show_guest, say=_say,
                          input=_STDIN if launch.has_input else None)
        return runner.run(launch, image, outlets, limits)


def _engines(_options: dict[str, str]) -> int:
    for name in engines.ENGINES:
        finding = engines.probe(name)
        print(f"{name:6} {'yes' if finding.usable else 'no':4} {finding.reason}")
    return 0


def _help(_options: dict[str, str]) -> int:
    print(USAGE, end="")
    return 0


def _path(options: dict[str, str], name: str) -> Path | None:
    return Path(options[name]) if name in options else None


def _words(options: dict[str, str], name: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(options.get(name, "")))
    except ValueError as error:
        raise CallError(f"-{name}: {error}") from error


def _seconds(options: dict[str, str], name: str) -> float:
    text = options.get(name, "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise CallError(f"-{name} {text}: is no number of seconds")
    return seconds


def _writer(descriptor: int) -> Writer:
    def write(data: bytes) -> None:
        while data:
            data = data[os.write(descriptor, data):]

    return write


def _discard(_data: bytes) -> None:
    return


@contextlib.contextmanager
def _file_writer(options: dict[str, str], name: str) -> Iterator[Writer]:
    try:
        file = open(options[name], "wb", buffering=0)
    except OSError as error:
        raise CallError(f"-{name} {options[name]}: {error.strerror}") from error
    with file:
        yield _writer(file.fileno())


def _say(text: str) -> None:
    print(f"trivet: {text}", file=sys.stderr, flush=True)
