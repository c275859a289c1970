/* SPDX-License-Identifier: MIT */
/* IN, OUT, INS, OUTS: unmapped ports, and the UART at 0x3f8. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

/* A port where neither we nor an emulator has a device. */
#define UNMAPPED_PORT 0x9abc
#define LAST_PORT     0xffff
#define PATTERN       0x1122334455667788ull
#define FILL          0x5a

enum { BUFFER_BYTES = 8192 + 64, REP_COUNT = 5000 };

static uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(4096)));

struct in_rule {
	const char *rule;
	const char *code;
	size_t code_size_bytes;
	uint64_t want; /* RAX, which was PATTERN. */
};

static void check_in(void)
{
	static const struct in_rule rules[] = {
		{"in_al_dx_reads_ones_and_keeps_the_rest", PROBE_CODE("\xec"), 0x11223344556677ff},
		{"in_ax_dx_reads_ones_and_keeps_the_rest", PROBE_CODE("\x66\xed"),
			0x112233445566ffff},
		{"in_eax_dx_reads_ones_and_clears_the_high_half", PROBE_CODE("\xed"), 0xffffffff},
		{"rex_w_in_eax_is_32_bits", PROBE_CODE("\x48\xed"), 0xffffffff},
		{"in_with_useless_prefixes", PROBE_CODE("\x67\x3e\xec"), 0x11223344556677ff},
		{"in_al_immediate", PROBE_CODE("\xe4\xe7"), 0x11223344556677ff},
		{"in_ax_immediate", PROBE_CODE("\x66\xe5\xe7"), 0x112233445566ffff},
		{"in_eax_immediate", PROBE_CODE("\xe5\xe7"), 0xffffffff},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		struct guest_probe probe =
			guest_probe_make(PROBE_KERNEL, rules[i].code, rules[i].code_size_bytes);

		probe.in.rax = PATTERN;
		probe.in.rdx = 0xabcd000000000000ull | UNMAPPED_PORT;
		probe.rflags_in |= RFLAGS_STATUS;
		guest_probe_run(&probe);
		report_done(rules[i].rule, &probe);
		report_equal(rules[i].rule, probe.out.rax, rules[i].want);
		report_true(rules[i].rule, guest_probe_only_rax_changed(&probe));
	}
	report_equal("last_port_reads_ones", guest_in8(LAST_PORT), 0xff);
}

static void check_out(void)
{
	static const struct fault_rule rules[] = {
		{"out_8_is_ignored", PROBE_CODE("\xee"), 0, 0, UNMAPPED_PORT, VECTOR_PROBE_END, 0},
		{"out_16_is_ignored", PROBE_CODE("\x66\xef"), 0, 0, UNMAPPED_PORT, VECTOR_PROBE_END,
			0},
		{"out_32_is_ignored", PROBE_CODE("\xef"), 0, 0, UNMAPPED_PORT, VECTOR_PROBE_END, 0},
		{"out_immediate_is_ignored", PROBE_CODE("\xe6\xe7"), 0, 0, 0, VECTOR_PROBE_END, 0},
		{"lock_out_raises_ud", PROBE_CODE("\xf0\xee"), 0, 0, UNMAPPED_PORT, VECTOR_UD, 0},
	};
	static const struct fault_rule user[] = {
		{"out_in_ring_3_raises_gp", PROBE_CODE("\xee"), 0, 0, UNMAPPED_PORT, VECTOR_GP, 0},
		{"in_in_ring_3_raises_gp", PROBE_CODE("\xec"), 0, 0, UNMAPPED_PORT, VECTOR_GP, 0},
	};
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\xec"));

	probe_rules_check(PROBE_KERNEL, rules, ARRAY_COUNT(rules));
	probe_rules_check(PROBE_USER, user, ARRAY_COUNT(user));
	probe.in.rax = 0;
	probe.in.rdx = UNMAPPED_PORT;
	probe.rflags_in |= RFLAGS_IOPL3;
	guest_probe_run(&probe);
	report_equal("in_in_ring_3_with_iopl_3_reads_ones", probe.out.rax, 0xff);
}

struct string_rule {
	const char *rule;
	const char *code;
	size_t code_size_bytes;
	uint64_t count;
	unsigned item_bytes;
	bool is_rep;
	bool is_down;
};

