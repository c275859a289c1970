# SPDX-License-Identifier: MIT
"""tools/setup: complete, quick when there is nothing to do, clear when apt fails."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import TOP

SETUP = TOP / "tools" / "setup"

TOOLS = """
bochs clang clang-format clang-tidy cppcheck gcc grub-mkrescue grub-script-check iasl ld lld
llvm-symbolizer make mcopy mformat nasm objcopy qemu-system-x86_64 unshare xorriso
""".split()

FILES = """
/bin/busybox
/usr/include/cmocka.h
/usr/lib/grub/i386-pc/multiboot2.mod
/usr/lib/grub/x86_64-efi/multiboot2.mod
/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a
/usr/lib/python3/dist-packages/_pytest/__init__.py
/usr/lib/python3/dist-packages/xdist/__init__.py
/usr/share/bochs/BIOS-bochs-latest
/usr/share/ovmf/OVMF.fd
/usr/share/seabios/vgabios-stdvga.bin
""".split()


def listed_packages() -> set[str]:
    lines = (TOP / "tools" / "packages.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def owners(path: str) -> set[str]:
    """The packages that own the file, or what it is a link to."""
    found = set()
    for name in {path, os.path.realpath(path)}:
        for variant in (name, name.removeprefix("/usr")):
            result = subprocess.run(["dpkg-query", "-S", variant], capture_output=True, text=True,
                                    check=False)
            found |= {line.split(":")[0] for line in result.stdout.splitlines()}
    return found


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_comes_with_a_listed_package(tool):
    path = shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert path is not None
    assert owners(path) & listed_packages(), owners(path)


@pytest.mark.parametrize("path", FILES)
def test_every_file_comes_with_a_listed_package(path):
    assert owners(path) & listed_packages(), owners(path)


def children_processor_s() -> float:
    """The processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_nothing_to_do_takes_less_than_a_second():
    begin = children_processor_s()
    result = subprocess.run([SETUP], capture_output=True, text=True, check=True)
    assert children_processor_s() - begin < 1
    assert result.stdout + result.stderr == ""


@pytest.fixture
def fake(tmp_path):
    """A computer of shell scripts: dpkg-query knows what `installed` says, apt-get writes down its
    arguments and installs, sudo writes down that it was asked."""
    def script(name: str, text: str) -> None:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\ncd '{tmp_path}'\n{text}\n")
        path.chmod(0o755)

    (tmp_path / "installed").write_text("".join(
        f"installed={name} " for name in listed_packages() - {"nasm"}))
    script("id", "echo 0")
    script("sudo", 'echo "$@" >>sudo.calls; exec "$@"')
    script("dpkg-query", "cat installed")
    script("apt-get", 'echo "$DEBIAN_FRONTEND $*" >>apt.calls\n'
                      'for one; do echo -n "installed=$one " >>installed; done')
    script.directory = tmp_path
    return script


def run_setup(fake) -> subprocess.CompletedProcess:
    binaries: Path = fake.directory / "bin"
    return subprocess.run([SETUP], capture_output=True, text=True, check=False,
                          env={"PATH": f"{binaries}:/usr/bin:/bin"})


def test_only_what_is_missing_is_installed(fake):
    result = run_setup(fake)
    assert result.returncode == 0, result.stderr
    update, install = (fake.directory / "apt.calls").read_text().splitlines()
    assert update.startswith("noninteractive ") and update.endswith(" update")
    assert install.startswith("noninteractive ")
    assert install.endswith(" install -y --no-install-recommends nasm")
    assert "DPkg::Lock::Timeout=" in install
    assert not (fake.directory / "sudo.calls").exists()


def test_user_who_is_not_root_goes_through_sudo(fake):
    fake("id", "echo 1000")
    assert run_setup(fake).returncode == 0
    assert len((fake.directory / "sudo.calls").read_text().splitlines()) == 2


def test_failing_list_update_does_not_stop_the_install(fake):
    fake("apt-get", '[[ $* != *update* ]] || { echo "no network" >&2; exit 100; }\n'
                    'for one; do echo -n "installed=$one " >>installed; done')
    result = run_setup(fake)
    assert result.returncode == 0
    assert "warning" in result.stderr and "no network" in result.stderr


@pytest.mark.parametrize("apt", ["exit 100", "exit 0"])
def test_failing_install_is_an_error_that_names_the_packages(fake, apt):
    fake("apt-get", apt)
    result = run_setup(fake)
    assert result.returncode == 1
    assert "setup: error: " in result.stderr and "nasm" in result.stderr


def test_update_waits_for_another_apt(fake):
    fake("sleep", "true")
    fake("apt-get", 'echo x >>tries\n'
                    'if [[ $* == *update* && $(wc -l <tries) -lt 3 ]]; then\n'
                    'echo "E: Could not get lock /var/lib/apt/lists/lock." >&2; exit 100; fi\n'
                    'for one; do echo -n "installed=$one " >>installed; done')
    result = run_setup(fake)
    assert result.returncode == 0 and "warning" not in result.stderr
    assert len((fake.directory / "tries").read_text().splitlines()) == 4
