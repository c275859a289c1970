# SPDX-License-Identifier: MIT
"""The Linux module, the program at CPL 3 and a workload, in Debian's kernels on Trivet in Bochs."""

import re
import subprocess
from dataclasses import dataclass

import pytest
from conftest import HANG_LIMIT_S, TOP, TRIVET, limits
from test_docs import table_rows
from trivet_lib import linux_guest, linux_kernel
from trivet_lib.errors import STATUS_WRONG_CALL

LIMIT_S = 300
FAST = ("console=ttyS0,115200 panic=-1 cryptomgr.notests mitigations=off nowatchdog audit=0 "
        "selinux=0 apparmor=0 initcall_blacklist=load_system_certificate_list,init_evm")
SLEEP_US = 50000
EPERM_TEXT = "result=0xffffffffffffffff"
LINUX_GUEST = TOP / "tools" / "linux-guest"
MODULE = TOP / "guest" / "linux-module" / "linux_module.c"
NEWER = next(version for version in linux_kernel.METAPACKAGES if version != linux_kernel.VERSION)


@dataclass(frozen=True)
class LinuxRun:
    """What Linux said, what the hypervisor did, and the run's status."""

    status: int
    output: str
    log: str

    def verdicts(self) -> dict[str, str]:
        """The checks by name: PASS or FAIL, and the detail."""
        return {name: f"{verdict} {detail}" for verdict, name, detail in
                re.findall(r"^trivet-linux: (PASS|FAIL) (\S+) (.*)$", self.output, re.M)}


