# SPDX-License-Identifier: MIT
"""tools/trivet: which engine is taken, and the command lines, without any engine."""

import pytest

from trivet_lib import engines
from trivet_lib.errors import CallError
from trivet_lib.machine import Machine

NAMESPACE, USER_NAMESPACE, TERMINAL = engines._DISPLAYS


def bochsrc(machine, display=NAMESPACE):
    return engines.bochs_launch(machine, display).files["bochsrc"].splitlines()


def test_bochs_runs_in_a_network_namespace_and_does_not_wait_for_the_debugger():
    launch = engines.bochs_launch(Machine(192), NAMESPACE)
    assert launch.command == (
        "unshare", "--net", "--", "bochs", "-q", "-f", "bochsrc", "-rc", "go.rc")
    assert launch.files["go.rc"] == "continue\n"
    assert not launch.needs_terminal


def test_bochs_without_namespaces_draws_on_a_hidden_terminal():
    launch = engines.bochs_launch(Machine(192), TERMINAL)
    assert launch.command[0] == "bochs"
    assert launch.needs_terminal
    assert "display_library: term" in launch.files["bochsrc"].splitlines()


def test_bochs_machine_is_as_asked():
    lines = bochsrc(Machine(192))
    assert "megs: 192" in lines
    assert "romimage: file=/usr/share/bochs/BIOS-bochs-latest" in lines
    assert any(line.startswith("cpu: model=corei7_haswell_4770, count=1, ips=10000000,")
               for line in lines)
    assert "com1: enabled=1, mode=file, dev=com1" in lines
    assert "com3: enabled=1, mode=file, dev=com3" in lines


def test_the_clock_starts_in_2020_or_today():
    assert "clock: sync=none, time0=1577836800" in bochsrc(Machine(192))
    assert "clock: sync=none, time0=utc" in bochsrc(Machine(192, has_date_of_today=True))


def test_lines_that_somebody_types_on_are_terminals():
    lines = bochsrc(Machine(192, has_input=True))
    assert "com1: enabled=1, mode=term, dev=com1" in lines
    assert "com3: enabled=1, mode=term, dev=com3" in lines
    command = engines.qemu_launch(Machine(192, has_input=True), "kvm").command
    at = command.index("serial,id=log,path=com1")
    assert command[at - 1:] == (
        "-chardev", "serial,id=log,path=com1", "-serial", "chardev:log", "-serial", "null",
        "-chardev", "serial,id=guest,path=com3", "-serial", "chardev:guest")


def test_bochs_takes_cpu_model_and_uefi_firmware():
    lines = bochsrc(Machine(320, "uefi", "corei3_cnl"))
    assert "romimage: file=/usr/share/ovmf/OVMF.fd" in lines
    assert any(line.startswith("cpu: model=corei3_cnl, ") and "ips=5000000" in line
               for line in lines)


def test_bochs_memory_ends_at_2_gib():
    assert "megs: 2048" in bochsrc(Machine(2048))
    with pytest.raises(CallError, match="2049 MiB"):
        bochsrc(Machine(2049))


def test_bochs_processors_end_at_14():
    assert any("count=14, ips=" in line for line in bochsrc(Machine(192, processors=14)))
    with pytest.raises(CallError, match="-smp 15: .* at most 14"):
        bochsrc(Machine(192, processors=15))


def test_qemu_gets_the_number_of_processors():
    command = engines.qemu_launch(Machine(192, processors=64), "tcg").command
    assert command[command.index("-smp") + 1] == "64"


def test_kvm_hands_vmx_on():
    command = engines.qemu_launch(Machine(192), "kvm").command
    assert command == (
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "pc",
        "-accel", "kvm", "-cpu", "host,+vmx", "-smp", "1", "-m", "192M",
        "-vga", "std", "-display", "none",
        "-monitor", "none", "-no-reboot", "-cdrom", "trivet.iso", "-boot", "d",
        "-serial", "file:com1", "-serial", "null", "-serial", "file:com3")


