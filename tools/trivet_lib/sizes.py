# SPDX-License-Identifier: MIT
"""Sizes and counts on the command line: memory as QEMU's -m takes it."""

import re

from trivet_lib.errors import CallError

KIB = 1 << 10
MIB = 1 << 20
PAGE_BYTES = 4 * KIB
_UNITS = {"k": KIB, "m": MIB, "g": 1 << 30, "t": 1 << 40, "": MIB}
_MAXIMUM_BYTES = 1 << 46


def parse_size(text: str) -> int:
    """The size in bytes: a whole number with K, M, G or T behind it, MiB with nothing."""
    match = re.fullmatch(r"([0-9]{1,15})([kmgtKMGT]?)", text, re.ASCII)
    if match is None:
        raise CallError(f"-m {text}: a size is a whole number with K, M, G or T, as in 256M")
    size_bytes = int(match[1]) * _UNITS[match[2].lower()]
    if not PAGE_BYTES <= size_bytes <= _MAXIMUM_BYTES or size_bytes % PAGE_BYTES:
        raise CallError(f"-m {text}: not a multiple of 4K from 4K to 64T")
    return size_bytes


def mebibytes(size_bytes: int) -> int:
    """The size in MiB, rounded up."""
    return -(-size_bytes // MIB)


def parse_count(option: str, text: str, maximum: int) -> int:
    """A number of processors from 1 to a maximum of two digits."""
    is_short_number = text.isascii() and text.isdecimal() and len(text) <= 2
    if not (is_short_number and 1 <= int(text) <= maximum):
        raise CallError(f"{option} {text}: is no number of processors from 1 to {maximum}")
    return int(text)