def run_on_trivet(words: str, version: str = linux_kernel.VERSION) -> LinuxRun:
    files = linux_guest.build(version)
    result = subprocess.run(
        [TRIVET, "run", "-engine", "bochs", "-cpu", "corei7_haswell_4770",
         *limits(LIMIT_S), "-kernel", files.kernel, "-initrd", files.initramfs, "-append",
         f"{FAST} trivet.test={words}"],
        stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return LinuxRun(result.returncode, text(result.stdout), text(result.stderr))


def text(output: bytes) -> str:
    return output.decode("utf-8", "replace").replace("\r", "")


def rules() -> list[str]:
    """The rules that the module checks, by its source."""
    found = re.findall(r'report_(?:true|equal)\(\s*"(\w+)"', MODULE.read_text("utf-8"))
    assert len(found) > 1
    return found


def check_module(run: LinuxRun) -> None:
    passed = re.findall(r"trivet_linux: PASS (\w+)$", run.output, re.M)
    assert sorted(passed) == sorted(rules()), run.output
    assert "trivet_linux: FAIL" not in run.output
    assert "trivet_linux: ping 0x55aa, by kvm_hypercall0() 0x55aa" in run.output
    assert run.verdicts()["module"] == f"PASS ping=0x55aa passed={len(rules())} failed=0"
    assert "log: hello from a Linux module" in run.log


def check_user(run: LinuxRun) -> None:
    assert run.verdicts()["user"] == "PASS status=0"
    calls = re.findall(r"^vmcall: number=0x[0-9a-f]{16} (.*)$", run.output, re.M)
    assert calls == [EPERM_TEXT] * 4


@pytest.fixture(scope="module")
def everything() -> LinuxRun:
    return run_on_trivet("module,user,workload,idle,reboot")


on_one_boot = pytest.mark.xdist_group("linux-module")


@on_one_boot
def test_every_call_of_the_module_has_its_result(everything: LinuxRun) -> None:
    check_module(everything)
    assert everything.verdicts()["unload"].startswith("PASS")


@on_one_boot
def test_the_sleep_call_holds_the_caller_as_long_as_asked(everything: LinuxRun) -> None:
    asked, slept = re.search(r"asked to sleep (\d+) us, slept (\d+) us", everything.output).groups()
    assert int(asked) == SLEEP_US
    assert SLEEP_US <= int(slept) < 2 * SLEEP_US
    assert everything.verdicts()["sleep"].startswith("PASS")


@on_one_boot
def test_the_counters_are_in_the_log_and_in_debugfs(everything: LinuxRun) -> None:
    # VMCALL's exits, by number.
    in_log = re.search(r"trivet_linux: cpu0 exit 0x12 count=(\d+)$", everything.output, re.M)
    assert int(in_log[1]) >= len(rules()) - 4
    assert re.search(r"^cpu0 call 0x54520000 count=\d+ ticks=2\^\d+:\d+", everything.output, re.M)
    assert everything.verdicts()["counters"].startswith("PASS")


@on_one_boot
def test_a_call_of_a_user_program_is_refused(everything: LinuxRun) -> None:
    check_user(everything)


@on_one_boot
def test_the_workload_makes_what_it_must(everything: LinuxRun) -> None:
    verdicts = everything.verdicts()
    for name in ("files", "pipe", "sort", "fork", "signal", "idle"):
        assert verdicts[name].startswith("PASS"), verdicts[name]
    assert all(verdict.startswith("PASS") for verdict in verdicts.values())


@on_one_boot
def test_a_reboot_ends_the_run_with_status_0(everything: LinuxRun) -> None:
    assert "trivet-linux: reboot" in everything.output
    assert "vmlinuz: ended: reset code=0 status=0" in everything.log
    assert "audit: EPT maps only its own RAM" in everything.log
    assert everything.status == 0


def test_the_newer_kernel_runs_the_module_and_powers_off() -> None:
    run = run_on_trivet("module,user,poweroff", NEWER)
    assert f"{linux_guest.READY}kernel={NEWER}." in run.output
    check_module(run)
    check_user(run)
    assert "vmlinuz: ended: power-off code=0 status=0" in run.log
    assert run.status == 0


def test_a_panic_of_the_kernel_reboots() -> None:
    run = run_on_trivet("panic")
    assert "Kernel panic - not syncing: sysrq triggered crash" in run.output
    assert "vmlinuz: ended: reset code=0 status=0" in run.log
    assert "audit: EPT maps only its own RAM" in run.log
    assert run.status == 0


def test_without_trivet_the_module_does_not_load() -> None:
    result = subprocess.run(
        [LINUX_GUEST, "qemu", "-append", "trivet.test=module,user,workload,nonsense"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=HANG_LIMIT_S, check=False)
    run = LinuxRun(result.returncode, text(result.stdout), text(result.stderr))
    assert "trivet_linux: no Trivet here: CPUID lacks its signature" in run.output
    verdicts = run.verdicts()
    assert verdicts["module"] == "FAIL refused: no Trivet here: CPUID lacks its signature"
    assert verdicts["user"] == "FAIL status=2"
    assert verdicts["word"] == "FAIL nonsense is unknown"
    assert verdicts["files"].startswith("PASS")
    assert "trivet-linux: power-off" in run.output


def test_words_in_the_document_are_those_of_init() -> None:
    code = linux_guest.TESTS.read_text("utf-8")
    words = set(re.findall(r"^(?:test|end)_(\w+)\(\)", code, re.M)) - {"counters"}
    assert set(table_rows("linux.md", "init's word")) == words
    lists = re.findall(r"^\t([a-z |]+)\) \"(?:test|end)_", code, re.M)
    assert {word for words_of_one in lists for word in words_of_one.split(" | ")} == words


@pytest.mark.parametrize("arguments", [("boot",), ("build", "x"), ("headers", "-append", "x"),
                                       ("-linux", "5.0"), ("-linux",)])
def test_a_wrong_call_is_refused(arguments: tuple[str, ...]) -> None:
    result = subprocess.run([LINUX_GUEST, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == STATUS_WRONG_CALL
    assert "Usage:" in result.stderr or "Linux 5.0: there is 6.1 and 6.12" in result.stderr
    assert result.stdout == ""
