# SPDX-License-Identifier: MIT
# `make help` lists the targets; V=1 shows the commands.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

ifeq ($(V),1)
Q :=
say := @true
else
Q := @
say := @echo
endif

ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
LD := $(CROSS_COMPILE)ld
NM := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
SIZE := $(CROSS_COMPILE)size
NASM := nasm
HOSTCC ?= gcc

BUILD := build
LAYERS := boot exits hypercall vm vmx devices cpu lib

# The hypervisor's own code: freestanding, general registers only, so that a guest's x87, SSE and
# AVX state survives every exit.
CFLAGS := -std=c11 -ffreestanding -O2 -g -I. \
	-Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef -Wpointer-arith -Wcast-align \
	-m64 -mgeneral-regs-only -mno-red-zone -mcmodel=small -fno-pic -fno-pie \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-common -fno-strict-aliasing \
	-fno-delete-null-pointer-checks -fcf-protection=none \
	-fstack-protector-strong -mstack-protector-guard=global \
	-ffile-prefix-map=$(CURDIR)=.
ifneq ($(findstring clang,$(notdir $(CC))),)
CFLAGS += --target=x86_64-linux-gnu
endif
LDFLAGS := -m elf_x86_64 -nostdlib -static --build-id=none -z max-page-size=4096 \
	-z noexecstack --no-warn-rwx-segments --fatal-warnings
# clang-tidy reads the same flags, but for those that only gcc knows.
TIDY_FLAGS = $(CFLAGS)

ASM_OFFSETS_SOURCE := vm/asm_offsets.c
C_SOURCES := $(sort $(filter-out $(ASM_OFFSETS_SOURCE),$(wildcard $(LAYERS:%=%/*.c))))
ASM_SOURCES := $(sort $(wildcard $(LAYERS:%=%/*.asm)))
C_OBJECTS := $(C_SOURCES:%=$(BUILD)/%.o)
ASM_OBJECTS := $(ASM_SOURCES:%=$(BUILD)/%.o)
OBJECTS := $(C_OBJECTS) $(ASM_OBJECTS)
ASM_OFFSETS := $(BUILD)/asm_offsets.inc
IMAGE := $(BUILD)/trivet.elf
IMAGE_DEBUG := $(BUILD)/trivet.debug.elf
SIZE_LIMIT_BYTES := 262144

.PHONY: all build
all: build
build: $(IMAGE)

# GRUB copies every section into memory, debug information too: what boots has symbols only.
$(IMAGE): $(IMAGE_DEBUG)
	$(Q)$(OBJCOPY) --strip-debug $< $@
	$(Q)$(OBJCOPY) --strip-all $< $@.stripped
	$(Q)size=$$(wc -c <$@.stripped); rm $@.stripped; \
	echo "$@: $$size bytes without symbols (limit $(SIZE_LIMIT_BYTES))"; \
	test $$size -le $(SIZE_LIMIT_BYTES)

$(IMAGE_DEBUG): $(OBJECTS) linker.ld $(BUILD)/flags
	$(say) "LD   $@"
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -o $@ $(OBJECTS)

$(BUILD)/%.c.o: %.c $(BUILD)/flags
	$(say) "CC   $<"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/%.asm.o: %.asm $(ASM_OFFSETS) $(BUILD)/flags
	$(say) "NASM $<"
	$(Q)mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -I $(BUILD)/ -Werror -MD $(@:.o=.d) -MP -o $@ $<

# The constants that assembly shares with C: each is an array whose size is the constant plus one,
# so nm can read them for any compiler.
$(ASM_OFFSETS): $(BUILD)/$(ASM_OFFSETS_SOURCE).o
	$(say) "GEN  $@"
	$(Q)$(NM) --print-size --radix=d $< | \
	sed -n 's/^[0-9]* 0*\([0-9][0-9]*\) . asm_offset_\([A-Z0-9_]*\)$$/%define \2 (\1 - 1)/p' >$@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# Changes when a flag, a tool or the list of sources does: what it decides is built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CC) $(CFLAGS) $(NASM) $(LD) $(LDFLAGS) $(OBJECTS)' | cmp -s - $@ || \
	echo '$(CC) $(CFLAGS) $(NASM) $(LD) $(LDFLAGS) $(OBJECTS)' >$@
.PHONY: FORCE
FORCE:

-include $(OBJECTS:.o=.d) $(BUILD)/$(ASM_OFFSETS_SOURCE).d
-include guest/guest.mk
-include tests/host/host.mk

.PHONY: clean
clean:
	$(Q)rm -rf $(BUILD)
