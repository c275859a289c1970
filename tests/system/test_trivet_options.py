# SPDX-License-Identifier: MIT
"""tools/trivet: its options, and the status 125 with one line for every wrong call."""

import os

import pytest
from conftest import trivet

from trivet_lib import command, guest
from trivet_lib.errors import CallError
from trivet_lib.sizes import mebibytes, parse_size

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def refusal(*arguments: object) -> str:
    """The one line with which a wrong call is refused."""
    result = trivet(*arguments)
    assert result.returncode == 125
    assert result.stdout == b""
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("trivet: error: ")
    return lines[0]


@pytest.fixture
def kernel(tmp_path):
    path = tmp_path / "guest.elf"
    path.write_bytes(b"\x7fELF")
    return path


@pytest.mark.parametrize(("text", "size_bytes"), [
    ("128M", 128 * MIB), ("128m", 128 * MIB), ("64", 64 * MIB), ("2G", 2 * GIB),
    ("640K", 640 * KIB), ("1t", 1 << 40), ("4k", 4096),
])
def test_size_is_in_mib_without_a_suffix(text, size_bytes):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["0", "-1", "", "M", "1.5G", "1KB", "0x10", "1K", "6K", "9" * 15,
                                  "9" * 40, "1 M", "65T", "\u0663", "1M\n"])
def test_size_refuses_what_is_no_memory(text):
    with pytest.raises(CallError):
        parse_size(text)


def test_mebibytes_round_up():
    assert [mebibytes(size) for size in (1, MIB, MIB + 1)] == [1, 1, 2]


def test_options_take_one_dash_or_two_and_any_value():
    options = command.parse_options("run", ["-kernel", "k", "--append", "-m 3 -kernel", "-m", "1G"])
    assert options == {"kernel": "k", "append": "-m 3 -kernel", "m": "1G"}


def test_append_may_be_empty():
    assert command.parse_options("run", ["-append", ""]) == {"append": ""}


@pytest.mark.parametrize(("arguments", "word"), [
    ([], "no command"),
    (["fly"], "fly"),
    (["run", "kernel"], "kernel"),
    (["run", "-kernel"], "needs a value"),
    (["run", "-kernel", ""], "empty value"),
    (["run", "-m", "1M", "-m", "2M"], "twice"),
    (["run", "-smpp", "2"], "-smpp"),
    (["boot", "-kernel", "k"], "-kernel"),
    (["engines", "-cpu", "k"], "-cpu"),
    (["run", "-engine", "xen"], "xen"),
    (["run", "-firmware", "coreboot"], "coreboot"),
    (["run", "-m", "128M"], "need a -kernel"),
    (["run", "-vcpus", "2"], "need a -kernel"),
    (["run", "-append", "x"], "need a -kernel"),
    (["boot", "-vcpus", "2"], "no such option"),
    (["run", "-initrd", "x"], "need a -kernel"),
    (["boot", "-iso", "/nonexistent/image.iso"], "No such file"),
])
def test_wrong_call_is_refused_in_one_line(arguments, word):
    assert word in refusal(*arguments)


@pytest.mark.parametrize("count", ["0", "-1", "65", "x", "1.0", "0x2", "4,cores=2", "\u0663",
                                   "9" * 5000])
def test_number_of_processors_is_from_1_to_64(count, tmp_path):
    image = tmp_path / "image.iso"
    image.write_bytes(b"x")
    assert "-smp" in refusal("boot", "-iso", image, "-smp", count)
    assert "-vcpus" in refusal("run", "-kernel", image, "-vcpus", count)


def test_more_processors_than_bochs_has_are_refused(kernel, hypervisor):
    assert "at most 14" in refusal("run", "-kernel", kernel, "-engine", "bochs", "-smp", "15")


@pytest.mark.parametrize("option", ["-timeout", "-cputime"])
@pytest.mark.parametrize("seconds", ["-1", "x", "nan", "inf", "1e999"])
def test_time_limit_must_be_a_number_of_seconds(option, seconds, tmp_path):
    image = tmp_path / "image.iso"
    image.write_bytes(b"x")
    assert option in refusal("boot", "-iso", image, option, seconds)


def test_kernel_file_is_looked_at_before_anything_starts(tmp_path, kernel):
    empty = tmp_path / "empty"
    empty.touch()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert "No such file" in refusal("run", "-kernel", tmp_path / "none")
    assert "is a directory" in refusal("run", "-kernel", tmp_path)
    assert "is empty" in refusal("run", "-kernel", empty)
    assert "not a regular file" in refusal("run", "-kernel", fifo)
    assert "is empty" in refusal("run", "-kernel", kernel, "-initrd", empty)
    assert "too long" in refusal("run", "-kernel", "x" * 5000)


def test_unknown_cpu_model_is_refused_with_the_list(kernel, hypervisor):
    assert "corei7_haswell_4770" in refusal(
        "run", "-kernel", kernel, "-engine", "bochs", "-cpu", "z80")
    assert "Haswell" in refusal("run", "-kernel", kernel, "-engine", "tcg", "-cpu", "z80")


def test_more_memory_than_bochs_has_is_refused(kernel, hypervisor):
    assert "at most 2048" in refusal("run", "-kernel", kernel, "-engine", "bochs", "-m", "2G")


def test_output_file_that_cannot_be_written_is_refused(tmp_path, kernel, hypervisor):
    assert "No such file" in refusal("run", "-kernel", kernel, "-engine", "tcg", "-iso",
                                     tmp_path / "none" / "out.iso")
    assert "No such file" in refusal("run", "-kernel", kernel, "-engine", "tcg", "-serial",
                                     tmp_path / "none" / "out")
    assert "directory" in refusal("run", "-kernel", kernel, "-engine", "tcg", "-log", tmp_path)


def test_hypervisor_options_need_balanced_quotes(kernel):
    assert "-hypervisor" in refusal("run", "-kernel", kernel, "-hypervisor", "mode='run")


def test_help_and_engines_end_well():
    for arguments in (["help"], ["--help"], ["-h"]):
        result = trivet(*arguments)
        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout.startswith(b"usage: tools/trivet run")
    result = trivet("engines")
    assert result.returncode == 0
    assert [line.split()[0] for line in result.stdout.decode().splitlines()] == [
        "kvm", "bochs", "tcg"]


def test_guest_name_has_no_character_that_confuses_a_log_line(tmp_path):
    assert guest.guest_name(tmp_path / "nanos-1.0.elf") == "nanos-1.0.elf"
    assert guest.guest_name(tmp_path / "a b|c'\u00fc=\n") == "a_b_c____"
    assert len(guest.guest_name(tmp_path / ("x" * 200))) == 31


def test_machine_has_room_for_guest_images_and_hypervisor(kernel, tmp_path):
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"x" * (3 * MIB))
    wanted = guest.Guest(kernel=kernel, initrd=initrd, memory_bytes=256 * MIB)
    assert guest.machine_memory_mib(wanted, "bios") == 256 + 64 + 4
    assert guest.machine_memory_mib(wanted, "uefi") > 256 + 64 + 4
