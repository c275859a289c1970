# SPDX-License-Identifier: MIT
"""tools/check-tree refuses a tree for each rule that it breaks, and passes one that keeps all."""

import pathlib
import subprocess

import pytest
from conftest import HANG_LIMIT_S

CHECK_TREE = pathlib.Path(__file__).parents[2] / "tools" / "check-tree"
C_SPDX = "/* SPDX-License-Identifier: MIT */\n"
SCRIPT_SPDX = "# SPDX-License-Identifier: MIT\n"


def header(guard, text=""):
    return f"{C_SPDX}#ifndef {guard}\n#define {guard}\n\n{text}\n#endif\n"


def function(name, body, parameters="void"):
    return f"int {name}({parameters})\n{{\n{body}\treturn 0;\n}}\n"


def nested(*openings):
    """A function body with the given blocks, each inside the one before."""
    lines = ["\t" * (i + 1) + opening + " {\n" for i, opening in enumerate(openings)]
    return "".join(lines) + "}\n" * len(openings)


GOOD_TREE = {
    "lib/types.h": header("LIB_TYPES_H", "#include <stdint.h>\n"),
    "lib/bits.h": header("LIB_BITS_H", '#include "lib/types.h"\n'),
    "lib/bits.c": C_SPDX + '#include "lib/bits.h"\n\n#include <stddef.h>\n',
    "cpu/insn.h": header("CPU_INSN_H", 'static inline void insn_hlt(void)\n{\n'
                                       '\t__asm__ volatile("hlt");\n}\n'),
    "vmx/rows.def": C_SPDX + "ROW(1)\n",
    "vmx/vmcs.h": header("VMX_VMCS_H"),
    "vmx/vmcs.c": C_SPDX + '#include "vmx/vmcs.h"\n\n'
                  + '#include "cpu/insn.h"\n#include "lib/bits.h"\n\n'
                  + "static const int rows[] = {\n" + "\t1,\n" * 70 + "};\n"
                  + function("vmcs_walk", nested("for (;;)", "if (1)", "switch (1)")
                             + "\tstruct x y = {{{{{{1}}}}}};\n",
                             "int a, int (*b)(int, int), int c"),
    "hypercall/abi.h": header("HYPERCALL_ABI_H"),
    "vm/policy.c": C_SPDX + '#include "hypercall/abi.h"\n#include "vmx/vmcs.h"\n',
    "boot/main.c": C_SPDX + '#include "vmx/vmcs.h"\n\n#include <stdint.h>\n',
    "boot/start.asm": "; SPDX-License-Identifier: MIT\n",
    "guest/demo.c": C_SPDX + '#include "hypercall/abi.h"\n\nvoid hlt(void)\n{\n'
                    '\t__asm__ volatile("hlt");\n}\n',
    "tests/host/fake/cpu/insn.h": header("CPU_INSN_H"),
    "tests/host/test_bits.c": C_SPDX + "/* SOURCES: lib/bits.c */\nvoid x(void)\n{\n}\n",
    "tests/guests/one/expect.txt": "PASS\n",
    "tests/guests/two/expect.txt": "PASS\n",
    "tools/tool": "#!/usr/bin/env python3\n" + SCRIPT_SPDX,
    "docs/notes.md": "M\u00e9moire " + "long " * 40 + "\n",
    "build/bits.c": "\u00e9 generated, not looked at\n",
    "tools/check-tree-allowed.txt": "# RULE PATH FUNCTION WHY\n",
}

LOG_LINE = 'void f(int x)\n{{\n\tlog_info("vmx", "x={}", x);\n}}\n'

