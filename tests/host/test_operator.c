/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/operator.c vm/vcpu_post.c vm/posted_interrupts.c vm/guest_input.c
 * devices/uart16550.c lib/status.c */
#include "boot/operator.h"

#include "cpu/console.h"
#include "cpu/pic8259_host.h"
#include "cpu/serial.h"
#include "fake_log.h"
#include "fake_scheduler.h"
#include "vm/scheduler.h"
#include "vm/vcpu_posted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VMS = 2, LINE_PORT = 0x2f8, LINE_IRQ = 3, SENT_MAX = 64, KEYS_MAX = 16 };

/* --- The machine --- */

static const char *typed_on_console;
static const char *typed_on_line;
static char sent[SENT_MAX];
static size_t sent_count;
static unsigned ask_count;
static unsigned opened_irq;
static enum status serial_status;
static void (*console_waits)(void);
static unsigned keep_count;

bool console_read(uint8_t *byte)
{
	if (*typed_on_console == '\0') {
		return false;
	}
	*byte = (uint8_t)*typed_on_console++;
	return true;
}

enum status console_listen(void)
{
	return STATUS_OK;
}

void console_set_waiting(void (*while_waiting)(void))
{
	console_waits = while_waiting;
}

void serial_keep(struct serial_port *port)
{
	assert_int_equal(port->base, LINE_PORT);
	keep_count++;
}

enum status serial_init(struct serial_port *port, uint16_t base, uint32_t speed)
{
	(void)speed;
	assert_int_equal(base, LINE_PORT);
	port->base = serial_status == STATUS_OK ? base : 0;
	return serial_status;
}

enum status serial_listen(struct serial_port *port, unsigned *irq)
{
	(void)port;
	*irq = LINE_IRQ;
	return STATUS_OK;
}

bool serial_read(struct serial_port *port, uint8_t *byte)
{
	assert_int_equal(port->base, LINE_PORT);
	if (*typed_on_line == '\0') {
		return false;
	}
	*byte = (uint8_t)*typed_on_line++;
	return true;
}

void serial_write(struct serial_port *port, const void *bytes, size_t size_bytes)
{
	assert_int_equal(port->base, LINE_PORT);
	assert_true(sent_count + size_bytes < SENT_MAX);
	memcpy(sent + sent_count, bytes, size_bytes);
	sent_count += size_bytes;
}

void serial_drain(struct serial_port *port)
{
	(void)port;
}

void pic8259_host_set_mask(unsigned irq, bool is_masked)
{
	opened_irq = is_masked ? 0 : irq;
}

struct scheduler *scheduler_of(unsigned cpu_index)
{
	static struct scheduler scheduler;

	assert_int_equal(cpu_index, 0);
	return &scheduler;
}

void scheduler_ask_loop(struct scheduler *scheduler)
{
	assert_ptr_equal(scheduler, scheduler_of(0));
	ask_count++;
}

/* --- The guests --- */

struct fixture {
	struct vm vms[VMS];
	struct vcpu vcpus[VMS];
};

