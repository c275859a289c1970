# SPDX-License-Identifier: MIT
"""tools/conformance: two outputs of the conformance guest, and what is meant to differ."""

import subprocess
from pathlib import Path

import pytest
from conftest import TOP
from trivet_lib import conformance
from trivet_lib.conformance import DIFFERENT, MEANT, MISSING, SAME, Meant

TOOL = TOP / "tools" / "conformance"
DIFFERENCES = TOP / "tests" / "guests" / "conformance" / "differences.txt"

OUTPUT = """Booting
CASE vmcall.real.call1 rax=0x0 vector=none\r
PASS vmcall.real.call1
conformance| CASE native.ping rax=0x55aa
CASE empty
NOCASE x a=1
done: pass=2 fail=0 skip=0
"""


def verdicts(trivet: dict[str, str], kvm: dict[str, str], meant: str = "") -> dict[str, str]:
    comparison = conformance.compare(trivet, kvm, conformance.parse_meant(meant))
    return {row.name: row.verdict for row in comparison.rows}


def is_good(trivet: dict[str, str], kvm: dict[str, str], meant: str = "") -> bool:
    return conformance.compare(trivet, kvm, conformance.parse_meant(meant)).is_good


def test_only_lines_of_cases_are_taken() -> None:
    assert conformance.parse_cases(OUTPUT) == {
        "vmcall.real.call1": "rax=0x0 vector=none", "native.ping": "rax=0x55aa", "empty": ""}


def test_a_case_may_not_come_twice() -> None:
    with pytest.raises(ValueError, match=r"a\.b"):
        conformance.parse_cases("CASE a.b x=1\nCASE a.b x=1\n")


def test_meant_differences_have_a_pattern_and_a_reason() -> None:
    text = "# comment\n\nnative.*\tour own calls\nkvm-only:apic.*  no APIC yet \n"
    assert conformance.parse_meant(text) == [
        Meant("differs", "native.*", "our own calls"), Meant("kvm-only", "apic.*", "no APIC yet")]
    with pytest.raises(ValueError, match="without a reason"):
        conformance.parse_meant("native.*\n")
    with pytest.raises(ValueError, match="neither"):
        conformance.parse_meant("xen-only:a why\n")


def test_equal_cases_are_the_same() -> None:
    assert verdicts({"a": "x=1"}, {"a": "x=1"}) == {"a": SAME}
    assert is_good({"a": "x=1"}, {"a": "x=1"})


def test_nothing_compared_is_not_good() -> None:
    assert not is_good({}, {})


def test_a_difference_is_bad_unless_it_is_meant() -> None:
    assert verdicts({"a.b": "x=1"}, {"a.b": "x=2"}) == {"a.b": DIFFERENT}
    assert not is_good({"a.b": "x=1"}, {"a.b": "x=2"})
    assert verdicts({"a.b": "x=1"}, {"a.b": "x=2"}, "a.* why") == {"a.b": MEANT}
    assert is_good({"a.b": "x=1"}, {"a.b": "x=2"}, "a.* why")


def test_a_missing_case_is_bad_on_either_side() -> None:
    both = {"a": "x=1", "b": "x=1"}
    assert verdicts(both, {"a": "x=1"}) == {"a": SAME, "b": MISSING}
    assert verdicts({"a": "x=1"}, both) == {"a": SAME, "b": MISSING}
    assert not is_good(both, {"a": "x=1"})
    assert not is_good({"a": "x=1"}, both)


def test_a_difference_of_values_does_not_explain_a_missing_case() -> None:
    both = {"a": "x=1", "b": "x=1"}
    assert not is_good({"a": "x=1"}, both, "b why")
    assert not is_good({"a": "x=1"}, both, "trivet-only:b why")
    assert is_good({"a": "x=1"}, both, "kvm-only:b why")
    assert is_good(both, {"a": "x=1"}, "trivet-only:b why")


def test_a_meant_difference_that_did_not_occur_is_stale() -> None:
    same = {"a": "x=1"}
    comparison = conformance.compare(same, same, conformance.parse_meant("a why\nb.* why\n"))
    assert [line.pattern for line in comparison.stale] == ["a", "b.*"]
    assert not comparison.is_good
    assert "STALE     b.*" in conformance.format_table(comparison, with_same=False)


def test_the_table_shows_what_differs() -> None:
    comparison = conformance.compare(
        {"a": "x=1 y=2 y=3", "b": "", "c": "z=1"}, {"a": "x=1 y=2 y=4", "b": "", "d": "w=1"},
        conformance.parse_meant("a for a reason"))
    table = conformance.format_table(comparison, with_same=True)
    assert table == """meant     a
          Trivet: y=3
          KVM:    y=4
          meant:  for a reason
same      b
MISSING   c
          Trivet: z=1
          KVM:    -
MISSING   d
          Trivet: -
          KVM:    w=1
conformance: 4 cases: 1 same, 1 meant, 0 DIFFERENT, 2 MISSING, 0 STALE"""
    assert "same      b" not in conformance.format_table(comparison, with_same=False)


def test_keys_that_differ_show_the_whole_case() -> None:
    assert conformance.differing_words("x=1 vector=none", "x=1 vector=0xd error=0x0") == (
        "x=1 vector=none")


def test_the_file_of_meant_differences_can_be_read() -> None:
    assert conformance.parse_meant(DIFFERENCES.read_text("utf-8"))


def run(tmp_path: Path, trivet: str, kvm: str, meant: str) -> subprocess.CompletedProcess[str]:
    paths = []
    for name, text in (("trivet", trivet), ("kvm", kvm), ("differences", meant)):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        paths += [f"--{name}", str(path)]
    return subprocess.run([TOOL, "--brief", *paths], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("kvm", "meant", "status"), [
    ("CASE a x=1\n", "", 0), ("CASE a x=2\n", "", 1), ("CASE a x=2\n", "a why\n", 0),
    ("CASE a x=1\n", "a why\n", 1), ("", "", 1), ("CASE a x=1\nCASE a x=1\n", "", 2)])
def test_the_status_tells(tmp_path: Path, kvm: str, meant: str, status: int) -> None:
    assert run(tmp_path, "CASE a x=1\n", kvm, meant).returncode == status
