# SPDX-License-Identifier: MIT
"""What guest authors copy: it compiles alone in every language and mode, and the example runs."""

import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import HANG_LIMIT_S, TOP, Booter
from test_docs import blocks, source

EXAMPLE_STATUS = 42
VMCALL = b"\x0f\x01\xc1"
STRICT = ("-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow",
          "-Wundef", "-Wcast-align", "-Werror", "-O2", "-c")

# Each function of the header, with every type of argument.
CALLS = """
#include "guest/trivet_guest.h"
static struct trivet_batch_entry entries[2] __attribute__((aligned(TRIVET_BATCH_ENTRY_BYTES)));
static struct trivet_counter counters[4];
static struct trivet_clock_pairing pairing;
static struct trivet_guest_info guests[2];
intptr_t all_calls(void);
intptr_t all_calls(void)
{
	const char *text = "text";
	intptr_t sum = trivet_signature_is(trivet_cpuid(0), "TrivetTrivet") ? 1 : 0;
	if (trivet_find("TrivetTrivet") == 0) {
		return -TRIVET_ENOSYS;
	}
	sum += trivet_call0(1) + trivet_call1(2, 3) + trivet_call2(4, 5, 6);
	sum += trivet_call3(7, 8, 9, 10) + trivet_call4(11, 12, 13, 14, 15);
	sum += trivet_ping() + trivet_log((uintptr_t)text, 4) + trivet_sleep(1);
	sum += trivet_read_counters((uintptr_t)counters, 4) + trivet_print_counters();
	sum += trivet_batch((uintptr_t)entries, 2) + trivet_trace_mark(1, 2);
	sum += trivet_guest_control(TRIVET_GUEST_STOP, (uintptr_t)text);
	sum += trivet_guest_list((uintptr_t)guests, 2);
	if ((trivet_kvm_features() & (1u << 7)) != 0) {
		sum += trivet_kvm_kick_cpu(0);
	}
	sum += trivet_kvm_vapic_poll_irq() + trivet_kvm_clock_pairing((uintptr_t)&pairing);
	sum += trivet_kvm_send_ipi(1, 0, 0, 0x20) + trivet_kvm_sched_yield(0);
	return sum + trivet_kvm_map_gpa_range(0, 1, 0) + trivet_end(0);
}
"""

# The layouts that the hypervisor reads and writes.
LAYOUTS = """
#include "guest/trivet_guest.h"
#include <stddef.h>
#ifdef __cplusplus
#define CHECK(fact) static_assert(fact, "layout")
#else
#define CHECK(fact) _Static_assert(fact, "layout")
#endif
CHECK(sizeof(struct trivet_batch_entry) == TRIVET_BATCH_ENTRY_BYTES);
CHECK(offsetof(struct trivet_batch_entry, rax) == TRIVET_BATCH_RAX_OFFSET);
CHECK(offsetof(struct trivet_batch_entry, rcx) == TRIVET_BATCH_RCX_OFFSET);
CHECK(offsetof(struct trivet_batch_entry, rdx) == TRIVET_BATCH_RDX_OFFSET);
CHECK(offsetof(struct trivet_batch_entry, rbx) == TRIVET_BATCH_RBX_OFFSET);
CHECK(offsetof(struct trivet_batch_entry, rsi) == TRIVET_BATCH_RSI_OFFSET);
CHECK(offsetof(struct trivet_batch_entry, result) == TRIVET_BATCH_RESULT_OFFSET);
CHECK(sizeof(struct trivet_counter) == TRIVET_COUNTER_BYTES);
CHECK(sizeof(struct trivet_guest_info) == TRIVET_GUEST_INFO_BYTES);
CHECK(offsetof(struct trivet_counter, count) == 8);
CHECK(offsetof(struct trivet_counter, bins) == 16);
CHECK(sizeof(struct trivet_clock_pairing) == TRIVET_CLOCK_PAIRING_BYTES);
CHECK(offsetof(struct trivet_clock_pairing, tsc) == 16);
CHECK(offsetof(struct trivet_clock_pairing, flags) == 24);
"""