static int set_up(void **state)
{
	struct fixture *f = aligned_alloc(_Alignof(struct fixture), sizeof(*f));

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	fake_log_clear();
	fake_scheduler_clear();
	typed_on_console = "";
	typed_on_line = "";
	memset(sent, 0, sizeof(sent));
	sent_count = 0;
	ask_count = 0;
	for (unsigned i = 0; i < VMS; i++) {
		f->vms[i].vcpus[0] = &f->vcpus[i];
		f->vms[i].vcpu_count = 1;
		f->vms[i].console.name = "vm";
		f->vcpus[i].vm = &f->vms[i];
		guest_input_init(&f->vms[i].input, &f->vms[i].uart);
		operator_add(&f->vms[i]);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char key;

	for (unsigned i = 0; i < VMS; i++) {
		operator_remove(&f->vms[i]);
	}
	while (operator_take_key(&key)) {
	}
	free(f);
	return 0;
}

/* What the guest's UART gets. */
static const char *input_of(struct vm *vm)
{
	static char bytes[64];
	size_t count = 0;
	uint8_t byte;

	while (count < sizeof(bytes) - 1 && vm->input.take(vm->input.context, &byte)) {
		bytes[count++] = (char)byte;
	}
	bytes[count] = '\0';
	return bytes;
}

static const char *keys(void)
{
	static char bytes[KEYS_MAX + 1];
	size_t count = 0;

	while (count < KEYS_MAX && operator_take_key(&bytes[count])) {
		count++;
		operator_poll();
	}
	bytes[count] = '\0';
	return bytes;
}

static void type(const char *text)
{
	typed_on_console = text;
	operator_poll();
}

/* --- The console --- */

static void the_first_guest_gets_what_is_typed(void **state)
{
	struct fixture *f = *state;

	assert_ptr_equal(operator_selected(), &f->vms[0]);
	type("cr\x02 h\r");
	assert_string_equal(input_of(&f->vms[1]), "");
	assert_string_equal(input_of(&f->vms[0]), "cr\x02 h\r");
	assert_string_equal(keys(), "");
	assert_int_equal(ask_count, 0);
}

static void its_bootstrap_processor_is_told(void **state)
{
	struct fixture *f = *state;

	type("");
	assert_false(vcpu_has_posted(&f->vcpus[0]));
	type("x");
	assert_int_equal(f->vcpus[0].posted.requests, POSTED_REQUEST_INPUT);
	assert_false(vcpu_has_posted(&f->vcpus[1]));
	assert_ptr_equal(fake_scheduler.notified, &f->vcpus[0]);
}

static void keys_behind_ctrl_a_do_not_reach_the_guest(void **state)
{
	struct fixture *f = *state;

	type("a\x01"
	     "cb\x01"
	     "r\x01"
	     "rd");
	/* What stands behind a key waits until that has been obeyed. */
	assert_string_equal(input_of(&f->vms[0]), "a");
	assert_true(ask_count > 0);
	assert_string_equal(keys(), "crr");
	assert_string_equal(input_of(&f->vms[0]), "bd");
}

static void ctrl_a_twice_is_one_for_the_guest(void **state)
{
	struct fixture *f = *state;

	type("\x01\x01"
	     "c");
	assert_string_equal(input_of(&f->vms[0]), "\x01"
						  "c");
	assert_string_equal(keys(), "");
}

static void a_key_may_come_later_than_its_prefix(void **state)
{
	struct fixture *f = *state;

	type("x\x01");
	type("cy");
	assert_string_equal(keys(), "c");
	assert_string_equal(input_of(&f->vms[0]), "xy");
}

static void keys_are_found_while_a_guest_reads(void **state)
{
	struct fixture *f = *state;

	typed_on_console = "a\x01"
			   "n";
	assert_string_equal(input_of(&f->vms[0]), "a");
	assert_true(ask_count > 0);
	assert_string_equal(keys(), "n");
}

static void a_selected_guest_gets_what_is_typed_from_then_on(void **state)
{
	struct fixture *f = *state;

	type("a");
	operator_select(&f->vms[1]);
	type("b");
	assert_string_equal(input_of(&f->vms[0]), "a");
	assert_string_equal(input_of(&f->vms[1]), "b");
	/* One that has not the input takes nothing off the line. */
	typed_on_console = "c";
	assert_string_equal(input_of(&f->vms[0]), "");
	assert_string_equal(typed_on_console, "c");
	operator_poll();
	assert_string_equal(input_of(&f->vms[1]), "c");
}

static void with_nobody_selected_keys_work_and_the_rest_is_nobodys(void **state)
{
	struct fixture *f = *state;

	operator_remove(&f->vms[0]);
	assert_null(operator_selected());
	type("ab\x01"
	     "S");
	assert_string_equal(typed_on_console, "");
	assert_string_equal(keys(), "S");
	assert_string_equal(input_of(&f->vms[0]), "");
}

static void the_removal_of_another_leaves_the_input(void **state)
{
	struct fixture *f = *state;

	operator_remove(&f->vms[1]);
	assert_ptr_equal(operator_selected(), &f->vms[0]);
}

/* The keys come on the same line: it is not held. */
static void what_the_queue_has_no_room_for_is_lost_and_said_once(void **state)
{
	struct fixture *f = *state;

	while (fifo_put(&f->vms[0].input.waiting, 'w')) {
	}
	type("ab\x01"
	     "s");
	assert_string_equal(typed_on_console, "");
	assert_string_equal(keys(), "s");
	assert_non_null(strstr(fake_log_text(), "does not read what is typed"));
	fake_log_clear();
	type("c");
	assert_string_equal(fake_log_text(), "");
}

/* It would keep its CPU from sleeping. */
static void a_guest_that_does_not_read_is_told_once_for_a_byte(void **state)
{
	struct fixture *f = *state;

	type("x");
	assert_int_equal(fake_scheduler.notify_count, 1);
	f->vcpus[0].posted.requests = 0;
	operator_poll();
	assert_int_equal(fake_scheduler.notify_count, 1);
	type("y");
	assert_int_equal(fake_scheduler.notify_count, 2);
}

static void a_guest_without_processors_is_not_told(void **state)
{
	struct fixture *f = *state;

	f->vms[0].vcpu_count = 0;
	type("x");
	assert_int_equal(fake_scheduler.notify_count, 0);
}

static void without_a_line_a_guest_writes_to_the_console(void **state)
{
	struct fixture *f = *state;

	assert_null(f->vms[0].console.raw_byte);
	assert_null(f->vms[1].console.raw_byte);
}

/* --- The guests' line: open from here on --- */

static void open_line(struct fixture *f)
{
	const struct options options = {.guest_serial = {LINE_PORT, SERIAL_SPEED_DEFAULT}};

	serial_status = STATUS_OK;
	operator_start(&options);
	for (unsigned i = 0; i < VMS; i++) {
		operator_add(&f->vms[i]);
	}
}

static void a_line_that_is_not_there_is_said(void **state)
{
	struct fixture *f = *state;
	const struct options options = {.guest_serial = {LINE_PORT, SERIAL_SPEED_DEFAULT}};

	serial_status = STATUS_NOT_FOUND;
	operator_start(&options);
	assert_non_null(strstr(fake_log_text(), "no serial port for the guests port=0x2f8"));
	operator_add(&f->vms[0]);
	assert_null(f->vms[0].console.raw_byte);
}

static void the_line_may_interrupt(void **state)
{
	open_line(*state);
	assert_int_equal(opened_irq, LINE_IRQ);
}

static void the_raw_line_belongs_to_the_guest_with_the_input(void **state)
{
	struct fixture *f = *state;

	open_line(f);
	assert_true(f->vms[0].console.raw_byte(f->vms[0].console.context, 'a'));
	assert_false(f->vms[1].console.raw_byte(f->vms[1].console.context, 'b'));
	operator_select(&f->vms[1]);
	assert_false(f->vms[0].console.raw_byte(f->vms[0].console.context, 'c'));
	assert_true(f->vms[1].console.raw_byte(f->vms[1].console.context, 'd'));
	assert_string_equal(sent, "ad");
}

/* A line of the guests' own is held, while nobody reads it and while nobody has it. */
static void what_the_queue_has_no_room_for_stays_on_a_line_of_its_own(void **state)
{
	struct fixture *f = *state;
	uint8_t byte;

	open_line(f);
	while (fifo_put(&f->vms[0].input.waiting, 'w')) {
	}
	typed_on_line = "ab";
	operator_poll();
	assert_string_equal(typed_on_line, "ab");
	assert_true(fifo_take(&f->vms[0].input.waiting, &byte));
	operator_poll();
	assert_string_equal(typed_on_line, "b");
	/* The guest itself makes room. */
	assert_true(f->vms[0].input.take(&f->vms[0], &byte));
	assert_true(f->vms[0].input.take(&f->vms[0], &byte));
	assert_string_equal(typed_on_line, "");
	operator_select(NULL);
	typed_on_line = "c";
	operator_poll();
	assert_string_equal(typed_on_line, "c");
	operator_select(&f->vms[1]);
	operator_poll();
	assert_string_equal(input_of(&f->vms[1]), "c");
}

/* Its 16 bytes would run over while a long line of the console leaves. */
static void the_line_is_kept_while_the_console_waits(void **state)
{
	open_line(*state);
	assert_non_null(console_waits);
	keep_count = 0;
	console_waits();
	assert_int_equal(keep_count, 1);
}

static void a_guest_with_a_line_gets_nothing_from_the_console(void **state)
{
	struct fixture *f = *state;

	open_line(f);
	typed_on_line = "li\x01ne";
	type("abc\x01"
	     "c");
	assert_string_equal(typed_on_console, "");
	assert_string_equal(input_of(&f->vms[0]), "li\x01ne");
	assert_string_equal(keys(), "c");
}

/* What is typed on the console is not for the guest: its queue holds nothing of it up. */
static void keys_work_while_a_guest_with_a_line_does_not_read(void **state)
{
	struct fixture *f = *state;

	open_line(f);
	while (fifo_put(&f->vms[0].input.waiting, 'w')) {
	}
	type("\x01"
	     "s");
	assert_string_equal(keys(), "s");
}

#define WITH_GUESTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* First of all: nobody has begun. */
static void before_the_begin_all_waits_on_the_line(void **state)
{
	struct fixture *f = *state;

	type("early");
	assert_string_equal(typed_on_console, "early");
	operator_begin();
	operator_poll();
	assert_string_equal(input_of(&f->vms[0]), "early");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GUESTS(before_the_begin_all_waits_on_the_line),
		WITH_GUESTS(the_first_guest_gets_what_is_typed),
		WITH_GUESTS(its_bootstrap_processor_is_told),
		WITH_GUESTS(keys_behind_ctrl_a_do_not_reach_the_guest),
		WITH_GUESTS(ctrl_a_twice_is_one_for_the_guest),
		WITH_GUESTS(a_key_may_come_later_than_its_prefix),
		WITH_GUESTS(keys_are_found_while_a_guest_reads),
		WITH_GUESTS(a_selected_guest_gets_what_is_typed_from_then_on),
		WITH_GUESTS(with_nobody_selected_keys_work_and_the_rest_is_nobodys),
		WITH_GUESTS(the_removal_of_another_leaves_the_input),
		WITH_GUESTS(what_the_queue_has_no_room_for_is_lost_and_said_once),
		WITH_GUESTS(a_guest_that_does_not_read_is_told_once_for_a_byte),
		WITH_GUESTS(a_guest_without_processors_is_not_told),
		WITH_GUESTS(without_a_line_a_guest_writes_to_the_console),
		WITH_GUESTS(a_line_that_is_not_there_is_said),
		WITH_GUESTS(the_line_may_interrupt),
		WITH_GUESTS(the_raw_line_belongs_to_the_guest_with_the_input),
		WITH_GUESTS(what_the_queue_has_no_room_for_stays_on_a_line_of_its_own),
		WITH_GUESTS(the_line_is_kept_while_the_console_waits),
		WITH_GUESTS(a_guest_with_a_line_gets_nothing_from_the_console),
		WITH_GUESTS(keys_work_while_a_guest_with_a_line_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