/* INS: fills memory with ones, RDI moves, RCX counts down. */
static void check_ins_rule(const struct string_rule *rule)
{
	const uint64_t items = rule->is_rep ? rule->count : 1;
	const uint64_t bytes = items * rule->item_bytes;
	uint8_t *start = rule->is_down ? buffer + 6000 : buffer + 16;
	uint8_t *low = rule->is_down && items > 0 ? start - (items - 1) * rule->item_bytes : start;
	struct guest_probe probe =
		guest_probe_make(PROBE_KERNEL, rule->code, rule->code_size_bytes);
	uint64_t wrong = 0;

	memset(buffer, FILL, sizeof(buffer));
	probe.in.rdx = UNMAPPED_PORT;
	probe.in.rdi = (uintptr_t)start;
	probe.in.rcx = rule->count;
	probe.rflags_in |= rule->is_down ? RFLAGS_DF : 0;
	guest_probe_run(&probe);
	report_done(rule->rule, &probe);
	report_equal(rule->rule, probe.out.rdi,
		rule->is_down ? (uintptr_t)start - bytes : (uintptr_t)start + bytes);
	report_equal(rule->rule, probe.out.rcx, rule->is_rep ? 0 : rule->count);
	report_equal(rule->rule, probe.out.rax, probe.in.rax);
	for (uint64_t i = 0; i < sizeof(buffer); i++) {
		bool is_filled = buffer + i >= low && buffer + i < low + bytes;

		wrong += buffer[i] != (is_filled ? 0xff : FILL);
	}
	report_equal(rule->rule, wrong, 0);
}

static void check_ins(void)
{
	static const struct string_rule rules[] = {
		{"insb", PROBE_CODE("\x6c"), 7, 1, false, false},
		{"insw", PROBE_CODE("\x66\x6d"), 7, 2, false, false},
		{"insd", PROBE_CODE("\x6d"), 7, 4, false, false},
		{"rep_insb", PROBE_CODE("\xf3\x6c"), 33, 1, true, false},
		{"rep_insw", PROBE_CODE("\xf3\x66\x6d"), 33, 2, true, false},
		{"rep_insd", PROBE_CODE("\xf3\x6d"), 33, 4, true, false},
		{"rep_insb_of_none", PROBE_CODE("\xf3\x6c"), 0, 1, true, false},
		{"rep_insb_across_pages", PROBE_CODE("\xf3\x6c"), REP_COUNT, 1, true, false},
		{"rep_insd_across_pages", PROBE_CODE("\xf3\x6d"), REP_COUNT / 4, 4, true, false},
		{"rep_insb_downwards", PROBE_CODE("\xf3\x6c"), 33, 1, true, true},
		{"rep_insd_downwards", PROBE_CODE("\xf3\x6d"), 33, 4, true, true},
		{"rep_insb_address_32", PROBE_CODE("\x67\xf3\x6c"), 33, 1, true, false},
		{"rex_w_rep_insd_is_32_bits", PROBE_CODE("\xf3\x48\x6d"), 9, 4, true, false},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		check_ins_rule(&rules[i]);
	}
}

/* An address where INS or OUTS must raise the #PF that any other access raises. */
static void check_string_faults(void)
{
	struct guest_probe ins = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xf3\x6c"));
	struct guest_probe outs = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x6e"));
	const uint64_t hole = UNMAPPED_PHYSICAL;

	guest_map_2m(hole, 0, 0);
	ins.in.rdx = UNMAPPED_PORT;
	ins.in.rdi = hole;
	ins.in.rcx = 4;
	guest_probe_run(&ins);
	report_fault("ins_to_a_page_that_is_not_present_raises_pf", &ins, VECTOR_PF, 2);
	report_equal("ins_pf_has_cr2", ins.cr2, hole);
	outs.in.rdx = UNMAPPED_PORT;
	outs.in.rsi = hole;
	guest_probe_run(&outs);
	report_fault("outs_from_a_page_that_is_not_present_raises_pf", &outs, VECTOR_PF, 0);
	report_equal("outs_pf_has_cr2", outs.cr2, hole);
	guest_map_2m(hole, hole, GUEST_PAGE_DEFAULT & ~GUEST_PAGE_WRITABLE);
	ins.in.rdi = hole;
	guest_write_cr0(guest_read_cr0() | 1ull << 16);
	guest_probe_run(&ins);
	guest_write_cr0(guest_read_cr0() & ~(1ull << 16));
	report_fault("ins_to_a_read_only_page_raises_pf", &ins, VECTOR_PF, 3);
	guest_map_2m(hole, hole, GUEST_PAGE_DEFAULT);
	outs.in.rsi = 0x0000800000000000ull;
	guest_probe_run(&outs);
	report_fault("outs_from_a_non_canonical_address_raises_gp", &outs, VECTOR_GP, 0);
}

static void run_outs(const char *code, size_t code_size_bytes, const char *text, uint64_t count)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, code, code_size_bytes);

	guest_print_flush();
	probe.in.rdx = GUEST_UART_PORT;
	probe.in.rsi = (uintptr_t)text;
	probe.in.rcx = count;
	guest_probe_run(&probe);
	report_done("outs_goes_on", &probe);
	report_equal("outs_moves_rsi", probe.out.rsi, (uintptr_t)text + (count != 0 ? count : 1));
}

static void check_outs(void)
{
	/* These lines pass by appearing: the test's driver counts them. */
	static const char line[] = "PASS rep_outsb_to_the_uart_appears\n";
	static const char single[] = "PASS outsb_to_the_uart_appears";

	run_outs(PROBE_CODE("\xf3\x6e"), line, sizeof(line) - 1);
	for (size_t i = 0; i < sizeof(single) - 1; i++) {
		struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x6e"));

		guest_print_flush();
		probe.in.rdx = GUEST_UART_PORT;
		probe.in.rsi = (uintptr_t)&single[i];
		guest_probe_run(&probe);
	}
	guest_printf("\n");
}

