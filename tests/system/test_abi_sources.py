# SPDX-License-Identifier: MIT
"""hypercall/hypercalls.def against all that repeats it: the headers, nasm's include, the docs."""

import re

from conftest import TOP


def source(path: str) -> str:
    return (TOP / path).read_text("utf-8")


def table() -> list[tuple[str, str, int, str, str]]:
    """The rows: interface, constant, number, arguments, text."""
    base = header()["TRIVET_CALL_BASE"]
    code = re.sub(r"/\*.*?\*/", "", source("hypercall/hypercalls.def"), flags=re.S)
    code = re.sub(r'"\n\t"', "", code)
    found = re.findall(
        r'^HYPERCALL_(KVM|NATIVE)\((\d+),\s*(\w+),\s*(\w+),\s*(\w+),\s*(?:\w+,\s*)?'
        r'"([^"]*)",\s*"([^"]*)"\)', code, re.M)
    assert len(found) == len(re.findall(r"^HYPERCALL_", code, re.M)) > 0
    return [(abi, f"{'KVM' if abi == 'KVM' else 'TRIVET'}_CALL_{constant}",
             int(number) + (0 if abi == "KVM" else base), arguments, text)
            for abi, number, constant, _, _, arguments, text in found]


def header() -> dict[str, int]:
    """The constants of hypercall/abi.h that are plain numbers."""
    found = re.findall(r"^#define (\w+)\s+(0x[0-9a-f]+|\d+)\b", source("hypercall/abi.h"), re.M)
    return {name: int(value, 0) for name, value in found}


def test_the_header_has_the_numbers_of_the_table() -> None:
    numbers = {name: value for name, value in header().items()
               if re.match(r"(KVM|TRIVET)_CALL_", name) and name != "TRIVET_CALL_BASE"}
    rows = {name: number for _, name, number, _, _ in table()}
    assert {name: rows.get(name) for name in numbers} == numbers
    assert [name for abi, name, _, _, _ in table() if abi == "NATIVE" and name not in numbers] == []


def test_the_numbers_have_no_gap() -> None:
    base = header()["TRIVET_CALL_BASE"]
    for abi, first in (("KVM", 0), ("NATIVE", base)):
        numbers = [number for one, _, number, _, _ in table() if one == abi]
        assert numbers == list(range(first, first + len(numbers)))


def test_the_nasm_include_has_the_header_s_constants() -> None:
    found = dict(re.findall(r"^(\w+)\s+equ (0x[0-9a-f]+|\d+)$", source("guest/trivet_guest.inc"),
                            re.M))
    include = {name: int(value, 0) for name, value in found.items()}
    assert include == header()


def features(path: str, pattern: str) -> dict[str, int]:
    return {name: int(bit) for name, bit in re.findall(pattern, source(path), re.M)}


def test_the_nasm_include_has_the_header_s_features() -> None:
    in_header = features("hypercall/abi.h", r"^#define (KVM_FEATURE_\w+)\s+\(1u << (\d+)\)")
    assert in_header
    assert features("guest/trivet_guest.inc", r"^(KVM_FEATURE_\w+)\s+equ 1 << (\d+)$") == in_header


def test_each_call_has_a_function_and_a_macro() -> None:
    functions = set(re.findall(r"^static inline intptr_t trivet_(\w+)\(",
                               source("guest/trivet_guest.h"), re.M))
    macros = set(re.findall(r"^%macro trivet_(\w+) ", source("guest/trivet_guest.inc"), re.M))
    calls = {name.removeprefix("TRIVET_CALL_").replace("KVM_CALL_", "KVM_").lower()
             for _, name, _, _, _ in table() if name in header()}
    assert {"ping", "kvm_kick_cpu"} <= calls
    assert calls - functions == calls - macros == set()
    assert functions - calls == {f"call{count}" for count in range(5)}


def test_the_documents_have_the_table() -> None:
    text = source("docs/hypercalls.md")
    for abi, name, number, arguments, words in table():
        shown = str(number) if abi == "KVM" else f"{number:#x}"
        constant = f"`{name}`" if name in header() else name.removeprefix("KVM_CALL_")
        assert f"| {shown} | {constant} | {arguments} | {words} |" in text, name
