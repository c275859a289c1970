/* SPDX-License-Identifier: MIT */
#include "tests/guests/self_check/self_check_state.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"

enum { WORDS = 1 << 15, WORDS_AT_ONCE = 1 << 9, SELECTOR_SHIFT = 16 };

#define WORD_STEP 0x9e3779b97f4a7c15ull

uint64_t self_check_registers(uint64_t rounds, uint64_t pattern);

static const uint32_t checked_msrs[] = {
	0xc0000080, /* IA32_EFER */
	0xc0000082, /* IA32_LSTAR */
	0x00000175, /* IA32_SYSENTER_ESP */
	0x00000277, /* IA32_PAT */
	0xc0000101, /* IA32_GS_BASE */
};
/* Those of them that a processor fills with a value of its own. */
enum { MSR_LSTAR = 1, MSR_SYSENTER_ESP = 2 };

_Static_assert(sizeof(checked_msrs) / sizeof(checked_msrs[0]) ==
		       sizeof(((struct self_check_state *)0)->msrs) / sizeof(uint64_t),
	"one value for each");

static uint64_t words[WORDS];

void self_check_fill_memory(void)
{
	for (uint64_t i = 0; i < WORDS; i++) {
		words[i] = i * WORD_STEP;
	}
}

static struct self_check_state read_state(void)
{
	struct self_check_state state;

	memset(&state, 0, sizeof(state));
	state.control[0] = guest_read_cr0();
	state.control[1] = guest_read_cr3();
	state.control[2] = guest_read_cr4();
	state.debug[0] = guest_read_dr0();
	state.debug[1] = guest_read_dr7();
	for (unsigned i = 0; i < sizeof(checked_msrs) / sizeof(checked_msrs[0]); i++) {
		state.msrs[i] = guest_rdmsr(checked_msrs[i]);
	}
	state.gdt = guest_sgdt().base;
	state.idt = guest_sidt().base;
	state.selectors = (uint32_t)guest_read_cs() << SELECTOR_SHIFT | guest_read_ss();
	return state;
}

void self_check_begin(struct self_check_state *state)
{
	const uint64_t own = 0x1000 * (guest_cpu_self()->index + 1ull);

	guest_write_dr0(own);
	guest_wrmsr(checked_msrs[MSR_LSTAR], own);
	guest_wrmsr(checked_msrs[MSR_SYSENTER_ESP], own);
	*state = read_state();
}

/* A part of it at each call: all of it takes longer than many guests live. */
static bool is_memory_whole(void)
{
	static atomic_uint next;
	const uint64_t first = atomic_fetch_add(&next, WORDS_AT_ONCE) % WORDS;
	uint64_t wrong = 0;

	for (uint64_t i = first; i < first + WORDS_AT_ONCE; i++) {
		wrong |= words[i] ^ i * WORD_STEP;
	}
	return wrong == 0;
}

bool self_check_passes(const struct self_check_state *state, uint64_t rounds)
{
	const uint64_t pattern = guest_rdtsc() ^ (uintptr_t)state;
	const bool are_registers_whole = self_check_registers(rounds, pattern) == 0;
	const struct self_check_state now = read_state();

	return are_registers_whole && memcmp(&now, state, sizeof(now)) == 0 && is_memory_whole();
}
