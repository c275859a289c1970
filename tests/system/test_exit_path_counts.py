# SPDX-License-Identifier: MIT
"""What `make bench` counts without an emulator: the exit path on the fake CPU of the host tests."""

import os
import re
import subprocess

import pytest
from conftest import BUILD, TOP

PROGRAMS = ("count_vmcs_accesses", "map_call_writes")


@pytest.fixture(scope="module")
def outputs() -> dict[str, str]:
    programs = {name: BUILD / "host" / name for name in PROGRAMS}
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    subprocess.run(["make", "-s", "-f", "tests/host/host.mk",
                    *(path.relative_to(TOP) for path in programs.values())],
                   cwd=TOP, env=environment, check=True)
    return {name: subprocess.run([path], capture_output=True, text=True, check=True).stdout
            for name, path in programs.items()}


def test_a_vmcall_reads_six_fields_of_the_vmcs_and_writes_one(outputs: dict[str, str]) -> None:
    assert "vmcs vmcall reads=6 writes=1\n" in outputs["count_vmcs_accesses"]


def test_a_vmcall_writes_lines_of_its_vcpu_alone(outputs: dict[str, str]) -> None:
    lines = outputs["map_call_writes"].splitlines()
    assert lines and all(re.fullmatch(r"write vcpu line=\d+ field=\w+", line) for line in lines)
