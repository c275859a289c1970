# SPDX-License-Identifier: MIT
"""What the conformance guest observed on two hypervisors, compared case by case.

A case is a line "CASE name key=value ..". The differences that are meant stand in a file: a line
is a pattern of case names and the reason. A pattern behind "kvm-only:" or "trivet-only:" is of
cases that the other side does not have.
"""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

SAME = "same"
MEANT = "meant"
DIFFERENT = "DIFFERENT"
MISSING = "MISSING"

# The kinds of what a pattern explains.
DIFFERS = "differs"
KVM_ONLY = "kvm-only"
TRIVET_ONLY = "trivet-only"


@dataclass(frozen=True)
class Meant:
    """A line of the file of meant differences."""

    kind: str
    pattern: str
    reason: str

    def explains(self, kind: str, name: str) -> bool:
        return self.kind == kind and fnmatch.fnmatchcase(name, self.pattern)

    def __str__(self) -> str:
        return self.pattern if self.kind == DIFFERS else f"{self.kind}:{self.pattern}"


@dataclass(frozen=True)
class Row:
    """A case: what each side observed (None: it has no such case), and what that means."""

    name: str
    trivet: str | None
    kvm: str | None
    verdict: str
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    rows: Sequence[Row]
    stale: Sequence[Meant]

    def count(self, verdict: str) -> int:
        return sum(row.verdict == verdict for row in self.rows)

    @property
    def is_good(self) -> bool:
        return bool(self.rows) and not self.stale and not (
            self.count(DIFFERENT) or self.count(MISSING))


def parse_cases(text: str) -> dict[str, str]:
    """The cases of a guest's output; each line may have a log's "name| " before it."""
    cases: dict[str, str] = {}
    for name, observed in re.findall(r"^(?:[\w.+-]+\| ?)?CASE (\S+)[ \t]*(.*?)[ \t\r]*$", text,
                                     re.M):
        if name in cases:
            raise ValueError(f"case {name} comes twice")
        cases[name] = observed
    return cases


def parse_meant(text: str) -> list[Meant]:
    """The meant differences; "#" starts a comment line."""
    found: list[Meant] = []
    for line in text.splitlines():
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise ValueError(f"meant difference without a reason: {line.strip()}")
        kind, mark, pattern = words[0].partition(":")
        if not mark:
            kind, pattern = DIFFERS, words[0]
        elif kind not in (KVM_ONLY, TRIVET_ONLY):
            raise ValueError(f"{kind}: is neither {KVM_ONLY}: nor {TRIVET_ONLY}:")
        found.append(Meant(kind, pattern, words[1].strip()))
    return found


def _kind(trivet: str | None, kvm: str | None) -> str:
    if trivet is None:
        return KVM_ONLY
    return TRIVET_ONLY if kvm is None else DIFFERS


def compare(trivet: dict[str, str], kvm: dict[str, str], meant: Sequence[Meant]) -> Comparison:
    """Every case of either side, in Trivet's order, then those that only KVM has."""
    rows: list[Row] = []
    used: set[Meant] = set()
    for name in [*trivet, *(name for name in kvm if name not in trivet)]:
        ours, theirs = trivet.get(name), kvm.get(name)
        if ours == theirs:
            rows.append(Row(name, ours, theirs, SAME))
            continue
        kind = _kind(ours, theirs)
        explaining = [line for line in meant if line.explains(kind, name)]
        used.update(explaining)
        if explaining:
            rows.append(Row(name, ours, theirs, MEANT, explaining[0].reason))
        else:
            rows.append(Row(name, ours, theirs, DIFFERENT if kind == DIFFERS else MISSING))
    return Comparison(rows, [line for line in meant if line not in used])


def differing_words(observed: str | None, other: str | None) -> str:
    """The words that the other side does not have at the same place; "-" for no case."""
    if observed is None:
        return "-"
    words, others = observed.split(), (other or "").split()
    if [word.partition("=")[0] for word in words] != [word.partition("=")[0] for word in others]:
        return observed
    return " ".join(word for word, theirs in zip(words, others, strict=True) if word != theirs)


def format_table(comparison: Comparison, *, with_same: bool) -> str:
    """A line for each case, then what is stale, then the counts."""
    lines = []
    for row in comparison.rows:
        if row.verdict == SAME:
            if with_same:
                lines.append(f"{row.verdict:9} {row.name}")
            continue
        lines.append(f"{row.verdict:9} {row.name}\n"
                     f"          Trivet: {differing_words(row.trivet, row.kvm)}\n"
                     f"          KVM:    {differing_words(row.kvm, row.trivet)}")
        if row.reason:
            lines.append(f"          meant:  {row.reason}")
    lines += [f"STALE     {line}: no such difference ({line.reason})" for line in comparison.stale]
    counts = ", ".join(f"{comparison.count(verdict)} {verdict}"
                       for verdict in (SAME, MEANT, DIFFERENT, MISSING))
    lines.append(f"conformance: {len(comparison.rows)} cases: {counts}, "
                 f"{len(comparison.stale)} STALE")
    return "\n".join(lines)
