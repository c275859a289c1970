# SPDX-License-Identifier: MIT
"""The image: same bytes for the same input, and bootable by BIOS and UEFI."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BUILD, TOP

from trivet_lib import grub_config, iso
from trivet_lib.errors import CallError

MAKE_ISO = TOP / "tools" / "make-iso"


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """A stock image around something that stands for the hypervisor."""
    directory = tmp_path_factory.mktemp("iso")
    return make_iso(directory / "trivet.elf", directory / "trivet.iso")


def make_iso(hypervisor: Path, out: Path, **environment: str) -> Path:
    hypervisor.write_bytes(bytes(range(256)) * 40)
    subprocess.run([MAKE_ISO, hypervisor, out], check=True, cwd=out.parent,
                   env={**os.environ, **environment})
    return out


def xorriso(*arguments: object) -> str:
    result = subprocess.run(["xorriso", *map(str, arguments)], capture_output=True, text=True,
                            check=True)
    return result.stdout


def test_two_builds_give_the_same_bytes(image, tmp_path):
    directory = tmp_path / "quite another place"
    directory.mkdir()
    os.utime(directory, (0, 0))
    time.sleep(1.1)
    old_mask = os.umask(0o077)
    try:
        other = make_iso(directory / "renamed.elf", directory / "other.iso", TZ="Asia/Tokyo",
                         LC_ALL="C.UTF-8", SOURCE_DATE_EPOCH="5", HOME=str(directory))
    finally:
        os.umask(old_mask)
    assert other.read_bytes() == image.read_bytes()


def test_other_input_gives_other_bytes(image, tmp_path):
    hypervisor = tmp_path / "trivet.elf"
    hypervisor.write_bytes(b"other")
    subprocess.run([MAKE_ISO, hypervisor, tmp_path / "o.iso"], check=True)
    assert (tmp_path / "o.iso").read_bytes() != image.read_bytes()


def test_image_boots_by_bios_and_uefi_as_cd_and_as_disk(image):
    report = xorriso("-indev", image, "-report_el_torito", "plain", "-report_system_area", "plain")
    assert re.search(r"^El Torito boot img : +1  BIOS  y ", report, re.M)
    assert re.search(r"^El Torito boot img : +2  UEFI  y ", report, re.M)
    assert re.search(r"^System area summary:.*grub2-mbr.*GPT", report, re.M)
    assert "GPT partition path :   2  /efi.img" in report


def test_image_is_small(image):
    assert image.stat().st_size < 6 << 20


def test_image_has_the_hypervisor_and_the_modules_of_both_platforms(image, tmp_path):
    listing = xorriso("-indev", image, "-find", "/", "-type", "f").replace("'", "").splitlines()
    assert "/boot/trivet.elf" in listing
    for platform in ("i386-pc", "x86_64-efi"):
        for module in grub_config.MODULES:
            assert f"/boot/grub/{platform}/{module}.mod" in listing


def test_stock_menu_offers_the_three_ways_to_start():
    text = grub_config.menu()
    assert re.findall(r"^menuentry '(.*)' \{$", text, re.M) == [
        "Trivet: demo guest", "Trivet: capability report", "Trivet: self-test"]
    assert re.findall(r"^\tmultiboot2 /boot/trivet.elf ?(.*)$", text, re.M) == [
        "", "'mode=doctor'", "'mode=selftest'"]
    assert "set default=0\n" in text


def test_a_guest_stands_first_in_the_menu(tmp_path):
    for name in ("trivet.elf", "kernel", "initrd"):
        (tmp_path / name).write_bytes(name.encode())
    out = tmp_path / "out.iso"
    subprocess.run([MAKE_ISO, tmp_path / "trivet.elf", out, "-title", "It's mine", "-kernel",
                    tmp_path / "kernel", "-initrd", tmp_path / "initrd", "-append", "a=b -- c",
                    "-m", "64M", "-vcpus", "3"], check=True)
    xorriso("-osirrox", "on", "-indev", out, "-extract", "/boot", tmp_path / "boot")
    text = (tmp_path / "boot" / "grub" / "grub.cfg").read_text()
    assert re.findall(r"^menuentry .*|^\tmultiboot2 .*|^\tmodule2 .*", text, re.M)[:4] == [
        r"menuentry 'It'\''s mine' {",
        "\tmultiboot2 /boot/trivet.elf 'guest_serial=com3' 'end=poweroff'",
        "\tmodule2 /boot/guest/kernel 'guest=kernel' mem=65536K vcpus=3 -- 'a=b -- c'",
        "\tmodule2 /boot/guest/initrd 'initrd=kernel' -- 'initrd'"]
    assert (tmp_path / "boot" / "guest" / "kernel").read_bytes() == b"kernel"


def test_several_guests_have_their_words_and_share_their_files(tmp_path):
    for name in ("trivet.elf", "kernel", "other"):
        (tmp_path / name).write_bytes(name.encode())
    out = tmp_path / "out.iso"
    subprocess.run([MAKE_ISO, tmp_path / "trivet.elf", out, "-hypervisor-options", "cpus=2",
                    "-guest", "left", "-kernel", tmp_path / "kernel", "-words", "vcpus=2",
                    "-guest", "right", "-kernel", tmp_path / "kernel", "-initrd",
                    tmp_path / "other", "-words", "vcpus=2 restart=reset", "-append", "a b",
                    "-guest", "third", "-kernel", tmp_path / "other"], check=True)
    xorriso("-osirrox", "on", "-indev", out, "-extract", "/boot", tmp_path / "boot")
    text = (tmp_path / "boot" / "grub" / "grub.cfg").read_text()
    assert re.findall(r"^\tmultiboot2 .*|^\tmodule2 .*", text, re.M)[:5] == [
        "\tmultiboot2 /boot/trivet.elf 'guest_serial=com3' 'end=poweroff' 'cpus=2'",
        "\tmodule2 /boot/guest/kernel 'guest=left' mem=131072K 'vcpus=2' --",
        "\tmodule2 /boot/guest/kernel 'guest=right' mem=131072K 'vcpus=2' 'restart=reset' -- 'a b'",
        "\tmodule2 /boot/guest/initrd 'initrd=right' -- 'other'",
        "\tmodule2 /boot/guest/initrd 'guest=third' mem=131072K --"]
    assert {path.name for path in (tmp_path / "boot" / "guest").iterdir()} == {"kernel", "initrd"}


@pytest.mark.parametrize(("options", "reason"), [
    (("-append", "x"), "need a -kernel"), (("-vcpus", "65"), "from 1 to 64"),
    (("-words", "x=y"), "need a -kernel"), (("-kernel", "/none"), "No such file"),
    (("-guest", "a"), "-guest a: has no -kernel"),
    (("-guest", "a b", "-kernel", BUILD / "x"), "-guest a b: a name has letters")])
def test_a_guest_that_cannot_be_is_refused(options, reason, tmp_path):
    result = subprocess.run([MAKE_ISO, BUILD / "trivet.elf", tmp_path / "out.iso", *options],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 1 and reason in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [
    pytest.param(grub_config.menu(), id="menu"),
    pytest.param(grub_config.menu(grub_config.MenuEntry("it's", ["a=b"], ["/k 'x=y' --"])),
                 id="menu with a guest"),
    pytest.param(grub_config.direct_start(["a=b"], ["/boot/guest/kernel 'x=y'"]), id="direct")])
def test_grub_takes_the_text_for_a_script(text):
    subprocess.run(["grub-script-check"], input=text, text=True, check=True)


def test_failed_build_leaves_no_image_and_says_why(tmp_path):
    out = tmp_path / "out.iso"
    with pytest.raises(CallError, match="No such file"):
        iso.build(out, "", {"boot/trivet.elf": tmp_path / "none"})
    result = subprocess.run([MAKE_ISO, tmp_path / "none", out], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("make-iso: error: ") and "No such file" in result.stderr
    assert list(tmp_path.iterdir()) == []