# Rule, path, its text, what the report says.
BAD_FILES = [
    ("layers", "lib/up.c", C_SPDX + '#include "cpu/insn.h"\n', "lib/ must not include"),
    ("layers", "devices/uart.c", C_SPDX + '#include "cpu/insn.h"\n', "devices/ must not include"),
    ("layers", "hypercall/native.c", C_SPDX + '#include "vmx/vmcs.h"\n', "hypercall/ must not"),
    ("layers", "vmx/high.c", C_SPDX + '#include "hypercall/abi.h"\n', "vmx/ must not include"),
    ("layers", "boot/test.c", C_SPDX + '#include "tests/x.h"\n', "boot/ must not include"),
    ("layers", "vmx/bare.c", C_SPDX + '#include "vmcs.h"\n', "vmx/ must not include vmcs.h"),
    ("layers", "guest/peek.c", C_SPDX + '#include "lib/types.h"\n', "guest/ must not include"),
    ("layers", "lib/libc.c", C_SPDX + "#include <stdio.h>\n", "<stdio.h>"),
    ("guard", "lib/a.h", header("A_H"), "LIB_A_H"),
    ("guard", "lib/a.h", C_SPDX + "#pragma once\n", "LIB_A_H"),
    ("guard", "lib/a.h", header("LIB_A_H") + "#define AFTER\n", "LIB_A_H"),
    ("header-alone", "lib/a.h", header("LIB_A_H", "uint32_t a(void);\n"), "gcc: "),
    ("include-order", "vmx/own.c", C_SPDX + '#include "lib/bits.h"\n#include "vmx/own.h"\n',
     "vmx/own.h comes first"),
    ("include-order", "vmx/z.c", C_SPDX + '#include "lib/types.h"\n#include "lib/bits.h"\n',
     "lib/bits.h comes before"),
    ("include-order", "vmx/z.c", C_SPDX + '#include "lib/bits.h"\n#include "lib/bits.h"\n',
     "lib/bits.h comes before"),
    ("include-order", "vmx/z.c", C_SPDX + "#include <stdint.h>\n#include <stddef.h>\n", "stddef.h"),
    ("include-order", "vmx/z.c", C_SPDX + '#include "lib/bits.h"\n#include <stdint.h>\n',
     "blank line"),
    ("include-order", "vmx/z.c", C_SPDX + '#include <stdint.h>\n\n#include "lib/bits.h"\n',
     "come last"),
    ("include-order", "boot/part.c", C_SPDX + '#include "vmx/vmcs.h"\n\n#include "lib/bits.h"\n',
     "lib/bits.h comes before"),
    ("basename", "vmx/bits.c", C_SPDX, "lib/bits.c"),
    ("conditional", "lib/if.c", C_SPDX + "#ifdef DEBUG\n#endif\n", "no #if"),
    ("conditional", "lib/if.c", C_SPDX + " # if 0\n#endif\n", "no #if"),
    ("inline-asm", "vmx/asm.c", C_SPDX + 'void f(void)\n{\n\t__asm__("nop");\n}\n', "cpu/insn.h"),
    ("inline-asm", "vmx/asm.h", header("VMX_ASM_H", 'void f(void) __asm__("g");\n'), "cpu/insn.h"),
    ("function-length", "lib/long.c", C_SPDX + function("long_one", "\tx();\n" * 57), "61 lines"),
    ("function-length", "tests/host/long.c", C_SPDX + function("x", "\tx();\n" * 57), "61 lines"),
    ("function-length", "tools/long.py",
     SCRIPT_SPDX + "def long_one():\n" + "    x()\n" * 60, "61 lines"),
    ("nesting", "lib/deep.c", C_SPDX + function("deep", nested("if (1)", "for (;;)", "do", "")),
     "nests 4 deep"),
    ("nesting", "lib/deep.c",
     C_SPDX + function("deep", nested("if (1)", "else", "each(x)", "while (f(1))")), "4 deep"),
    ("parameters", "lib/many.c", C_SPDX + function("many", "", "int a, int b, int c, int d, int e, "
                                                   "int f"), "6 parameters"),
    ("file-length", "lib/big.c", C_SPDX + "\n" * 600, "601 lines"),
    ("file-length", "tools/big.py", SCRIPT_SPDX + "\n" * 600, "601 lines"),
    ("line-length", "lib/wide.c", C_SPDX + "/* " + "x" * 95 + " */\n", "101 columns"),
    ("line-length", "lib/tabs.c", C_SPDX + "\t" * 12 + "int x;\n", "102 columns"),
    ("line-length", "tools/wide.txt", "x" * 101 + "\n", "101 columns"),
    ("spdx", "lib/none.c", "int x;\n", "SPDX"),
    ("spdx", "lib/late.c", "\n" + C_SPDX, "SPDX"),
    ("spdx", "boot/none.asm", C_SPDX, "; SPDX"),
    ("spdx", "tools/none.py", "x = 1\n", "# SPDX"),
    ("spdx", "tools/script", "#!/bin/bash\nset -e\n", "# SPDX"),
    ("spdx", "guest/Makefile", "all:\n", "# SPDX"),
    ("unfinished", "lib/later.c", C_SPDX + "/* TO" "DO: later */\n", "later"),
    ("unfinished", "docs/later.md", "FIX" "ME\n", "docs/later.md:1"),
    ("unfinished", "lib/later.c", C_SPDX + "int x; /* X" "XX */\n", "later.c:2"),
    ("ascii", "lib/accent.c", C_SPDX + "/* \u00e9 */\n", "outside ASCII"),
    ("ascii", "tools/bytes.txt", "caf\udce9\n", "outside ASCII"),
    ("log-hex", "lib/hex.c", C_SPDX + LOG_LINE.format("%x"), "%#x"),
    ("log-hex", "lib/hex.c", C_SPDX + LOG_LINE.format("%lx"), "%#x"),
    ("sources", "tests/host/test_x.c", C_SPDX + "int x;\n", "SOURCES"),
    ("sources", "tests/fuzz/fuzz_x.c", C_SPDX + "\n/* SOURCES: */\n", "SOURCES"),
    ("sources", "tests/host/test_x.c", C_SPDX + "/* SOURCES: lib/none.c */\n", "lib/none.c"),
    ("allowed", "tools/check-tree-allowed.txt", "nesting vmx/vmcs.c vmcs_walk needed no more\n",
     "take the line out"),
    ("allowed", "tools/check-tree-allowed.txt", "nesting vmx/vmcs.c vmcs_walk\n", "WHY"),
]

