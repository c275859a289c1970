# SPDX-License-Identifier: MIT
"""A million random calls; test_guests.py makes fewer of them on every CPU model."""

import re

from conftest import BUILD, Booter

CALL_COUNT = 1_000_000
LIMIT_S = 600


def test_a_million_random_calls(boot: Booter) -> None:
    result = boot("run", "-engine", "bochs", "-kernel", BUILD / "guests" / "hypercall_storm.elf",
                  "-m", "16M", "-append", f"count={CALL_COUNT}", limit_s=LIMIT_S)
    output = result.output.decode("ascii", "replace")
    assert re.search(rf"^storm: seed=0x[0-9a-f]+ count={CALL_COUNT}\s*$", output, re.M), output
    assert result.status == 0, output
    assert f"storm: calls={CALL_COUNT}" in output
    # The guest asks for the table now and then: the last one is that of its end.
    assert int(re.findall(r"exit  VMCALL +(\d+)", result.log)[-1]) > CALL_COUNT
    assert "audit: EPT maps only its own RAM" in result.log
