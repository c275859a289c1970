# SPDX-License-Identifier: MIT
"""The capability report that the menu offers: one line for each capability, before VMXON."""

import re

from conftest import TOP, Booter


def test_report_has_every_requirement(boot: Booter) -> None:
    result = boot("run", "-engine", "bochs", "-hypervisor", "mode=doctor")
    assert result.status == 0, result.log
    rows = re.findall(r"^doctor: .* wanted=(required|used) found=(yes|no)", result.log, re.M)
    table = (TOP / "vmx" / "requirements.c").read_text("utf-8")
    names = re.findall(r'^\t\{"([^"]+)", CAPABILITY_', table, re.M)
    assert len(names) > 40 and len(rows) >= len(names)
    for name in names:
        assert re.search(rf"^doctor: .*{re.escape(name)}.* wanted=", result.log, re.M), name
    assert ("required", "no") not in rows
    assert "VMX root operation entered" not in result.log
