# SPDX-License-Identifier: MIT
"""README.md and docs/ against the tree: links, paths, targets, options, numbers, examples."""

import re
import subprocess
from pathlib import Path

import pytest
from bochs_machine import MODELS
from conftest import BUILD, HANG_LIMIT_S, TOP, Booter
from trivet_lib import command

DOCUMENTS = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
PICTURES = sorted((TOP / "docs").glob("**/*.svg"))

# What docs/howto.md adds to the tree as its worked examples.
EXAMPLE_PATHS = {"exits/exit_tsc.c", "tests/host/test_exit_tsc.c",
                 "tests/guests/rdtsc/guest_rdtsc.c"}
EXAMPLE_TARGETS = {"build/host/test_exit_tsc"}

# Rows that the doctor counts besides those of vmx/requirements.c: CPUID's VMX, IA32_VMX_BASIC,
# IA32_FEATURE_CONTROL.
DOCTOR_ROWS_OF_ITS_OWN = 3

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def without_blocks(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)


def blocks(text: str, language: str = r"\w*") -> list[str]:
    """The code between fences, without the indentation of the first fence."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.S | re.M)
    return [re.sub(rf"^{indent}", "", body, flags=re.M) for indent, body in found]


def ticked(text: str) -> list[str]:
    """What stands in backticks outside code blocks."""
    return re.findall(r"`([^`\n]+)`", without_blocks(text))


def table_rows(document: str, heading: str) -> dict[str, str]:
    """The table whose first cell in the head is `heading`: first cell in backticks to the line."""
    text = (TOP / "docs" / document).read_text("utf-8")
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    assert table is not None, f"{document}: no table of {heading}"
    found = re.findall(r"^\| `([^`]+)` \|(.*)$", table[1], re.M)
    return dict(found)


def source(path: str) -> str:
    return (TOP / path).read_text("utf-8")


@documents
def test_relative_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", without_blocks(document.read_text("utf-8")))
    missing = [link for link in links
               if "://" not in link and not (document.parent / link).exists()]
    assert missing == []


def test_readme_links_every_document() -> None:
    readme = (TOP / "README.md").read_text("utf-8")
    assert [path.name for path in DOCUMENTS[1:] if f"](docs/{path.name})" not in readme] == []


def repository_paths(text: str) -> set[str]:
    """Words in backticks that begin with one of the tree's folders, or name a file at its top."""
    folders = {path.name for path in TOP.iterdir() if path.is_dir()} - {"build"}
    words = {word.rstrip("/") for item in ticked(text) for word in item.split()}
    return {word for word in words
            if re.fullmatch(r"[\w.+*-]+(/[\w.+*-]+)*", word)
            and (word.partition("/")[0] in folders if "/" in word
                 else re.search(r"\.(md|ld)$", word))}


@documents
def test_paths_exist(document: Path) -> None:
    missing = [path for path in sorted(repository_paths(document.read_text("utf-8")))
               if path not in EXAMPLE_PATHS and "NAME" not in path
               and not list(TOP.glob(path)) and not list(document.parent.glob(path))]
    assert missing == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_paths_in_pictures_exist(picture: Path) -> None:
    words = re.findall(r"\b(?:boot|cpu|exits|hypercall|lib|vm|vmx)/[\w.*]+\.\w+",
                       picture.read_text("utf-8"))
    assert words
    assert [word for word in words if not list(TOP.glob(word))] == []


@pytest.mark.parametrize("path", [*DOCUMENTS, *PICTURES], ids=lambda path: path.name)
def test_text_is_ascii(path: Path) -> None:
    text = path.read_bytes()
    assert re.findall(rb"[^\t\n\x20-\x7e]+", text) == []
    assert text.endswith(b"\n") and not re.search(rb"[ \t]\n", text)


def make_targets() -> set[str]:
    result = subprocess.run(["make", "-C", TOP, "--no-print-directory", "-pn", "help"],
                            capture_output=True, text=True, check=False, timeout=HANG_LIMIT_S)
    return set(re.findall(r"^([\w./-]+):(?!=)", result.stdout, re.M))


def test_make_targets_exist() -> None:
    targets = make_targets() | EXAMPLE_TARGETS
    assert {"run", "test", "check", "bench"} <= targets
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        lines = [*ticked(text), *"\n".join(blocks(text)).splitlines()]
        for line in lines:
            for call in re.findall(r"(?:^|&& )make((?: [\w./=-]+)*)", line.strip()):
                words = [word for word in call.split() if "=" not in word]
                assert [word for word in words if word not in targets] == [], document.name


