/* SPDX-License-Identifier: MIT */
#include "cpu/panic.h"

#include "cpu/backtrace.h"
#include "cpu/console.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/percpu.h"
#include "lib/format.h"

enum {
	MESSAGE_SIZE_BYTES = 224,
	DEPTH_MAX = 2,
};

static panic_end_function *end_function;
static struct cpu *panicking; /* The first to panic: the others stop. */
static unsigned depth;        /* Its own. */

_Noreturn static void stop(void)
{
	for (;;) {
		insn_cli();
		insn_hlt();
	}
}

void panic_set_end(panic_end_function *end)
{
	end_function = end;
}

void panic_stop_if_elsewhere(void)
{
	const struct cpu *first = __atomic_load_n(&panicking, __ATOMIC_ACQUIRE);

	if (first != NULL && first != this_cpu()) {
		stop();
	}
}

void panic_enter(void)
{
	struct cpu *nobody = NULL;

	if (__atomic_compare_exchange_n(
		    &panicking, &nobody, this_cpu(), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		console_break_lock();
		cpu_send_nmi_to_others();
		if (cpu_count() > 1) {
			log_error("panic", "on processor %u apic_id=%u; the others stop",
				this_cpu()->index, this_cpu()->apic_id);
		}
	}
	panic_stop_if_elsewhere();
	if (__atomic_add_fetch(&depth, 1, __ATOMIC_RELAXED) > DEPTH_MAX) {
		stop();
	}
}

unsigned panic_depth(void)
{
	return __atomic_load_n(&depth, __ATOMIC_RELAXED);
}

_Noreturn void panic_end(void)
{
	panic_end_function *end = __atomic_exchange_n(&end_function, NULL, __ATOMIC_RELAXED);

	if (end != NULL) {
		end(PANIC_END_STATUS);
	}
	log_info("trivet", "end status=%u", (unsigned)PANIC_END_STATUS);
	console_drain();
	stop();
}

_Noreturn void panic(const char *template, ...)
{
	char message[MESSAGE_SIZE_BYTES];
	va_list args;

	panic_enter();
	va_start(args, template);
	(void)vformat(message, sizeof(message), template, args);
	va_end(args);
	log_error("panic", "%s", message);
	if (panic_depth() == 1) {
		const uint64_t *own_frame = hpa_pointer(hpa(insn_read_rbp()));

		backtrace_log((uintptr_t)__builtin_return_address(0), own_frame[0], true);
	}
	panic_end();
}

/* The compiler's stack protector calls this when a canary has changed. */
_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void)
{
	panic("stack overflow: a canary has changed");
}
