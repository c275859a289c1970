# SPDX-License-Identifier: MIT
"""What we put into Linux: the module of guest/linux-module and the program of guest/linux-user."""

import os
import shutil
import subprocess
from pathlib import Path

from trivet_lib import linux_kernel
from trivet_lib.errors import CallError
from trivet_lib.locked import locked

TOP = Path(__file__).resolve().parents[2]
MODULE = "trivet_linux.ko"
PROGRAM = "vmcall-user"
_BUILD = TOP / "build" / "linux-module"
_MODULE_SOURCE = TOP / "guest" / "linux-module"
_PROGRAM_SOURCE = TOP / "guest" / "linux-user" / "linux_user.c"
_SOURCE_NAMES = ("Kbuild", "Makefile", "linux_module.c")
# -fno-pic, as nobody would relocate it: it has no library and no loader.
_PROGRAM_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-static",
                  "-nostdlib", "-fno-pic", "-fno-stack-protector",
                  "-fno-asynchronous-unwind-tables", "-s", "-Wl,-z,noexecstack,--build-id=none")


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


def build_module(kernel: linux_kernel.LinuxKernel) -> bytes:
    """The module for this kernel, without what only a debugger reads."""
    folder = _BUILD / kernel.release
    tree = headers(kernel)
    with locked(_BUILD / f"{kernel.release}.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in _SOURCE_NAMES:
            shutil.copy2(_MODULE_SOURCE / name, folder / name)
        _run("make", "-C", folder, f"TRIVET={TOP}", f"KDIR={tree}")
        stripped = folder / "stripped.ko"
        _run("strip", "--strip-debug", "-o", stripped, folder / MODULE)
        return stripped.read_bytes()


def build_program() -> bytes:
    """The program that executes VMCALL at CPL 3."""
    with locked(_BUILD / "program.lock"):
        _run("gcc", *_PROGRAM_FLAGS, f"-I{TOP}", "-o", _BUILD / PROGRAM, _PROGRAM_SOURCE)
        return (_BUILD / PROGRAM).read_bytes()


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
