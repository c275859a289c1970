# SPDX-License-Identifier: MIT
# `make help` lists the targets; V=1 shows the commands.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# Quiet by default, the included files too.
ifneq ($(V),1)
.SILENT:
endif

ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
LD := $(CROSS_COMPILE)ld
NM := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
NASM := nasm
IASL := iasl

BUILD := build
LAYERS := boot exits hypercall vm vmx devices cpu lib

# The hypervisor's own code: freestanding, general registers only, so that a guest's x87, SSE and
# AVX state survives every exit.
CFLAGS := -std=c11 -ffreestanding -O2 -g -I. \
	-Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wframe-larger-than=4096 -Wundef -Wpointer-arith -Wcast-align \
	-m64 -mgeneral-regs-only -mno-red-zone -mcmodel=small -fno-pic -fno-pie \
	-fno-omit-frame-pointer -momit-leaf-frame-pointer -fno-asynchronous-unwind-tables \
	-fno-common -fno-strict-aliasing \
	-fno-delete-null-pointer-checks -fcf-protection=none \
	-fstack-protector-strong -mstack-protector-guard=global \
	-ffile-prefix-map=$(CURDIR)=.
ifneq ($(findstring clang,$(notdir $(CC))),)
CFLAGS += --target=x86_64-linux-gnu
endif
LDFLAGS := -m elf_x86_64 -nostdlib -static --build-id=none -z max-page-size=4096 \
	-z noexecstack --no-warn-rwx-segments --fatal-warnings

