# SPDX-License-Identifier: MIT
"""Broken images and module lines: each is named with its fault, and the other guests still run."""

import re
import struct
from pathlib import Path

import bochs_machine
import pytest
from bochs_machine import TOP
from trivet_lib.machine import Machine

# One boot for all of them.
pytestmark = pytest.mark.xdist_group("broken-modules")

GOOD = TOP / "build" / "guests" / "invd.elf"
MEMORY_MIB = 256
NOT_STARTED = 126

# Offsets in an ELF-32 program header, which follows the 52-byte file header here.
PROGRAM_HEADERS = 52
P_PADDR, P_FILESZ, P_MEMSZ = 12, 16, 20


def patched(image: bytes, offset: int, value: int) -> bytes:
    return image[:offset] + struct.pack("<I", value) + image[offset + 4:]


def broken_images() -> dict[str, bytes]:
    good = GOOD.read_bytes()
    magic = good.index(struct.pack("<I", 0x1BADB002))
    return {
        "half": good[:len(good) // 2],
        "headers-only": good[:PROGRAM_HEADERS],
        "one-byte": good[:1],
        "bad-checksum": patched(good, magic + 8, 0),
        "beyond-memory": patched(good, PROGRAM_HEADERS + P_PADDR, 0xFFFF0000),
        "page-0": patched(good, PROGRAM_HEADERS + P_PADDR, 0),
        "file-size-beyond": patched(good, PROGRAM_HEADERS + P_FILESZ, 0x7FFFFFFF),
        "memory-size-small": patched(good, PROGRAM_HEADERS + P_MEMSZ, 1),
        "huge-flat": bytes(600 << 10),
    }


# Names of guests whose image is good and whose line is not, with a piece of the reason.
BAD_LINES = {
    "too-much": ("mem=1G", "memory"),
    "too-little": ("mem=4K", "mem"),
    "odd-memory": ("mem=5000001", "mem"),
    "no-number": ("mem=lots", "mem"),
    "too-many": ("vcpus=65", "option vcpus must be a number from 1 to 64"),
    "no-cpu": ("cpus=64", "option cpus must be numbers of processors from 0 to 63"),
    "weightless": ("weight=0", "option weight must be a number from 1 to 1024"),
    "restless": ("restart=yes", "option restart must be never, reset or always"),
    "strange-kind": ("kind=windows", "kind"),
    "strange-word": ("cores=7", "cores"),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory: Path = tmp_path_factory.mktemp("images")
    files, modules = {}, []
    for name, image in broken_images().items():
        path = directory / name
        path.write_bytes(image)
        files[f"boot/{name}"] = path
        kind = " kind=flat" if name == "huge-flat" else " kind=multiboot"
        modules.append(f"/boot/{name} guest={name} mem=16M{kind}")
    files["boot/good"] = GOOD
    modules += [f"/boot/good guest={name} {words}" for name, (words, _) in BAD_LINES.items()]
    modules += [
        "/boot/good guest=twin mem=16M",
        "/boot/good guest=twin mem=16M",
        "/boot/good initrd=nobody",
        "/boot/good what=ever",
        "/boot/good guest=last mem=16M",
    ]
    result = bochs_machine.boot("broken-modules", bochs_machine.guests_config(modules), files,
                                Machine(MEMORY_MIB))
    assert result.status == NOT_STARTED, result.log
    return result.log


def ends(log: str, name: str) -> list[str]:
    return re.findall(rf"^{re.escape(name)}: ended: (.*)$", log, re.M)


@pytest.mark.parametrize("name", broken_images() if GOOD.exists() else ["build the guests first"])
def test_broken_image_is_named(log: str, name: str) -> None:
    (end,) = ends(log, name)
    assert end.startswith("not started: ") and end.endswith(f"status={NOT_STARTED}")
    assert name in end, "the sentence names the image"


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_module_line_is_named(log: str, name: str) -> None:
    (end,) = ends(log, name)
    assert end.startswith("not started: ")
    assert BAD_LINES[name][1] in end


def test_second_guest_of_a_name_is_refused(log: str) -> None:
    # What is refused is so before any guest runs.
    second, first = ends(log, "twin")
    assert first.endswith("status=0") and not first.startswith("not started")
    assert second.startswith("not started: ") and "name" in second


def test_module_for_nobody_is_reported(log: str) -> None:
    assert re.search(r"^warning: boot: .*nobody", log, re.M)
    assert re.search(r"^warning: boot: .*what=ever", log, re.M)


def test_good_guest_behind_them_runs(log: str) -> None:
    (end,) = ends(log, "last")
    assert end.startswith("debug-exit port") and end.endswith("status=0")