def test_options_of_the_command_are_those_of_its_help() -> None:
    in_help = re.findall(r"^  -(\w+)", command.USAGE, re.M)
    in_table = [row.split()[0].lstrip("-") for row in table_rows("guests.md", "option")]
    assert sorted(in_table) == sorted(in_help)
    rows = table_rows("guests.md", "command")
    assert set(rows) == {f"tools/trivet {name}" for name in command._OPTIONS}


@documents
def test_calls_of_the_command_are_right(document: Path) -> None:
    text = document.read_text("utf-8")
    for line in [*ticked(text), *"\n".join(blocks(text)).splitlines()]:
        for name, rest in re.findall(r"tools/trivet (\w+)(.*)", line):
            assert name in command._OPTIONS, line
            options = re.findall(r"(?:^|[ \[])-([a-z]+)", rest)
            assert [one for one in options if one not in command._OPTIONS[name]] == [], line


def choices(code: str, table: str) -> list[str]:
    body = re.search(rf"struct choice {table}\[\] = {{\n(.*?)^}};", code, re.S | re.M)
    return re.findall(r'{"(\w+)"', body[1])


def choice_options(code: str) -> dict[str, list[str]]:
    """The options with few words: which words each has."""
    return {key: choices(code, table)
            for key, table in re.findall(r'CHOICE_OPTION\("(\w+)", (\w+),', code)}


def assert_table_has_choices(rows: dict[str, str], options: dict[str, list[str]]) -> None:
    for key, words in options.items():
        in_table = re.findall(r"`(\w+)`", rows[f"{key}="].split("|")[0])
        assert sorted(in_table) == sorted(words), key


def test_hypervisor_options_are_those_of_the_code() -> None:
    code = source("boot/options.c")
    rows = table_rows("hardware.md", "option")
    keys = [*re.findall(r'^\t{"(\w+)", parse_', code, re.M), *choice_options(code)]
    assert sorted(rows) == sorted(f"{key}=" for key in keys)
    assert_table_has_choices(rows, choice_options(code))


def test_module_words_are_those_of_the_code() -> None:
    code = source("boot/guest_options.c")
    rows = table_rows("guests.md", "word")
    keys = [*re.findall(r'^\t{"(\w+)", take_', code, re.M), *choice_options(code), "initrd"]
    assert sorted(rows) == sorted(f"{key}=" for key in keys)
    assert_table_has_choices(rows, choice_options(code))


@documents
def test_option_values_in_use_exist(document: Path) -> None:
    known = choice_options(source("boot/options.c")) | choice_options(
        source("boot/guest_options.c"))
    found = re.findall(rf"(?<![\w-])({'|'.join(known)})=([a-z]+)", document.read_text("utf-8"))
    assert [pair for pair in found if pair[1] not in known[pair[0]]] == []


def test_calls_and_errors_are_those_of_the_abi() -> None:
    defines = dict(re.findall(r"^#define ((?:TRIVET|KVM)_\w+)\s+(\w+)", source("hypercall/abi.h"),
                              re.M))
    text = source("docs/hypercalls.md")
    names = {name for name in defines
             if re.match(r"(TRIVET|KVM)_CALL_|TRIVET_E[A-Z0-9]+$", name)} - {"TRIVET_CALL_BASE"}
    rows = set(re.findall(r"^\| (?:(\w+) \| `(\w+)`|`(\w+)` \| (\w+)) \|", text, re.M))
    assert {(b or c, a or d) for a, b, c, d in rows} == {(name, defines[name]) for name in names}
    assert set(re.findall(r"\b(?:TRIVET|KVM)_[A-Z0-9_]+", text)) <= set(defines)


def all_code() -> str:
    folders = ("boot", "exits", "hypercall", "vm", "vmx", "devices", "cpu", "lib", "guest", "tests")
    return "\n".join(path.read_text("utf-8", "replace") for folder in folders
                     for path in (TOP / folder).rglob("*")
                     if path.suffix in (".c", ".h", ".asm", ".inc", ".def", ".mk", ".py")
                     and path != Path(__file__).resolve())


