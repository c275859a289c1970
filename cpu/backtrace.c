/* SPDX-License-Identifier: MIT */
#include "cpu/backtrace.h"

#include "cpu/image.h"
#include "cpu/log.h"
#include "cpu/paging_walk.h"
#include "cpu/symbols.h"
#include "lib/bits.h"

enum {
	FRAMES_MAX = 24,
	FRAME_SIZE_MAX = 64 * 1024,
};

/* What `push rbp; mov rbp, rsp` leaves on the stack. */
struct stack_frame {
	uint64_t caller_rbp;
	uint64_t return_address;
};

static bool is_readable(uint64_t rbp)
{
	return is_aligned(rbp, sizeof(uint64_t)) &&
	       paging_is_readable(rbp, sizeof(struct stack_frame));
}

/* A call that never returns may be the last instruction of its function. */
static void log_line(unsigned number, uint64_t address, bool is_return_address)
{
	uint64_t back = is_return_address ? 1 : 0;
	struct symbols_name symbol = symbols_lookup(address - back);

	if (symbol.name == NULL) {
		log_error("backtrace", "#%u %#llx", number, (unsigned long long)address);
		return;
	}
	log_error("backtrace", "#%u %#llx %s+%#llx", number, (unsigned long long)address,
		symbol.name, (unsigned long long)(symbol.offset + back));
}

void backtrace_log(uint64_t rip, uint64_t rbp, bool is_return_address)
{
	log_line(0, rip, is_return_address);
	for (unsigned number = 1; number < FRAMES_MAX && is_readable(rbp); number++) {
		const struct stack_frame *frame = hpa_pointer(hpa(rbp));
		uint64_t caller = frame->caller_rbp;
		uint64_t address = frame->return_address;

		if (address < (uintptr_t)text_start || address >= (uintptr_t)text_end) {
			return;
		}
		log_line(number, address, true);
		/* Stacks grow down, so callers' frames lie higher. */
		if (caller <= rbp || caller - rbp > FRAME_SIZE_MAX) {
			return;
		}
		rbp = caller;
	}
}