# What a module finds in Linux 6.1's headers, as far as ours and the document's example need: the
# names of <linux/types.h>, which has no intptr_t, and KVM's, some of which are ours too.
KERNEL_HEADERS = {
    "linux/types.h": """
typedef _Bool bool;
enum { false = 0, true = 1 };
#define NULL ((void *)0)
typedef unsigned long size_t;
typedef unsigned char uint8_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef unsigned long uintptr_t;
""",
    "asm/kvm_para.h": """
#define KVM_CPUID_SIGNATURE 0x40000000
#define KVM_SIGNATURE "KVMKVMKVM\\0\\0\\0"
#define KVM_CPUID_FEATURES 0x40000001
#define KVM_FEATURE_CLOCKSOURCE 0
#define KVM_FEATURE_STEAL_TIME 5
#define MSR_KVM_WALL_CLOCK  0x11
#define MSR_KVM_STEAL_TIME  0x4b564d03
struct kvm_steal_time;
struct kvm_clock_pairing;
long kvm_hypercall0(unsigned int nr);
bool kvm_para_available(void);
""",
    "linux/io.h": "unsigned long virt_to_phys(volatile void *address);\n",
    "linux/module.h": """
#include <linux/types.h>
#define __init
#define ENODEV 19
#define ENOMEM 12
#define module_init(name) int init_module(void) __attribute__((alias(#name)))
#define MODULE_LICENSE(text) _Static_assert(sizeof(text) > 1, "a licence")
""",
    "linux/slab.h": """
#define GFP_KERNEL 0xcc0u
void *kmemdup(const void *source, size_t size, unsigned int flags);
void kfree(const void *object);
""",
}

C_WAYS = [(compiler, standard, bits, "freestanding")
          for compiler, all_bits in (("gcc", ("-m16", "-m32", "-m64")), ("clang", ("-m32", "-m64")))
          for standard in ("c99", "c11", "gnu17") for bits in all_bits]
C_WAYS += [("gcc", "c99", "-m64", "hosted")]
CPP_WAYS = [(compiler, standard, bits, "freestanding")
            for compiler in ("g++", "clang++") for standard in ("c++11", "c++17", "c++20")
            for bits in ("-m32", "-m64")]
CPP_WAYS += [("g++", "c++11", "-m64", "hosted")]


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A project's folder for headers after the command of docs/hypercalls.md."""
    (command,) = [line for body in blocks(source("docs/hypercalls.md"))
                  for line in body.splitlines() if line.startswith("cp --parents ")]
    include = tmp_path / "include"
    include.mkdir()
    words = [str(include) if word == "MYPROJECT/include" else word
             for word in shlex.split(command)]
    assert str(include) in words
    subprocess.run(words, check=True, cwd=TOP)
    return include


def build(*words: str | Path) -> None:
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                            check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def code_of(object_path: Path) -> bytes:
    binary = object_path.with_suffix(".bin")
    build("objcopy", "-O", "binary", "-j", ".text*", object_path, binary)
    return binary.read_bytes()


@pytest.mark.parametrize("compiler, standard, bits, hosting", C_WAYS + CPP_WAYS)
def test_header_compiles(compiler: str, standard: str, bits: str, hosting: str, kit: Path) -> None:
    suffix = ".cc" if "++" in standard else ".c"
    flags = [bits, *STRICT, *(["-ffreestanding"] if hosting == "freestanding" else [])]
    for name, text in (("calls", CALLS), ("layouts", LAYOUTS)):
        # Assertions came with C11.
        level = "c11" if standard == "c99" and name == "layouts" else standard
        path = kit / (name + suffix)
        path.write_text(text, "ascii")
        build(compiler, f"-std={level}", *flags, f"-I{kit}", path, "-o", kit / f"{name}.o")
    assert code_of(kit / "calls.o").count(VMCALL) == len(functions_that_call())


def functions_that_call() -> list[str]:
    names = re.findall(r"^static inline .*?\b(trivet_\w+)\(", source("guest/trivet_guest.h"), re.M)
    assert [name for name in names if f"{name}(" not in CALLS] == []
    return [name for name in names if name not in
            ("trivet_cpuid", "trivet_find", "trivet_signature_is", "trivet_kvm_features")]


@pytest.mark.parametrize("file", ["abi.h", "abi_types.h"])
def test_contract_headers_compile_alone(file: str, kit: Path) -> None:
    path = kit / "alone.c"
    path.write_text(f'#include "hypercall/{file}"\nextern int unused;\n', "ascii")
    build("gcc", "-std=c99", *STRICT, f"-I{kit}", path, "-o", kit / "alone.o")


# The order of a module's includes must not matter, nor may KVM's names change their meaning.
MODULE_STARTS = {
    "ours-first": '#include "guest/trivet_guest.h"\n#include <asm/kvm_para.h>\n',
    "linux-first": '#include <linux/types.h>\n#include <asm/kvm_para.h>\n',
}


