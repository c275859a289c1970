# SPDX-License-Identifier: MIT
"""tools/trivet: the end that it reads from the log, and the quoting on the way to the guest."""

import random

import pytest

from trivet_lib import grub_config, guest
from trivet_lib.errors import CallError
from trivet_lib.serial_log import SerialLog, why_bochs_stopped

HANDOVER = grub_config.HANDOVER_LINE.encode() + b"\r\n"


def status_of(*chunks):
    log = SerialLog()
    for chunk in chunks:
        log.feed(chunk)
    return log.status


@pytest.mark.parametrize("status", [0, 1, 42, 124, 125, 126, 127, 255])
def test_status_is_that_of_the_end_line(status):
    assert status_of(HANDOVER, b"demo: ended\r\ntrivet: end status=%d\r\n" % status) == status


def test_status_is_found_whatever_the_chunks():
    text = HANDOVER + b"demo: ended: power-off\r\ntrivet: end status=17\r\n"
    assert status_of(*(text[at:at + 1] for at in range(len(text)))) == 17


@pytest.mark.parametrize("line", [
    b"demo| trivet: end status=0", b" trivet: end status=0", b"trivet: end status=",
    b"trivet: end status=1234", b"trivet: warning: end status=3", b"\x1b[Htrivet: end status=1",
])
def test_other_lines_end_nothing(line):
    assert status_of(HANDOVER, line + b"\r\n") is None


def test_end_line_counts_only_when_it_is_whole():
    assert status_of(HANDOVER, b"trivet: end status=1") is None
    assert status_of(HANDOVER, b"trivet: end status=1", b"2\n") == 12


def test_last_end_line_counts():
    assert status_of(b"trivet: end status=3\ntrivet: end status=127\n") == 127


def test_endless_line_is_held_in_bounds():
    log = SerialLog()
    for _ in range(100):
        log.feed(b"x" * 65536)
    assert len(log._line) <= 4096 and len(log.prelude) <= 65536


def test_log_is_shown_from_the_handover_on():
    log = SerialLog()
    assert log.feed(b"\x1b[2JGNU GRUB\r\n") == b""
    assert log.feed(b"\x1b[H" + HANDOVER + b"trivet: version\r\n") == b"trivet: version\n"
    assert log.feed(b"half a li") == b"half a li"
    assert b"GNU GRUB" in log.prelude


def test_bochs_reason_is_its_panic_or_its_last_error():
    text = ("00000000000i[PLUGIN] loaded\n00000112233e[CPU0  ] VMENTER FAIL: one\n"
            "00000112234e[CPU0  ] VMENTER FAIL: two\n")
    assert why_bochs_stopped(text) == "[CPU0 ] VMENTER FAIL: two"
    panic = text + "00000112235p[CPU0  ] >>PANIC<< exception(): 3rd\n00000112236e[X] later\n"
    assert why_bochs_stopped(panic) == "[CPU0 ] >>PANIC<< exception(): 3rd"
    assert "does not say" in why_bochs_stopped("")


# Models, written from the descriptions: of GRUB's script words (GNU GRUB Manual, "Quoting"), of
# the command line that it makes of them, and of the hypervisor's reading of that.

def grub_words(text):
    """The words of one script line, of quoting only what our own writer uses."""
    words, word, at = [], None, 0
    while at < len(text):
        character = text[at]
        if character == "'":
            end = text.index("'", at + 1)
            word = (word or "") + text[at + 1:end]
            at = end
        elif character == "\\":
            at += 1
            word = (word or "") + text[at]
        elif character in " \t":
            words, word = words + ([] if word is None else [word]), None
        else:
            assert character not in "\"$;&|<>{}#\n", f"{character!r} outside quotes"
            word = (word or "") + character
        at += 1
    return words + ([] if word is None else [word])


def grub_command_line(words):
    """Words with a blank stand in double quotes; quotes and backslashes have one before them."""
    line = []
    for word in words:
        escaped = "".join("\\" + one if one in "\\'\"" else one for one in word)
        line.append(f'"{escaped}"' if " " in word else escaped)
    return " ".join(line)


def hypervisor_words(line):
    """lib/command_line.h: quotes keep blanks; a backslash takes the next character as it is."""
    words, word, quoted, characters = [], None, False, iter(line)
    for character in characters:
        if character == "\\":
            word = (word or "") + next(characters)
        elif character == '"':
            quoted, word = not quoted, word or ""
        elif character in " \t" and not quoted:
            words, word = words + ([] if word is None else [word]), None
        else:
            word = (word or "") + character
    return words + ([] if word is None else [word])


NASTY = [
    "plain", "two  blanks", " both ends ", "it's", '"', "'", "\\", "\\\\ \\", "a'b\"c\\d e",
    "$HOME ${x} $(y) `z`", "; halt", "a && b || c", "{ } [ ] # < > ! * ?", "-- --", "=",
    "\u00fc \u20ac \x01",
    "tab\tand blank ", "line\nbreak", "'''", "\\'", "'\\''", "%s %n", "x" * 3000,
]


def arguments_through_grub(append, tmp_path):
    kernel = tmp_path / "kernel"
    wanted = guest.Guest(kernel=kernel, append=append)
    [line] = guest._modules([wanted])
    _, *words = grub_words(line)
    words = hypervisor_words(grub_command_line(words))
    assert words[:3] == ["guest=kernel", "mem=131072K", "--"]
    return " ".join(words[3:])


@pytest.mark.parametrize("append", NASTY, ids=range(len(NASTY)))
def test_append_comes_through_grub_as_it_stands(append, tmp_path):
    assert arguments_through_grub(append, tmp_path) == append


def test_random_append_comes_through_grub_as_it_stands(tmp_path):
    generator = random.Random(20)
    for _ in range(2000):
        append = "".join(generator.choices(" '\"\\$;&{}#|<>a=-", k=generator.randrange(1, 24)))
        assert arguments_through_grub(append, tmp_path) == append, repr(append)


def test_append_with_a_tab_and_no_blank_is_refused():
    with pytest.raises(CallError, match="tab"):
        grub_config.verbatim_word("a\tb")


def test_hypervisor_gets_its_options_quoted(tmp_path):
    text = guest.config(guest.Guest(hypervisor_options=("mode=doctor", "x=a b'c")))
    line = next(line for line in text.splitlines() if "multiboot2" in line)
    words = grub_words(line.removeprefix("if ").removesuffix("; then"))
    assert words == ["multiboot2", "/boot/trivet.elf", "guest_serial=com3", "end=poweroff",
                     "mode=doctor", "x=a b'c"]


def test_initrd_goes_to_the_guest_under_its_own_name(tmp_path):
    wanted = guest.Guest(kernel=tmp_path / "k", initrd=tmp_path / "my initrd.gz")
    _, line = guest._modules([wanted])
    assert grub_words(line) == ["/boot/guest/initrd", "initrd=k", "--", "my initrd.gz"]