enum { UART_IER = 1, UART_IIR = 2, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5 };
enum { UART_MSR = 6, UART_SCR = 7 };
enum {
	LCR_8N1 = 0x03,
	LCR_DLAB = 0x80,
	MCR_LOOP = 0x10,
	MCR_USED = 0x03,
	IIR_FIFOS = 0xc0,
	LSR_DATA_READY = 0x01,
	LSR_TRANSMITTER = 0x60,
};

static uint8_t uart_read(unsigned offset)
{
	return guest_in8((uint16_t)(GUEST_UART_PORT + offset));
}

static void uart_write(unsigned offset, uint8_t value)
{
	guest_out8((uint16_t)(GUEST_UART_PORT + offset), value);
}

struct uart_state {
	uint8_t scratch[2];
	uint8_t divisor_low;
	uint8_t divisor_high;
	uint8_t ier_behind_divisor;
	uint8_t lcr;
	uint8_t iir_with_fifos;
	uint8_t iir_without_fifos;
	uint8_t lsr_idle;
	uint8_t ier_high;
};

/* Nothing may be printed while the divisor or the FIFOs are changed. */
static struct uart_state play_with_uart(void)
{
	struct uart_state state;

	guest_print_flush();
	uart_write(UART_SCR, 0x5a);
	state.scratch[0] = uart_read(UART_SCR);
	uart_write(UART_SCR, 0xa5);
	state.scratch[1] = uart_read(UART_SCR);
	state.lsr_idle = uart_read(UART_LSR);
	uart_write(UART_LCR, LCR_DLAB | LCR_8N1);
	state.lcr = uart_read(UART_LCR);
	uart_write(0, 0x0c);
	uart_write(1, 0x34);
	state.divisor_low = uart_read(0);
	state.divisor_high = uart_read(1);
	uart_write(0, 1);
	uart_write(1, 0);
	uart_write(UART_LCR, LCR_8N1);
	state.ier_behind_divisor = uart_read(UART_IER);
	uart_write(UART_IER, 0xf0);
	state.ier_high = uart_read(UART_IER);
	uart_write(UART_IER, 0);
	uart_write(UART_FCR, 0);
	state.iir_without_fifos = uart_read(UART_IIR);
	uart_write(UART_FCR, 0x07);
	state.iir_with_fifos = uart_read(UART_IIR);
	return state;
}

static void check_uart_registers(void)
{
	const struct uart_state state = play_with_uart();

	report_equal("uart_scratch_keeps_5a", state.scratch[0], 0x5a);
	report_equal("uart_scratch_keeps_a5", state.scratch[1], 0xa5);
	report_equal(
		"uart_transmitter_is_empty", state.lsr_idle & LSR_TRANSMITTER, LSR_TRANSMITTER);
	report_equal("uart_lcr_reads_back", state.lcr, LCR_DLAB | LCR_8N1);
	report_equal("uart_divisor_low_behind_dlab", state.divisor_low, 0x0c);
	report_equal("uart_divisor_high_behind_dlab", state.divisor_high, 0x34);
	report_equal("uart_ier_is_not_the_divisor", state.ier_behind_divisor, 0);
	report_equal("uart_ier_high_bits_read_0", state.ier_high, 0);
	report_equal("uart_iir_shows_fifos_off", state.iir_without_fifos & IIR_FIFOS, 0);
	report_equal("uart_iir_shows_fifos_on", state.iir_with_fifos & IIR_FIFOS, IIR_FIFOS);
}

static void check_uart_loop(void)
{
	uint8_t ready;
	uint8_t byte;
	uint8_t after;
	uint8_t lines;

	guest_print_flush();
	uart_write(UART_MCR, MCR_LOOP | 0x0f);
	lines = uart_read(UART_MSR);
	uart_write(0, 0x42);
	for (unsigned i = 0; i < 1000000 && (uart_read(UART_LSR) & LSR_DATA_READY) == 0; i++) {
		guest_pause();
	}
	ready = uart_read(UART_LSR);
	byte = uart_read(0);
	after = uart_read(UART_LSR);
	uart_write(UART_MCR, MCR_USED);
	report_equal("uart_loop_back_returns_the_modem_lines", lines & 0xf0, 0xf0);
	report_equal("uart_loop_back_has_data", ready & LSR_DATA_READY, LSR_DATA_READY);
	report_equal("uart_loop_back_returns_the_byte", byte, 0x42);
	report_equal("uart_data_is_taken_by_reading", after & LSR_DATA_READY, 0);
}

uint32_t guest_main(void)
{
	check_in();
	check_out();
	check_ins();
	check_string_faults();
	check_outs();
	check_uart_registers();
	check_uart_loop();
	return report_result();
}
