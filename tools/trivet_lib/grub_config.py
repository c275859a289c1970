# SPDX-License-Identifier: MIT
"""The text of grub.cfg, and the quoting on the way through GRUB to the hypervisor."""

from collections.abc import Sequence
from dataclasses import dataclass

from trivet_lib.errors import STATUS_NOT_STARTED, CallError

HYPERVISOR_PATH = "boot/trivet.elf"
MENU_TIMEOUT_S = 3

# GRUB's last line before the hypervisor's first: what stands in front of it is GRUB's own.
HANDOVER_LINE = "grub: starting trivet"

# The script commands that the texts below use, and the partition maps that GRUB's EFI image asks
# for by itself. The names exist on i386-pc and on x86_64-efi.
MODULES = (
    "all_video", "echo", "halt", "iso9660", "multiboot2", "normal", "reboot", "serial", "sleep",
    "terminal", "test",
    "part_acorn", "part_amiga", "part_apple", "part_bsd", "part_dfly", "part_dvh", "part_gpt",
    "part_msdos", "part_plan", "part_sun", "part_sunpc",
)

# To start Linux by linux_start().
LINUX_MODULES = (*MODULES, "linux")

# A machine without a serial port keeps its screen.
_SERIAL = """\
if serial --unit=0 --speed=115200; then
	terminal_input console serial
	terminal_output console serial
fi
"""

# Keeps escape sequences off the serial line where nobody is to choose from a menu.
_DUMB_TERMINAL = "terminfo -g 80x24 serial dumb\n"

# Under UEFI only a framebuffer can show the hypervisor's text: GRUB sets one up if a video driver
# is loaded. Under BIOS the text mode stays. This goes behind the command multiboot2, which sets
# gfxpayload itself, to what our header wishes.
_SCREEN = """\
if [ "$grub_platform" = efi ]; then
	insmod all_video
	set gfxpayload=auto
else
	set gfxpayload=text
fi
"""


def quote(word: str) -> str:
    """One word of GRUB's script language that stands for exactly these characters.

    Source: GNU GRUB Manual, "Quoting": between single quotes every character stands for itself.
    """
    return "'" + word.replace("'", "'\\''") + "'"


def verbatim_word(text: str) -> str:
    """A script word from which the hypervisor gets back exactly this text.

    GRUB hands a word over in double quotes only if it holds a blank; the hypervisor takes a tab
    outside them for the end of the word.
    """
    if "\t" in text and " " not in text:
        raise CallError("-append: text with a tab needs a blank too, or GRUB does not quote it")
    return quote(text)


@dataclass(frozen=True)
class MenuEntry:
    """One way to start: hypervisor options, and the script words of each module line."""

    title: str
    options: Sequence[str] = ()
    modules: Sequence[str] = ()


_STOCK_ENTRIES = (
    MenuEntry("Trivet: demo guest"),
    MenuEntry("Trivet: capability report", ("mode=doctor",)),
    MenuEntry("Trivet: self-test", ("mode=selftest",)),
)


def menu(*first: MenuEntry) -> str:
    """The menu of the image that `make iso` builds; entries of `first` stand in front."""
    entries = [f"menuentry {quote(entry.title)} {{\n{_start(entry)}}}\n"
               for entry in (*first, *_STOCK_ENTRIES)]
    return f"{_SERIAL}set default=0\nset timeout={MENU_TIMEOUT_S}\n" + "".join(entries)


def direct_start(options: Sequence[str], modules: Sequence[str]) -> str:
    """Boots without a menu: hypervisor options, and the script words of each module line."""
    return _load_and_boot([_multiboot2(options), *(f"module2 {module}" for module in modules)])


def linux_start(kernel: str, initrd: str, options: Sequence[str], before_boot: str = "") -> str:
    """Boots Linux without a menu; the paths are those in the image, before_boot a command of
    GRUB's."""
    return _load_and_boot([" ".join(["linux", f"/{kernel}", *map(quote, options)]),
                           f"initrd /{initrd}"], before_boot)


def _load_and_boot(loads: Sequence[str], before_boot: str = "") -> str:
    """GRUB says so and stops if it cannot load them, in the words with which the hypervisor ends.
    """
    # One after another: GRUB's script language has no "and", and nests only a few levels deep.
    checked = "".join(f"if {load}; then\nloaded=yes\nelse\nfailed=yes\nfi\n" for load in loads)
    return (
        f"{_SERIAL}{_DUMB_TERMINAL}{checked}{_SCREEN}"
        f"if [ \"$failed\" != yes ]; then\necho {quote(HANDOVER_LINE)}\n"
        f"{before_boot}\nboot\nfi\n"
        "echo 'grub: error: the image cannot be loaded'\n"
        f"echo 'trivet: end status={STATUS_NOT_STARTED}'\nhalt\n"
    )


def _start(entry: MenuEntry) -> str:
    loads = [_multiboot2(entry.options), *(f"module2 {module}" for module in entry.modules)]
    lines = "".join(f"\t{load}\n" for load in loads)
    return f"{lines}{_SCREEN}\techo {quote(HANDOVER_LINE)}\n"


def _multiboot2(options: Sequence[str]) -> str:
    return " ".join(["multiboot2", f"/{HYPERVISOR_PATH}", *map(quote, options)])
