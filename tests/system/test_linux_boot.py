# SPDX-License-Identifier: MIT
"""Debian's cloud kernel, unmodified, as a guest in Bochs."""

import hashlib
import random
import re
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, HANG_LIMIT_S, TOP, TRIVET, limits
from trivet_lib import linux_guest

LIMIT_S = 240
FAST = ("console=ttyS0,115200 panic=-1 cryptomgr.notests mitigations=off nowatchdog audit=0 "
        "selinux=0 apparmor=0 initcall_blacklist=load_system_certificate_list,init_evm")
PROMPT = b"/ # "
PASTE_BYTES = 64 << 10
COMMANDS = b"dmesg | grep -i kvm; cat /sys/devices/system/clocksource/*/current_clocksource; " \
           b"echo $((6 * 7)) is the answer; poweroff\n"


@pytest.fixture(scope="module", autouse=True)
def build() -> None:
    linux_guest.build()


def command(*options: str, append: str = FAST) -> list[str]:
    return [str(TRIVET), "run", "-engine", "bochs", "-kernel", str(linux_guest.KERNEL), "-initrd",
            str(linux_guest.INITRAMFS), "-append", append, *limits(LIMIT_S), *options]


@pytest.mark.parametrize("options", [
    (), ("-cpu", "corei3_cnl"), ("-m", "96M"), ("-m", "1536M"),
    ("-cpu", "corei7_skylake_x"),
    ("-hypervisor", "apic=hardware"),
    ("-hypervisor", "apic=software timer=host"),
    ("-cpu", "corei3_cnl", "-hypervisor", "apic=software")])
def test_linux_reaches_init_and_powers_off(options: tuple[str, ...]) -> None:
    result = subprocess.run(command(*options, append=FAST + " trivet_run=true"),
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert linux_guest.READY in result.stdout
    assert "command ended status=0" in result.stdout
    assert "Hypervisor detected: KVM" in result.stdout
    assert "kvm-clock: Using msrs 4b564d01 and 4b564d00" in result.stdout
    assert "vmlinuz: ended: power-off code=0 status=0" in result.stderr
    assert "audit: EPT maps only its own RAM" in result.stderr


def typed_to(line: list[str | Path]) -> subprocess.Popen:
    return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)


def read_until(process: subprocess.Popen, text: bytes) -> None:
    """Reads on until the text has come; the run's own limit ends it."""
    output = b""
    while text not in output:
        more = process.stdout.read1(4096)
        assert more, output[-3000:]
        output += more


def test_the_menus_first_entry_is_linux_and_its_shell_answers_what_is_typed(tmp_path) -> None:
    image = tmp_path / "linux.iso"
    subprocess.run([TOP / "tools" / "make-iso", BUILD / "trivet.elf", image, "-title", "Linux",
                    "-kernel", linux_guest.KERNEL, "-initrd", linux_guest.INITRAMFS, "-append",
                    FAST], check=True)
    boot = [TRIVET, "boot", "-iso", image, "-engine", "bochs", *limits(LIMIT_S)]
    with typed_to(boot) as process:
        read_until(process, PROMPT)
        rest, _ = process.communicate(COMMANDS, timeout=HANG_LIMIT_S)
    assert process.returncode == 0
    assert re.search(rb"^42 is the answer\r?$", rest, re.M), rest
    assert b"Hypervisor detected: KVM" in rest
    assert b"Booting paravirtualized kernel on KVM" in rest


def test_a_paste_of_64_kib_arrives_whole() -> None:
    paste = bytes(random.Random(0).choices(b"abcdefghijklmnopqrstuvwxyz0123\n", k=PASTE_BYTES))
    with typed_to(command(append=f"{FAST} quiet")) as process:
        read_until(process, PROMPT)
        process.stdin.write(f"stty -echo raw; echo g''o; head -c {PASTE_BYTES} | sha256sum; "
                            "stty sane; poweroff -f\n".encode())
        process.stdin.flush()
        read_until(process, b"go\n")
        rest, _ = process.communicate(paste, timeout=HANG_LIMIT_S)
    assert process.returncode == 0
    assert hashlib.sha256(paste).hexdigest().encode() in rest


def test_a_bzimage_without_memory_is_refused_with_the_reason() -> None:
    result = subprocess.run(command("-m", "64M"), stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, check=False)
    assert result.returncode == 126
    assert "it needs 0x" in result.stderr
    assert "memory ends at 0x4000000: mem= gives more" in result.stderr