@pytest.mark.parametrize("order", MODULE_STARTS)
@pytest.mark.parametrize("compiler, bits", [("gcc", "-m64"), ("clang", "-m64"), ("gcc", "-m32")])
def test_header_compiles_in_a_linux_module(compiler: str, bits: str, order: str, kit: Path) -> None:
    """Against stand-ins for Linux's headers: the package of the real ones is not needed here."""
    write_kernel_headers(kit)
    path = kit / "module.c"
    path.write_text(MODULE_STARTS[order] + CALLS
                    + '_Static_assert(KVM_FEATURE_STEAL_TIME == 5, "Linux\'s own number");\n')
    build_module(compiler, bits, kit, path)


def test_module_of_the_document_compiles(kit: Path) -> None:
    write_kernel_headers(kit)
    path = kit / "module.c"
    path.write_text(blocks(source("docs/hypercalls.md"), "c")[1], "ascii")
    build_module("gcc", "-m64", kit, path)
    assert VMCALL in code_of(kit / "module.o")


def write_kernel_headers(kit: Path) -> None:
    for name, text in KERNEL_HEADERS.items():
        path = kit / "linux-stand-in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#pragma once\n{text}", "ascii")


def build_module(compiler: str, bits: str, kit: Path, path: Path) -> None:
    build(compiler, "-std=gnu11", bits, "-nostdinc", "-D__KERNEL__", "-DMODULE", "-ffreestanding",
          "-fno-pic", "-mgeneral-regs-only", "-Wall", "-Wextra", "-Wdeclaration-after-statement",
          "-Wundef", "-Werror", "-O2", f"-I{kit}", f"-I{kit / 'linux-stand-in'}", "-c", path,
          "-o", path.with_suffix(".o"))


def macro_uses() -> list[str]:
    """A line for each macro of the include, with a label or numbers for its parameters."""
    found = re.findall(r"^%macro (\w+) ([\d-]+)$", source("guest/trivet_guest.inc"), re.M)
    assert len(found) > 15
    return [f"\t{name} {', '.join((label_of(name) + [str(i) for i in range(1, 10)])[:most])}"
            for name, count in found for most in [int(count.rpartition("-")[2])]]


def label_of(macro: str) -> list[str]:
    return ["missing"] if macro.startswith("trivet_find") else []


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_include_assembles(bits: int, kit: Path) -> None:
    lines = macro_uses()
    path, binary = kit / "calls.asm", kit / "calls.bin"
    path.write_text("\n".join(['%include "guest/trivet_guest.inc"', f"bits {bits}", *lines,
                               "missing:", "\tret", ""]), "ascii")
    build("nasm", "-f", "bin", "-w+all", "-w-unknown-warning", "-Werror", f"-I{kit}/", "-o",
          binary, path)
    calls = [line for line in lines if not line.startswith("\ttrivet_find")]
    assert binary.read_bytes().count(VMCALL) == len(calls) == len(lines) - 3


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """guest/example/ as an author has it: elsewhere, and built by its own Makefile."""
    folder = tmp_path / "my guest"
    shutil.copytree(TOP / "guest" / "example", folder,
                    ignore=shutil.ignore_patterns("*.o", "*.elf"))
    result = subprocess.run(["make", f"TRIVET={TOP}"], cwd=folder, capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0 and result.stderr == "", result
    return folder / "example.elf"


def test_example_runs(example: Path, boot: Booter, hypervisor: Path) -> None:
    result = boot("run", "-engine", "bochs", "-kernel", example)
    assert result.status == EXAMPLE_STATUS, result
    shown = next(body for body in blocks(source("docs/hypercalls.md"))
                 if body.startswith("interface version"))
    printed, _, logged = shown.partition("\n\n")
    assert result.output.decode("ascii").splitlines() == printed.splitlines()
    assert len(logged.splitlines()) >= 2
    assert [line for line in logged.splitlines() if line not in result.log.splitlines()] == []


def test_example_without_trivet_makes_no_call(example: Path, tmp_path: Path) -> None:
    """QEMU's own loader and processor: no hypervisor there, so that VMCALL would raise #UD."""
    serial = tmp_path / "serial"
    command = ["qemu-system-x86_64", "-display", "none", "-monitor", "none", "-no-reboot",
               "-serial", f"file:{serial}", "-kernel", str(example)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as qemu:
        end = time.monotonic() + HANG_LIMIT_S
        while not (serial.exists() and serial.read_bytes().endswith(b"\n")):
            assert qemu.poll() is None and time.monotonic() < end
            time.sleep(0.2)
        qemu.kill()
    assert serial.read_text("ascii") == "no Trivet here: VMCALL would raise #UD\n"
