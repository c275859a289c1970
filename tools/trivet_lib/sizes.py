# SPDX-License-Identifier: MIT
"""Memory sizes, written as QEMU's -m takes them."""

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
