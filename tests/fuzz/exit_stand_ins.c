/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/exit_stand_ins.h"

#include "boot/host_memory.h"
#include "cpu/console.h"
#include "cpu/percpu.h"
#include "cpu/trap.h"
#include "tests/fuzz/exit_machine.h"
#include "vmx/entry.h"

#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>

/* Below 2 GiB, which is within the 40 bits of the fake CPUs' physical addresses. */
#define ARENA_ADDRESS 0x10000000ul

enum { PAGE = 4096, MANAGED_GUESTS = 2 };

unsigned exit_stand_in_typed_count;

uint8_t *machine_arena(void)
{
	static uint8_t *arena;

	if (arena == NULL) {
		arena = mmap((void *)ARENA_ADDRESS, (size_t)MACHINE_ARENA_PAGES * PAGE,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			-1, 0);
		if (arena != (uint8_t *)ARENA_ADDRESS) {
			perror("mmap");
			abort();
		}
	}
	return arena;
}

void exit_stand_ins_reset(void)
{
	exit_stand_in_typed_count = 0;
}

bool exit_stand_in_typed(void *context, uint8_t *byte)
{
	(void)context;
	*byte = 'x';
	if (exit_stand_in_typed_count == 0) {
		return false;
	}
	exit_stand_in_typed_count--;
	return true;
}

void exit_stand_in_poll(void)
{
}

static unsigned control(struct vcpu *caller, unsigned operation, const char *name)
{
	(void)caller;
	(void)operation;
	return name[0] == 'b' ? 0 : TRIVET_ENOENT;
}

static size_t count(void)
{
	return MANAGED_GUESTS;
}

static bool get(size_t index, const struct vcpu *caller, struct trivet_guest_info *info)
{
	(void)caller;
	(void)info;
	return index < MANAGED_GUESTS;
}

const struct guest_manager exit_stand_in_manager = {control, count, get};

void cpu_kick(const struct cpu *cpu)
{
	(void)cpu;
	machine.kick_count++;
}

void cpu_notify_posted(const struct cpu *cpu)
{
	(void)cpu;
	machine.kick_count++;
}

void trap_external_interrupt(uint8_t vector)
{
	(void)vector;
}

void console_write(const void *bytes, size_t size_bytes)
{
	(void)bytes;
	(void)size_bytes;
}

void console_write_line(const void *bytes, size_t size_bytes)
{
	(void)bytes;
	(void)size_bytes;
}

enum status host_memory_set_guard(const void *page, bool is_guard)
{
	(void)page;
	(void)is_guard;
	return STATUS_OK;
}

void vmx_exit_entry(void)
{
}
