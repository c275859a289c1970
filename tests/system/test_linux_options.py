# SPDX-License-Identifier: MIT
"""Debian's cloud kernel as a guest in Bochs, with options that choose other devices."""

import calendar
import re
import subprocess
import time

import pytest
from conftest import TRIVET, limits
from trivet_lib import linux_guest
from test_linux_boot import FAST

LIMIT_S = 240
CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
# Levels 0 to 4: a warning or worse.
COMMAND = f"cat {CLOCKSOURCE}; cat /proc/interrupts; date +date=%s; dmesg -r | sed -n /^.[0-4].*/p"
# What this kernel says of acpi=off on any machine.
ACPI_OFF_WARNINGS = ["ACPI: MPS support code is not built-in, using acpi=off or acpi=noirq or "
                     "pci=noacpi may have problem",
                     "smpboot: weird, boot CPU (#0) not listed by the BIOS"]


@pytest.fixture(scope="module", autouse=True)
def build() -> None:
    linux_guest.build()


def boot(append: str, *options: str) -> str:
    """What the guest said. It ends by a reset: without ACPI there is no power-off."""
    result = subprocess.run(
        [TRIVET, "run", "-engine", "bochs", "-kernel", linux_guest.KERNEL, "-initrd",
         linux_guest.INITRAMFS, "-append",
         f'{FAST} quiet {append} trivet_run="{COMMAND}; reboot -f"', *limits(LIMIT_S),
         *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "ended: reset code=0 status=0" in result.stderr
    return result.stdout


def warnings(output: str) -> list[str]:
    return re.findall(r"^<[0-4]>\[ *[\d.]+\] (.*?)\r?$", output, re.M)


@pytest.mark.parametrize(("append", "shows"), [
    ("nox2apic", r"^LOC: +[1-9]\d*"),
    ("noapictimer", r"^ +0: +\d{3,} .*timer"),
    ("clocksource=tsc", r"^tsc\r?$"),
    ("clocksource=kvm-clock", r"^kvm-clock\r?$"),
    ("clocksource=acpi_pm", r"^acpi_pm\r?$")])
def test_linux_uses_the_device_and_warns_of_nothing(append: str, shows: str) -> None:
    output = boot(append)
    assert re.search(shows, output, re.M), output
    assert warnings(output) == []


def test_without_acpi_linux_warns_of_that_alone() -> None:
    assert warnings(boot("acpi=off")) == ACPI_OFF_WARNINGS


def test_the_wall_clock_is_the_machines() -> None:
    before = time.time()
    told = int(re.search(r"^date=(\d+)", boot("", "-rtc", "utc"), re.M)[1])
    # The emulated machine's time runs ahead of ours or behind it, by a minute at most in a boot.
    assert before - 2 <= told <= time.time() + 60
    fixed = int(re.search(r"^date=(\d+)", boot(""), re.M)[1])
    assert 0 < fixed - calendar.timegm((2020, 1, 1, 0, 0, 0)) < 60