def test_kvm_takes_cpu_model_and_uefi_firmware():
    command = engines.qemu_launch(Machine(192, "uefi", "Haswell"), "kvm").command
    assert command[command.index("-cpu") + 1] == "Haswell,+vmx"
    assert command[command.index("-bios") + 1] == "/usr/share/ovmf/OVMF.fd"


def test_tcg_does_not_claim_vmx():
    command = engines.qemu_launch(Machine(192), "tcg").command
    assert command[command.index("-cpu") + 1] == "max"
    assert command[command.index("-accel") + 1] == "tcg"


@pytest.fixture
def nested_kvm(monkeypatch, tmp_path):
    """A computer with all that KVM needs, to be spoilt one by one."""
    device = tmp_path / "kvm"
    device.touch()
    cpuinfo, nested = "flags\t\t: fpu vmx sse\n", "Y\n"
    state = {"/proc/cpuinfo": cpuinfo, engines._KVM_NESTED: nested}
    monkeypatch.setattr(engines, "_KVM_DEVICE", str(device))
    monkeypatch.setattr(engines, "_read", lambda path: state.get(path, ""))
    monkeypatch.setattr(engines.shutil, "which", lambda name: f"/usr/bin/{name}")
    state["device"] = device
    return state


@pytest.mark.parametrize("nested", ["Y\n", "1\n"])
def test_auto_takes_kvm_where_it_nests_vmx(nested_kvm, nested):
    nested_kvm[engines._KVM_NESTED] = nested
    assert engines.choose("auto", "bios") == "kvm"


@pytest.mark.parametrize(("path", "text", "word"), [
    ("/proc/cpuinfo", "flags : fpu svm vmxfake\nvmx flags : vmx\n", "no VMX"),
    (engines._KVM_NESTED, "N\n", "nested=1"),
    (engines._KVM_NESTED, "", "nested=1"),
])
def test_kvm_that_cannot_nest_is_not_taken_and_says_why(nested_kvm, path, text, word, monkeypatch):
    nested_kvm[path] = text
    monkeypatch.setattr(engines, "bochs_display", lambda _firmware="bios": NAMESPACE)
    assert engines.choose("auto", "bios") == "bochs"
    assert word in engines.probe("kvm").reason
    with pytest.raises(CallError, match=word):
        engines.choose("kvm", "bios")


def test_kvm_without_its_device_is_not_taken(nested_kvm):
    nested_kvm["device"].unlink()
    assert not engines.probe_kvm().usable
    assert "No such file" in engines.probe_kvm().reason


def test_no_engine_at_all_names_each_with_its_reason(monkeypatch):
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    with pytest.raises(CallError, match="no engine: kvm: .*tools/setup.*bochs: .*tools/setup"):
        engines.choose("auto", "bios")


def test_bochs_takes_the_first_display_that_works_here(monkeypatch, tmp_path):
    permitted = []
    monkeypatch.setattr(engines, "_succeeds", lambda command: command[:2] in permitted)
    monkeypatch.setattr(engines, "_BOCHS_GUI_PLUGINS", str(tmp_path))
    assert engines.bochs_display() is None
    (tmp_path / "libbx_term_gui.so").touch()
    assert engines.bochs_display() is TERMINAL
    permitted.append(["unshare", "--map-root-user"])
    assert engines.bochs_display() is USER_NAMESPACE
    permitted.append(["unshare", "--net"])
    assert engines.bochs_display() is NAMESPACE
    assert engines.bochs_display("uefi") is TERMINAL


def test_cpu_models_are_read_from_the_engines():
    bochs = engines.bochs_cpu_models()
    assert {"corei7_haswell_4770", "bx_generic", "tigerlake"} <= set(bochs)
    assert all(" " not in model for model in bochs)
    assert {"Haswell", "max", "qemu64"} <= set(engines.qemu_cpu_models())
