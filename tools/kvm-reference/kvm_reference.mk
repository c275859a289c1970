# SPDX-License-Identifier: MIT
# The runner of the reference machine: make -f tools/kvm-reference/kvm_reference.mk, at the top.
# Static: it is the only program of its machine. Loader and devices are Trivet's own files.

HOST_CC ?= gcc
REFERENCE_BUILD := build/kvm-reference
REFERENCE_FLAGS := -std=gnu11 -O2 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -I. -MMD -MP
REFERENCE_SOURCES := $(wildcard tools/kvm-reference/*.c) devices/acpi_pm.c devices/debug_exit.c \
	devices/uart16550.c lib/format.c lib/tick_rate.c \
	vm/elf32.c vm/guest_console.c vm/guest_memory.c \
	vm/load_multiboot.c vm/load_plan.c vm/memory_layout.c \
	vm/multiboot1_header.c vm/multiboot1_info.c
REFERENCE_OBJECTS := $(REFERENCE_SOURCES:%.c=$(REFERENCE_BUILD)/%.o)

$(REFERENCE_BUILD)/runner: $(REFERENCE_OBJECTS)
	$(HOST_CC) -static -s -o $@ $^

$(REFERENCE_BUILD)/%.o: %.c tools/kvm-reference/kvm_reference.mk
	@mkdir -p $(@D)
	$(HOST_CC) $(REFERENCE_FLAGS) -c -o $@ $<

-include $(REFERENCE_OBJECTS:.o=.d)
