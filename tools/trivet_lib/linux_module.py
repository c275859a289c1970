# SPDX-License-Identifier: MIT
"""What we put into Linux: the modules of guest/linux-module, the programs of guest/linux-user."""

import os
import shutil
import subprocess
from pathlib import Path

from trivet_lib import linux_kernel
from trivet_lib.errors import CallError
from trivet_lib.locked import locked

TOP = Path(__file__).resolve().parents[2]
MODULES = ("trivet_linux.ko", "trivet_spin.ko")
PROGRAM = "vmcall-user"
# Those that the C library is linked into, of sources with the same names.
LIBRARY_PROGRAMS = ("linux_locks", "linux_sum")
_BUILD = TOP / "build" / "linux-module"
_MODULE_SOURCE = TOP / "guest" / "linux-module"
_PROGRAM_FOLDER = TOP / "guest" / "linux-user"
_PROGRAM_SOURCE = _PROGRAM_FOLDER / "linux_user.c"
_SOURCE_NAMES = ("Kbuild", "Makefile", "linux_guests.c", "linux_guests.h", "linux_module.c",
                 "linux_spin.c")
# -fno-pic, as nobody would relocate it: it has no library and no loader.
_PROGRAM_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-static",
                  "-nostdlib", "-fno-pic", "-fno-stack-protector",
                  "-fno-asynchronous-unwind-tables", "-s", "-Wl,-z,noexecstack,--build-id=none")
_LIBRARY_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-s",
                  "-Wl,--build-id=none")


def headers(kernel: linux_kernel.LinuxKernel) -> Path:
    """The folder to build modules in for this kernel, where Debian's packages were unpacked."""
    common, = kernel.headers.parent.glob("linux-headers-*-common")
    makefile = kernel.headers / "Makefile"
    text = f"include {common}/Makefile\n"
    with locked(_BUILD / f"{kernel.release}.headers.lock"):
        # The package's own names the place where it would be installed.
        if makefile.read_text("ascii") != text:
            makefile.write_text(text, "ascii")
    return kernel.headers


def build_modules(kernel: linux_kernel.LinuxKernel) -> dict[str, bytes]:
    """The modules for this kernel by name, without what only a debugger reads."""
    folder = _BUILD / kernel.release
    tree = headers(kernel)
    with locked(_BUILD / f"{kernel.release}.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in _SOURCE_NAMES:
            shutil.copy2(_MODULE_SOURCE / name, folder / name)
        _run("make", "-C", folder, f"TRIVET={TOP}", f"KDIR={tree}")
        return {name: _stripped(folder / name) for name in MODULES}


def _stripped(module: Path) -> bytes:
    stripped = module.with_suffix(".stripped")
    _run("strip", "--strip-debug", "-o", stripped, module)
    return stripped.read_bytes()


def build_program() -> bytes:
    """The program that executes VMCALL at CPL 3."""
    with locked(_BUILD / "program.lock"):
        _run("gcc", *_PROGRAM_FLAGS, f"-I{TOP}", "-o", _BUILD / PROGRAM, _PROGRAM_SOURCE)
        return (_BUILD / PROGRAM).read_bytes()


def program(name: str) -> Path:
    """Where a program is, once it is built."""
    return _BUILD / name


def build_library_programs() -> dict[str, bytes]:
    """The programs that use the C library, by name."""
    programs = {}
    with locked(_BUILD / "program.lock"):
        for name in LIBRARY_PROGRAMS:
            _run("gcc", *_LIBRARY_FLAGS, "-o", program(name), _PROGRAM_FOLDER / f"{name}.c")
            programs[name] = program(name).read_bytes()
    return programs


def _run(*words: object) -> None:
    command = [str(word) for word in words]
    # A make around us has no say in kbuild's.
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False)
    if result.returncode != 0:
        raise CallError(f"{' '.join(command)}:\n{result.stdout.strip()}")