GOOD_FILES = [
    ("lib/edge.c", C_SPDX + function("just_60", "\tx();\n" * 56)),
    ("lib/edge.c", C_SPDX + function("five", "", "int a, int b, int c, int d, int e")),
    ("lib/edge.c", C_SPDX + "\n" * 599),
    ("lib/edge.c", C_SPDX + '/* asm in a comment, #if too */\nconst char *x = "asm";\n'),
    ("lib/edge.c", C_SPDX + LOG_LINE.format("%#lx")),
    ("lib/edge.c", C_SPDX + LOG_LINE.format("%02x")),
    ("lib/edge.c", C_SPDX + LOG_LINE.format("0x%x")),
    ("lib/edge.c", C_SPDX + "int x(void) __attribute__((format(printf, 1, 2)));\n"),
    ("lib/edge.c", C_SPDX + function("literal", nested("if (1)", "if (2)", "if (3)").replace(
        "}\n", "\tf((struct x){1});\n}\n", 1))),
    ("vmx/part.c", C_SPDX + '#include "vmx/vmcs.h"\n\n#include "lib/bits.h"\n'),
    ("cpu/edge.c",
     C_SPDX + '#include "cpu/insn.h"\n#include "lib/bits.h"\n\n#include <stddef.h>\n'),
    ("tests/host/test_edge.c", C_SPDX + "/* SOURCES: lib/bits.c\n * vmx/vmcs.c */\nint x;\n"),
]


def make_tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def check(root, compilers="gcc"):
    return subprocess.run([CHECK_TREE, "--root", root, "--compilers", compilers], text=True,
                          capture_output=True, check=False, timeout=HANG_LIMIT_S)


def test_a_good_tree_passes(tmp_path):
    make_tree(tmp_path, GOOD_TREE)
    result = check(tmp_path, "gcc,clang")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path, text", GOOD_FILES, ids=range(len(GOOD_FILES)))
def test_a_file_at_the_limit_passes(tmp_path, path, text):
    make_tree(tmp_path, {**GOOD_TREE, path: text})
    result = check(tmp_path, "")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("rule, path, text, says", BAD_FILES,
                         ids=[f"{row[0]}-{i}" for i, row in enumerate(BAD_FILES)])
def test_a_bad_file_is_refused(tmp_path, rule, path, text, says):
    make_tree(tmp_path, {**GOOD_TREE, "vmx/own.h": header("VMX_OWN_H"), path: text})
    result = check(tmp_path, "gcc" if rule == "header-alone" else "")
    lines = [line for line in result.stdout.splitlines() if f": {rule}: " in line]
    assert result.returncode == 1, result.stdout + result.stderr
    assert any(line.startswith(path + ":") and says in line for line in lines), result.stdout


def test_an_allowed_function_may_be_larger(tmp_path):
    many = function("many", "", "int a, int b, int c, int d, int e, int f")
    make_tree(tmp_path, {**GOOD_TREE, "lib/many.c": C_SPDX + many,
                         "tools/check-tree-allowed.txt": "parameters lib/many.c many contract\n"})
    result = check(tmp_path, "")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_other_compiler_is_asked_too(tmp_path):
    only_gcc = header("LIB_A_H", "_Static_assert(__GNUC__ > 4, \"not clang\");\n")
    make_tree(tmp_path, {**GOOD_TREE, "lib/a.h": only_gcc})
    assert check(tmp_path, "gcc").returncode == 0
    assert "clang: " in check(tmp_path, "gcc,clang").stdout
