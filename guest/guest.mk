# SPDX-License-Identifier: MIT
# The demo guest and the test guests. Included by the top Makefile; alone: make -f guest/guest.mk.
# A folder tests/guests/NAME gives build/guests/NAME.elf from its .c and .asm files, or, where it
# holds a flat_*.asm, the real-mode image build/guests/NAME.bin. tests/guests/shared/ goes into all.

BUILD ?= build
NASM ?= nasm
LD := $(if $(filter default,$(origin LD)),$(CROSS_COMPILE)ld,$(LD))
CC := $(if $(filter default,$(origin CC)),$(CROSS_COMPILE)gcc,$(CC))
OBJCOPY ?= $(CROSS_COMPILE)objcopy

GUEST_CFLAGS := -std=c11 -ffreestanding -O2 -g -Wall -Wextra -Werror -Wconversion \
	-Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Wpointer-arith -Wcast-align -mgeneral-regs-only -mno-red-zone -fno-pic -mcmodel=small \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fcf-protection=none \
	-fno-tree-loop-distribute-patterns -I.
GUEST_NASMFLAGS := -f elf64 -g -F dwarf -I.
GUEST_LDFLAGS := -nostdlib -static -z max-page-size=0x1000 -z noexecstack --build-id=none \
	-T guest/runtime/guest.ld

GUEST_OBJECTS := $(BUILD)/guest/objects
GUEST_RUNTIME := $(patsubst %,$(GUEST_OBJECTS)/%.o,\
	$(wildcard guest/runtime/*.c guest/runtime/*.asm))
GUEST_DEMO := $(patsubst %,$(GUEST_OBJECTS)/%.o,$(wildcard guest/demo/*.c guest/demo/*.asm))
GUEST_FLAT_NAMES := $(sort $(patsubst tests/guests/%/,%,$(dir $(wildcard tests/guests/*/flat_*.asm))))
GUEST_ELF_NAMES := $(filter-out $(GUEST_FLAT_NAMES),$(sort $(patsubst tests/guests/%/,%,\
	$(dir $(wildcard tests/guests/*/*.c tests/guests/*/*.asm)))))
GUEST_ELF_NAMES := $(filter-out shared,$(GUEST_ELF_NAMES))
GUEST_SHARED := $(patsubst %,$(GUEST_OBJECTS)/%.o,$(wildcard tests/guests/shared/*.c tests/guests/shared/*.asm))
GUEST_IMAGES := $(GUEST_ELF_NAMES:%=$(BUILD)/guests/%.elf) $(GUEST_FLAT_NAMES:%=$(BUILD)/guests/%.bin)

.PHONY: guests demo
guests: $(GUEST_IMAGES) $(BUILD)/guest/demo.elf
demo: $(BUILD)/guest/demo.elf

$(GUEST_OBJECTS)/%.c.o: %.c guest/guest.mk
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(GUEST_OBJECTS)/%.asm.o: %.asm guest/guest.mk
	@mkdir -p $(@D)
	$(NASM) $(GUEST_NASMFLAGS) -MD $(@:.o=.d) -MQ $@ -o $@ $<

# Loaders of multiboot kernels take 32-bit ELF only; the 64-bit one keeps the symbols.
$(BUILD)/%.elf: $(BUILD)/%.elf64
	$(OBJCOPY) --strip-all -O elf32-i386 $< $@

$(BUILD)/guest/demo.elf64: $(GUEST_DEMO) $(GUEST_RUNTIME) guest/runtime/guest.ld
	$(LD) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^)

.SECONDEXPANSION:
$(BUILD)/guests/%.elf64: $$(patsubst $$(percent),$(GUEST_OBJECTS)/$$(percent).o,$$(wildcard tests/guests/$$*/*.c tests/guests/$$*/*.asm)) \
		$(GUEST_SHARED) $(GUEST_RUNTIME) guest/runtime/guest.ld
	@mkdir -p $(@D)
	$(LD) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^)

$(BUILD)/guests/%.bin: $$(wildcard tests/guests/$$*/flat_*.asm) guest/trivet_guest.inc
	@mkdir -p $(@D)
	$(NASM) -f bin -I. -o $@ $<

percent := %
.SECONDARY:
-include $(shell test -d $(GUEST_OBJECTS) && find $(GUEST_OBJECTS) -name '*.d')
