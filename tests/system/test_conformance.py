# SPDX-License-Identifier: MIT
"""The conformance guest on Trivet and on Linux KVM: no difference that is not explained."""

import subprocess

import pytest
from conftest import HANG_LIMIT_S, TOP


@pytest.mark.xdist_group("kvm-reference")
def test_no_unexplained_difference_from_kvm() -> None:
    result = subprocess.run([TOP / "tools" / "conformance", "--brief"],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=HANG_LIMIT_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 DIFFERENT, 0 MISSING, 0 STALE" in result.stdout
