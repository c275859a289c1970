# SPDX-License-Identifier: MIT
"""An exception in the hypervisor: registers and a symbolised backtrace in the log, status 127."""

import re

import pytest
from conftest import Booter

PANIC = 127


@pytest.mark.parametrize("engine", ["bochs", "tcg"])
def test_trap_is_reported(boot: Booter, engine: str) -> None:
    result = boot("run", "-engine", engine, "-hypervisor", "mode=trap")
    assert result.status == PANIC, result.log
    trap = re.findall(r"^error: trap: (.*)$", result.log, re.M)
    assert "vector=14 #PF" in trap[0] and "error_code=0" in trap[0]
    for register in ("rax", "rsp", "r15", "rip", "rflags", "cr2", "cr3", "cr4"):
        assert any(re.search(rf"\b{register}=", line) for line in trap), register
    backtrace = re.findall(r"^error: backtrace: #\d+ 0x[0-9a-f]+ (\w+)", result.log, re.M)
    assert "hypervisor_run" in backtrace and "boot_main" in backtrace
