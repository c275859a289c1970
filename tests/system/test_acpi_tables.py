# SPDX-License-Identifier: MIT
"""The ACPI tables that guests get, taken apart and compiled again by iasl without a word."""

import re
import struct
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, TOP

DUMP = BUILD / "host" / "dump_acpi_tables"
DSDT = BUILD / "vm" / "dsdt.aml"
AREA_ADDRESS = 0xe0000
RSDP_BYTES = 36
HEADER_BYTES = 36
CLEAN = "0 Errors, 0 Warnings, 0 Remarks"

# One worker, so that nobody builds twice at once.
pytestmark = pytest.mark.xdist_group("acpi_tables")


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    subprocess.run(["make", "--no-print-directory", str(DUMP.relative_to(TOP)),
                    str(DSDT.relative_to(TOP))], cwd=TOP, check=True)


def dump(vcpu_count: int) -> bytes:
    return subprocess.run([DUMP, DSDT, str(vcpu_count), str(AREA_ADDRESS)], capture_output=True,
                          check=True).stdout


def table_at(area: bytes, address: int) -> bytes:
    offset = address - AREA_ADDRESS
    length, = struct.unpack_from("<I", area, offset + 4)
    return area[offset:offset + length]


def tables(area: bytes) -> dict[str, bytes]:
    """All tables by signature, found as a system finds them: from the RSDP on a 16-byte line."""
    start, = (at for at in range(0, len(area), 16) if area[at:at + 8] == b"RSD PTR ")
    rsdt, = struct.unpack_from("<I", area, start + 16)
    xsdt, = struct.unpack_from("<Q", area, start + 24)
    found = [table_at(area, rsdt), table_at(area, xsdt)]
    found += [table_at(area, address) for address, in
              struct.iter_unpack("<Q", found[1][HEADER_BYTES:])]
    fadt = next(table for table in found if table[:4] == b"FACP")
    found += [table_at(area, address) for address in struct.unpack_from("<II", fadt, 36)]
    return {table[:4].decode(): table for table in found}


def iasl(*arguments: str | Path) -> str:
    result = subprocess.run(["iasl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.parametrize("vcpu_count", [1, 2, 8, 64, 255, 300])
def test_iasl_takes_every_table_apart_and_compiles_it_again(vcpu_count: int,
                                                           tmp_path: Path) -> None:
    found = tables(dump(vcpu_count))
    assert set(found) == {"RSDT", "XSDT", "FACP", "FACS", "APIC", "SSDT", "DSDT"}
    for name, table in found.items():
        binary = tmp_path / f"{name}.dat"
        binary.write_bytes(table)
        output = iasl("-d", binary)
        assert not re.search(r"warning|error|invalid|incorrect|unknown", output, re.I), output
        source = binary.with_suffix(".dsl")
        assert not re.search(r"incorrect|invalid|error", source.read_text(), re.I), name
        again = tmp_path / f"{name}_again"
        assert CLEAN in iasl("-we", "-p", again, source), name


@pytest.mark.parametrize("name", ["DSDT", "APIC", "FACP"])
def test_what_comes_back_from_iasl_is_what_we_wrote(name: str, tmp_path: Path) -> None:
    table = tables(dump(2))[name]
    binary = tmp_path / "table.dat"
    binary.write_bytes(table)
    iasl("-d", binary)
    iasl("-p", tmp_path / "again", binary.with_suffix(".dsl"))
    # The compiler puts its own name and revision, and so another checksum, into the header.
    again = (tmp_path / "again.aml").read_bytes()
    assert again[HEADER_BYTES:] == table[HEADER_BYTES:]
    assert len(again) == len(table)


def test_every_processor_is_a_device(tmp_path: Path) -> None:
    binary = tmp_path / "table.dat"
    binary.write_bytes(tables(dump(300))["SSDT"])
    iasl("-d", binary)
    found = re.findall(r"Device \(\\_SB\.C([0-9A-F]{3})\)\s*{\s*"
                       r'Name \(_HID, "ACPI0007".*\n\s*Name \(_UID, (\w+)\)',
                       binary.with_suffix(".dsl").read_text())
    words = {"Zero": 0, "One": 1}
    assert [(int(name, 16), words.get(uid) if uid in words else int(uid, 16))
            for name, uid in found] == [(i, i) for i in range(300)]


def test_the_source_compiles_without_a_word(tmp_path: Path) -> None:
    assert CLEAN in iasl("-we", "-p", tmp_path / "dsdt", TOP / "vm" / "dsdt.asl")


def test_the_image_has_the_compiled_dsdt() -> None:
    image = BUILD / "trivet.elf"
    assert DSDT.read_bytes() in image.read_bytes()
