# SPDX-License-Identifier: MIT
"""Debian's kernel, put into memory by vm/load_linux.c with our ACPI tables, runs on a bare PC.

What a vCPU's first state will be, tests/system/enter_linux.asm makes on QEMU's machine, which has
the devices that the tables tell of. The kernel is downloaded the first time.
"""

import re
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, HANG_LIMIT_S, TOP
from trivet_lib import linux_guest

PLACE = BUILD / "host" / "place_linux"
DSDT = BUILD / "vm" / "dsdt.aml"
STUB_ADDRESS = 0xc800000
LOW_COPY = 0xc900000
VCPU_COUNT = 2
COMMAND = "cat /proc/iomem; ls /sys/bus/acpi/devices; cat /proc/interrupts"

# One worker, so that nobody builds twice at once; the one that also builds for iasl.
pytestmark = pytest.mark.xdist_group("acpi_tables")


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    linux_guest.build()
    subprocess.run(["make", "--no-print-directory", str(PLACE.relative_to(TOP)),
                    str(DSDT.relative_to(TOP))], cwd=TOP, check=True)


def place(folder: Path, *more: str) -> dict[str, str]:
    append = f'{linux_guest.APPEND} trivet_run="{COMMAND}"'
    output = subprocess.run([PLACE, linux_guest.KERNEL, linux_guest.INITRAMFS, DSDT,
                             str(VCPU_COUNT), append, *more], cwd=folder, check=True,
                            capture_output=True, text=True).stdout
    return dict(line.split("=") for line in output.splitlines())


def boot(folder: Path, places: dict[str, str]) -> str:
    definitions = [f"-D{name}={value}" for name, value in places.items()]
    subprocess.run(["nasm", "-Werror", "-f", "elf32", f"-DLOW_COPY={LOW_COPY:#x}", *definitions,
                    "-o", folder / "stub.o", TOP / "tests" / "system" / "enter_linux.asm"],
                   check=True)
    subprocess.run(["ld", "-m", "elf_i386", f"-Ttext={STUB_ADDRESS:#x}", "-o", "stub.elf",
                    "stub.o"], cwd=folder, check=True)
    pieces = [("low", hex(LOW_COPY)), ("kernel", places["KERNEL"]), ("initrd", places["INITRD"])]
    loaders = [word for name, address in pieces for word in
               ("-device", f"loader,file={name}.bin,addr={address},force-raw=on")]
    return subprocess.run(
        ["qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-no-reboot", "-display", "none",
         "-serial", "stdio", "-m", "256M", "-smp", str(VCPU_COUNT), "-kernel", "stub.elf",
         *loaders], cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        timeout=HANG_LIMIT_S).stdout.decode("ascii", "replace").replace("\r", "")


@pytest.mark.parametrize("rsdp", ["told", "found"])
def test_linux_runs_and_powers_off(rsdp: str, tmp_path: Path) -> None:
    log = boot(tmp_path, place(tmp_path, *(["no-rsdp"] if rsdp == "found" else [])))
    assert linux_guest.READY in log, log
    assert f" cpus={VCPU_COUNT}\n" in log
    assert "BIOS-e820: [mem 0x00000000000e0000-0x00000000000e0fff] ACPI NVS" in log
    assert "ACPI: RSDP 0x00000000000E1000 000024 (v02 TRIVET)" in log
    assert "ACPI: PM-Timer IO Port: 0x608" in log
    assert set(re.findall(r"ACPI0007:\d\d", log)) == {"ACPI0007:00", "ACPI0007:01"}
    assert "000e1000-000e1fff : ACPI Tables" in log
    assert re.search(r"IO-APIC +9-fasteoi +acpi", log)
    assert re.search(r"IO-APIC +4-edge +ttyS0", log)
    assert "ACPI: PM: Preparing to enter system sleep state S5" in log
    assert re.findall(r".*(?:ACPI (?:Error|Warning|BIOS)|\[Firmware ).*", log) == []