ASM_OFFSETS_SOURCE := vm/asm_offsets.c
# DEBUG=1 has the order of locks and the owner of the current VMCS checked, which costs time.
DEBUG ?= 0
CFLAGS += -DDEBUG_CHECKS=$(if $(filter 1,$(DEBUG)),1,0)
C_SOURCES := $(sort $(filter-out $(ASM_OFFSETS_SOURCE),\
	$(wildcard $(LAYERS:%=%/*.c))))
ASM_SOURCES := $(sort $(wildcard $(LAYERS:%=%/*.asm)))
C_OBJECTS := $(C_SOURCES:%=$(BUILD)/%.o)
ASM_OBJECTS := $(ASM_SOURCES:%=$(BUILD)/%.o)
OBJECTS := $(C_OBJECTS) $(ASM_OBJECTS)
ASM_OFFSETS := $(BUILD)/asm_offsets.inc
IMAGE := $(BUILD)/trivet.elf
IMAGE_DEBUG := $(BUILD)/trivet.debug.elf
IMAGE_STRIPPED := $(BUILD)/trivet.stripped.elf
IMAGE_SIZE_LIMIT := 524288
# Leaves out what costs most of an emulated boot: the crypto self-tests and the built-in keys.
LINUX_APPEND ?= console=ttyS0,115200 panic=-1 cryptomgr.notests mitigations=off nowatchdog audit=0 \
	selinux=0 apparmor=0 initcall_blacklist=load_system_certificate_list,init_evm
LINUX ?= 6.1
LINUX_TEST ?=
LINUX_FILES = $(BUILD)/linux-$(LINUX)
LINUX_ISO := $(BUILD)/trivet-linux.iso
# The guest's 128 MiB, what GRUB loads, and ours.
LINUX_MACHINE_MEMORY := 256M
# What the two guests of run-duo are told: without a word, a shell.
DUO_LEFT ?= trivet.test=workload,neighbours,poweroff
DUO_RIGHT ?= trivet.test=reboot
# Two processors' worth of emulated boots, several times over: less of them.
DUO_APPEND = $(LINUX_APPEND) quiet nokaslr nokprobes random.trust_cpu=on \
	initcall_blacklist=init_kprobe_trace,trace_eval_init,cubictcp_register
DUO_GUEST = -kernel $(LINUX_FILES)/vmlinuz -initrd $(LINUX_FILES)/initramfs.cpio -m 192M -vcpus 2
# A shell needs a line of its own; else each line of the log says whose it is.
DUO_SERIAL = $(if $(and $(DUO_LEFT),$(DUO_RIGHT)),console,com3)
DUO_ISO := $(BUILD)/trivet-duo.iso
# Twice the guests' 192 MiB, what GRUB loads, and ours.
DUO_MACHINE_MEMORY := 640M
ISO := $(BUILD)/trivet.iso
JOBS ?= $(shell nproc)
# What the hostile guests of `make hostile` do, all machines together.
HOSTILE_OPERATIONS ?= 10000000
# A make of our own for targets that first install what the build needs.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: all build iso run run-linux duo-iso run-duo test test-long hostile check conformance fuzz \
	bench bench-linux setup clean help
all: build ## The hypervisor: build/trivet.elf (this is the default)
build: $(IMAGE)

iso: $(ISO) ## The bootable image for BIOS and UEFI: build/trivet.iso

run: ## Sets up, builds, and boots the demo guest in the best engine at hand
	tools/setup
	$(SUBMAKE) iso
	tools/trivet boot

run-linux: ## Boots Debian's kernel to a shell, or to tests: see docs/linux.md
	tools/setup
	$(SUBMAKE) build
	tools/linux-guest build -linux $(LINUX) >/dev/null
	tools/make-iso $(IMAGE) $(LINUX_ISO) -title "Trivet: Debian's Linux $(LINUX)" \
		-kernel $(LINUX_FILES)/vmlinuz -initrd $(LINUX_FILES)/initramfs.cpio \
		-append "$(LINUX_APPEND)$(if $(LINUX_TEST), trivet.test=$(LINUX_TEST))"
	tools/trivet boot -iso $(LINUX_ISO) -m $(LINUX_MACHINE_MEMORY) -rtc utc

run-duo: ## Boots two Linux guests side by side on two processors: see docs/several-guests.md
	tools/setup
	$(SUBMAKE) duo-iso
	tools/trivet boot -iso $(DUO_ISO) -m $(DUO_MACHINE_MEMORY) -smp 2 -rtc utc

duo-iso: build
	tools/linux-guest build -linux $(LINUX) >/dev/null
	tools/make-iso $(IMAGE) $(DUO_ISO) -title "Trivet: two guests with Linux $(LINUX)" \
		-hypervisor-options guest_serial=$(DUO_SERIAL) \
		-guest left $(DUO_GUEST) -words "restart=reset manage=yes" \
		-append "$(DUO_APPEND) $(DUO_LEFT)" \
		-guest right $(DUO_GUEST) -words restart=reset \
		-append "$(DUO_APPEND) $(DUO_RIGHT)"

test: ## Sets up, builds, and runs the tests, but for the long ones
	tools/setup
	$(SUBMAKE) build iso $(if $(wildcard guest/guest.mk),guests)
	MAKE='$(SUBMAKE)' tools/run-tests

test-long: ## Runs the system tests that take too long for `make test`
	tools/setup
	$(SUBMAKE) build iso guests
	tools/run-tests long

hostile: ## A hostile guest makes HOSTILE_OPERATIONS (10,000,000) beside a victim
	tools/setup
	$(SUBMAKE) build iso guests
	HOSTILE_OPERATIONS=$(HOSTILE_OPERATIONS) tools/run-tests hostile

check: ## Format, static analysis, and the rules of the tree
	tools/setup
	tools/check

conformance: ## Compares the hypercall interface with Linux KVM's, case by case
	tools/setup
	$(SUBMAKE) build guests
	tools/conformance

fuzz: ## Runs each fuzz target for FUZZ_SECONDS (600)
	tools/setup
	$(SUBMAKE) --keep-going fuzz-long

bench: ## Measures hypercalls and other VM exits in ticks
	tools/setup
	$(SUBMAKE) build guests $(COUNT_VMCS_ACCESSES) $(MAP_CALL_WRITES)
	tools/bench

bench-linux: ## Measures what Trivet adds to the boot of Debian's kernel
	tools/setup
	$(SUBMAKE) build
	tools/bench-linux
	tools/bench-linux -smp 2

setup: ## Installs the Debian packages that are missing
	tools/setup

clean: ## Removes everything that was built
	rm -rf $(BUILD)

help: ## Lists the targets
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo '  V=1 shows the commands; CC=clang and CROSS_COMPILE=x86_64-linux-gnu- choose tools.'
	@echo '  DEBUG=1 checks the order of locks, and whose VMCS is current.'

# GRUB copies every section into memory, debug information too: what boots has symbols only.
$(IMAGE): $(IMAGE_DEBUG)
	$(OBJCOPY) --strip-debug $< $@
	$(OBJCOPY) --strip-all $< $(IMAGE_STRIPPED)
	size=$$(wc -c <$(IMAGE_STRIPPED)); \
	echo "$@: $$size bytes without symbols (limit $(IMAGE_SIZE_LIMIT))"; \
	test $$size -le $(IMAGE_SIZE_LIMIT)

$(ISO): $(IMAGE) tools/make-iso $(wildcard tools/trivet_lib/*.py)
	@echo "ISO  $@"
	tools/make-iso $(IMAGE) $@

$(IMAGE_DEBUG): $(OBJECTS) linker.ld $(BUILD)/flags
	@echo "LD   $@"
	$(LD) $(LDFLAGS) -T linker.ld -o $@ $(OBJECTS)

# What runs once, at the start, or when something has failed, is built small.
COLD := boot/% vmx/entry_% vmx/doctor% vmx/requirements% vmx/ept% vm/load% vm/linux% vm/acpi% \
	vm/multiboot% vm/elf% vm/cpuid% vm/vcpu_report% vm/msr_mtrr% hypercall/counters% \
	hypercall/policy% hypercall/guest_control% exits/mov_decode% devices/rtc% \
	devices/i8042% devices/pci% devices/acpi% \
	cpu/acpi% cpu/madt% cpu/framebuffer% cpu/text_grid% cpu/symbols% cpu/backtrace% \
	cpu/wall_clock% cpu/paging% lib/format% lib/command_line% \
	lib/choice% lib/calendar%
$(filter $(COLD:%=$(BUILD)/%),$(C_OBJECTS)): CFLAGS += -Os

$(BUILD)/%.c.o: %.c $(BUILD)/flags
	@echo "CC   $<"
	mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/%.asm.o: %.asm $(ASM_OFFSETS) $(BUILD)/flags
	@echo "NASM $<"
	mkdir -p $(@D)
	$(NASM) -f elf64 -I $(BUILD)/ -Werror -MD $(@:.o=.d) -MQ $@ -MP -o $@ $<

# The constants that assembly shares with C: each is an array whose size is the constant plus one,
# so nm can read them for any compiler.
$(ASM_OFFSETS): $(BUILD)/$(ASM_OFFSETS_SOURCE).o
	@echo "GEN  $@"
	$(NM) --print-size --radix=d $< >$@.nm
	sed -n 's/^[0-9]* 0*\([0-9]*\) . asm_offset_\([A-Z0-9_]*\)$$/%define \2 (\1 - 1)/p' \
		$@.nm >$@

# Changes when a flag, a tool or the list of sources does: what it decides is built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CC) $(CFLAGS) $(NASM) $(LD) $(LDFLAGS) $(OBJECTS)' | cmp -s - $@ || \
	echo '$(CC) $(CFLAGS) $(NASM) $(LD) $(LDFLAGS) $(OBJECTS)' >$@
.PHONY: FORCE
FORCE:

# The built-in demo guest is part of the image, as bytes.
$(BUILD)/boot/demo_image.asm.o: $(BUILD)/guest/demo.elf

# The guests' DSDT is part of the image, as bytes. The compiler's output is kept for a look at it.
$(BUILD)/vm/acpi_dsdt.asm.o: $(BUILD)/vm/dsdt.aml
$(BUILD)/vm/dsdt.aml: vm/dsdt.asl
	@echo "IASL $<"
	mkdir -p $(@D)
	$(IASL) -we -p $(basename $@) $< >$(basename $@).log 2>&1 || \
		{ cat $(basename $@).log; exit 1; }

-include $(OBJECTS:.o=.d) $(BUILD)/$(ASM_OFFSETS_SOURCE).d
-include guest/guest.mk
-include tests/host/host.mk
