# SPDX-License-Identifier: MIT
"""Protection keys, on a CPU model that has them: the four models of the other tests have none."""

import re

from conftest import trivet
from test_guests import image

MODEL = "corei7_icelake_u"


def test_string_instructions_respect_protection_keys() -> None:
    result = trivet("run", "-engine", "bochs", "-cpu", MODEL, "-kernel", image("protection_keys"))
    output = result.stdout.decode("utf-8", "replace")
    assert result.returncode == 0, output
    assert not re.search(r"^FAIL ", output, re.M), output
    assert "PASS string.ad_denies_the_user" in output, output
    assert "PASS string.wd_denies_writes" in output, output
