# SPDX-License-Identifier: MIT
"""tools/trivet run with the hypervisor itself: a guest's way in and out."""

import subprocess
from pathlib import Path

import pytest
from conftest import limits, trivet

EXIT_CODE = 7
# Everything that GRUB's scripts, GRUB's quoting or the hypervisor's could take for its own.
NASTY = ("two  blanks, 'single' \"double\" \\ \\\\ $HOME ${x} ; halt & && | || { } [ ] # < > ! * ? "
         "-- guest=x \u00fc\ttab %s ")


@pytest.fixture(scope="module")
def guest(tmp_path_factory) -> Path:
    """A guest that writes its command line to its serial line and ends with code 7."""
    path = tmp_path_factory.mktemp("guest") / "guest.bin"
    source = Path(__file__).with_name("command_line_guest.asm")
    subprocess.run(["nasm", "-f", "bin", "-Werror", "-o", path, source], check=True)
    return path


@pytest.mark.parametrize("append", [
    "", "a=b", pytest.param(NASTY, id="nasty")])
def test_command_line_reaches_the_guest_as_it_stands(append, boot, guest, hypervisor):
    result = boot("run", "-engine", "bochs", "-kernel", guest, "-append", append)
    assert result.status == EXIT_CODE, result
    assert result.output.decode() == ("guest.bin " + append if append else "guest.bin") + "\n"


def test_initrd_reaches_the_guest_under_its_name(boot, guest, tmp_path, hypervisor):
    initrd = tmp_path / "my initrd.img"
    initrd.write_bytes(b"x" * 5000)
    result = boot("run", "-engine", "bochs", "-kernel", guest, "-initrd", initrd, "-append", "x")
    assert result.status == EXIT_CODE, result
    assert result.output == b"guest.bin x\nmy initrd.img\n"


def test_serial_log_and_image_go_to_files(guest, tmp_path, hypervisor):
    serial, log, image = (tmp_path / name for name in ("serial", "log", "image.iso"))
    arguments = ("-engine", "bochs", *limits(120), "-log", log)
    result = trivet("run", "-kernel", guest, "-serial", serial, "-iso", image, *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (EXIT_CODE, b"", b"")
    assert serial.read_bytes() == b"guest.bin\n"
    assert b"trivet: end status=7\r\n" in log.read_bytes()
    again = trivet("boot", "-iso", image, *arguments)
    assert again.returncode == EXIT_CODE


def test_log_goes_to_standard_error_from_the_handover_on(guest, hypervisor):
    result = trivet("run", "-kernel", guest, "-engine", "bochs", *limits(120))
    assert result.returncode == EXIT_CODE
    lines = result.stderr.decode().splitlines()
    assert lines[-1] == "trivet: end status=7"
    assert lines[0].startswith("trivet: version")
    assert b"trivet: end" not in result.stdout


@pytest.mark.parametrize("content", [
    pytest.param(b"\x7fELF", id="truncated"),
    pytest.param(b"\x7fELF" + b"\xff" * 4096, id="all-ones")])
def test_broken_kernel_gives_126(content, boot, tmp_path, hypervisor):
    kernel = tmp_path / "broken.elf"
    kernel.write_bytes(content)
    result = boot("run", "-engine", "bochs", "-kernel", kernel)
    assert result.status == 126, result
    assert "broken.elf: ended: not started: " in result.log


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_tcg_ends_with_the_refusal(firmware, boot, guest, hypervisor):
    result = boot("run", "-engine", "tcg", "-firmware", firmware, "-kernel", guest)
    assert result.status == 125, result
    assert result.output == b""
    assert "VMX" in result.log
