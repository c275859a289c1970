# SPDX-License-Identifier: MIT
"""Protection keys, on the CPU models that have them."""

import re

import pytest

from conftest import trivet
from test_guests import image

MODELS = ("corei3_cnl", "corei7_icelake_u")


@pytest.mark.parametrize("model", MODELS)
def test_protection_keys_hold_for_the_guest_alone(model: str) -> None:
    result = trivet("run", "-engine", "bochs", "-cpu", model, "-kernel", image("protection_keys"))
    output = result.stdout.decode("utf-8", "replace")
    assert result.returncode == 0, output
    assert not re.search(r"^FAIL ", output, re.M), output
    assert "PASS string.ad_denies_the_user" in output, output
    assert "PASS string.wd_denies_writes" in output, output
    assert "PASS an_exit_goes_on_with_all_keys_denied" in output, output