def test_menu_of_several_guests_is_one_that_grub_takes() -> None:
    (menu,) = blocks(source("docs/several-guests.md"), "grub")
    subprocess.run(["grub-script-check"], input=menu, text=True, check=True)
    lines = re.findall(r"^\tmodule2 \S+ (.*)$", menu, re.M)
    words = {word.partition("=")[0] for line in lines for word in line.partition(" -- ")[0].split()}
    assert words and words <= {key.rstrip("=") for key in table_rows("guests.md", "word")}


def test_keys_of_several_guests_are_those_of_the_code() -> None:
    in_code = re.findall(r"^\t{'(\w)', \"", source("boot/manager_keys.c"), re.M)
    in_table = [key.removeprefix("Ctrl-A ") for key in table_rows("several-guests.md", "key")]
    assert in_code and sorted(in_table) == sorted(in_code)


def test_names_of_the_code_exist() -> None:
    words = set(re.findall(r"\w+", all_code() + source("Makefile")))
    for document in DOCUMENTS:
        names = set()
        for item in ticked(document.read_text("utf-8")):
            names |= set(re.findall(r"^(\w+)\(\)$", item))
            names |= set(re.findall(r"\b(?:[A-Z]+_)+[A-Z0-9_]+$", item))
            names |= set(re.findall(r"^VM(?:READ|WRITE) (\w+)$", item))
        assert sorted(names - words) == [], document.name


def test_doctor_counts_are_those_of_the_table() -> None:
    rows = re.findall(r"NEED_(REQUIRED|USED),", source("vmx/requirements.c"))
    required = rows.count("REQUIRED") + DOCTOR_ROWS_OF_ITS_OWN
    expected = (f"this CPU can run Trivet: required={required} found={required}, "
                f"used={rows.count('USED')} found={rows.count('USED')}")
    assert expected in source("docs/doctor.md")
    assert expected in source("README.md")
    sample = re.findall(r'^doctor: .* "([^"]+)"', source("docs/doctor.md"), re.M)
    assert [name for name in sample if f'"{name}"' not in source("vmx/requirements.c")] == []


def test_models_are_those_of_the_tests() -> None:
    assert set(table_rows("testing.md", "model")) == set(MODELS)


def test_examples_for_guest_authors_build(tmp_path: Path) -> None:
    text = source("docs/hypercalls.md")
    # The module behind it is built by tests/system/test_guest_kit.py.
    c_example = blocks(text, "c")[0]
    (nasm_example,) = blocks(text, "nasm")
    (tmp_path / "hello.c").write_text(c_example, "ascii")
    (tmp_path / "hello.asm").write_text(nasm_example, "ascii")
    for bits in ("-m64", "-m32"):
        subprocess.run(["gcc", bits, "-ffreestanding", "-Wall", "-Wextra", "-Werror", f"-I{TOP}",
                        "-c", tmp_path / "hello.c", "-o", tmp_path / "hello.o"], check=True)
    subprocess.run(["nasm", "-f", "bin", "-Werror", f"-I{TOP}/", "-o", tmp_path / "hello.bin",
                    tmp_path / "hello.asm"], check=True)


def test_nasm_example_runs(boot: Booter, tmp_path: Path, hypervisor: Path) -> None:
    (example,) = blocks(source("docs/hypercalls.md"), "nasm")
    (tmp_path / "hello.asm").write_text(example, "ascii")
    subprocess.run(["nasm", "-f", "bin", f"-I{TOP}/", "-o", tmp_path / "hello.bin",
                    tmp_path / "hello.asm"], check=True)
    result = boot("run", "-engine", "bochs", "-kernel", tmp_path / "hello.bin")
    assert result.status == 0
    expected = next(body for body in blocks(source("docs/hypercalls.md"))
                    if body.startswith("hello.bin: log:"))
    assert [line for line in expected.splitlines() if line not in result.log.splitlines()] == []


def without_numbers(text: str) -> list[str]:
    """Lines with what differs from build to build left out: numbers, and the compiler's name."""
    return [re.sub(r"0x[0-9a-f]+|[0-9]+", "N", re.sub(r"(built by) .*", r"\1", line))
            for line in text.splitlines()]


def test_readme_shows_what_make_run_prints(boot: Booter, hypervisor: Path) -> None:
    result = boot("boot", "-engine", "bochs", "-iso", BUILD / "trivet.iso")
    shown = next(body for body in blocks(source("README.md")) if body.startswith("trivet: version"))
    log = result.log[result.log.index("trivet: version"):]
    assert without_numbers(shown) == without_numbers(log)
