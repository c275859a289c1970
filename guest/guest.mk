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
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-fcf-protection=none -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)=. -I.
GUEST_NASMFLAGS := -f elf64 -g -F dwarf -I.
GUEST_LDFLAGS := -nostdlib -static --gc-sections -z max-page-size=0x1000 -z noexecstack \
	--build-id=none -T guest/runtime/guest.ld

GUEST_OBJECTS := $(BUILD)/guest/objects
# The objects of the sources in a folder.
guest_objects = $(patsubst %,$(GUEST_OBJECTS)/%.o,$(wildcard $(1)/*.c $(1)/*.asm))
GUEST_RUNTIME := $(call guest_objects,guest/runtime)
GUEST_DEMO := $(call guest_objects,guest/demo)
GUEST_SHARED := $(call guest_objects,tests/guests/shared)

GUEST_FOLDERS := $(sort $(dir $(wildcard tests/guests/*/*.c tests/guests/*/*.asm)))
GUEST_FLAT_FOLDERS := $(sort $(dir $(wildcard tests/guests/*/flat_*.asm)))
GUEST_FLAT_NAMES := $(GUEST_FLAT_FOLDERS:tests/guests/%/=%)
GUEST_ELF_NAMES := $(filter-out shared $(GUEST_FLAT_NAMES),$(GUEST_FOLDERS:tests/guests/%/=%))
GUEST_IMAGES := $(GUEST_ELF_NAMES:%=$(BUILD)/guests/%.elf) \
	$(GUEST_FLAT_NAMES:%=$(BUILD)/guests/%.bin)

.PHONY: guests demo
guests: $(GUEST_IMAGES) $(BUILD)/guest/demo.elf
demo: $(BUILD)/guest/demo.elf

$(GUEST_OBJECTS)/%.c.o: %.c guest/guest.mk
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

# nasm's own list of dependencies leaves out what it finds by -I.
$(GUEST_OBJECTS)/%.asm.o: %.asm guest/guest.mk $(wildcard guest/*.inc guest/runtime/*.inc)
	@mkdir -p $(@D)
	$(NASM) $(GUEST_NASMFLAGS) -MD $(@:.o=.d) -MQ $@ -o $@ $<

# Loaders of multiboot kernels take 32-bit ELF only; the 64-bit one keeps the symbols.
$(BUILD)/guest/%.elf: $(BUILD)/guest/%.elf64
	$(OBJCOPY) --strip-all -O elf32-i386 $< $@

$(BUILD)/guests/%.elf: $(BUILD)/guests/%.elf64
	$(OBJCOPY) --strip-all -O elf32-i386 $< $@

$(BUILD)/guest/demo.elf64: $(GUEST_DEMO) $(GUEST_RUNTIME) guest/runtime/guest.ld
	$(LD) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^)

# A rule for each guest: its objects depend on its name.
define guest_elf
$(BUILD)/guests/$(1).elf64: $(call guest_objects,tests/guests/$(1)) \
		$(GUEST_SHARED) $(GUEST_RUNTIME) guest/runtime/guest.ld
	@mkdir -p $$(@D)
	$(LD) $(GUEST_LDFLAGS) -o $$@ $$(filter %.o,$$^)
endef
$(foreach name,$(GUEST_ELF_NAMES),$(eval $(call guest_elf,$(name))))

define guest_flat
$(BUILD)/guests/$(1).bin: $(wildcard tests/guests/$(1)/flat_*.asm) guest/trivet_guest.inc
	@mkdir -p $$(@D)
	$(NASM) -f bin -I. -o $$@ $$<
endef
$(foreach name,$(GUEST_FLAT_NAMES),$(eval $(call guest_flat,$(name))))

.SECONDARY: $(GUEST_ELF_NAMES:%=$(BUILD)/guests/%.elf64) $(BUILD)/guest/demo.elf64
-include $(shell test ! -d $(GUEST_OBJECTS) || find $(GUEST_OBJECTS) -name '*.d')
