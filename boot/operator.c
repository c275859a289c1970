/* SPDX-License-Identifier: MIT */
#include "boot/operator.h"

#include "cpu/console.h"
#include "cpu/log.h"
#include "cpu/pic8259_host.h"
#include "cpu/serial.h"
#include "cpu/spinlock.h"
#include "vm/scheduler.h"
#include "vm/vcpu_posted.h"

enum {
	KEY_PREFIX = 0x01, /* Ctrl-A. */
	KEY_NONE = 0,
};

/* Guarded by the lock, but for the guests' line, which has its own. */
static struct {
	struct spinlock lock;
	struct vm *selected;
	bool is_begun;
	bool is_overrun;
	bool is_after_prefix;
	uint8_t key; /* It is still to be obeyed. */
} operator= {
	.lock = SPINLOCK_INIT(LOCK_RANK_INPUT),
};

/* Guards the port. */
static struct spinlock line_lock = SPINLOCK_INIT(LOCK_RANK_LINE);
static struct serial_port line_port;
static bool is_line_open;

/* --- The guests' line --- */

static bool line_read(uint8_t *byte)
{
	bool is_read;

	spin_lock(&line_lock);
	is_read = serial_read(&line_port, byte);
	spin_unlock(&line_lock);
	return is_read;
}

static bool line_write(void *context, uint8_t byte)
{
	if (__atomic_load_n(&operator.selected, __ATOMIC_RELAXED) != context) {
		return false;
	}
	spin_lock(&line_lock);
	serial_write(&line_port, &byte, sizeof(byte));
	spin_unlock(&line_lock);
	return true;
}

/* While the console's bytes leave, the guests' come: no more than 16 wait in the port. Who holds
 * the lock looks after it. */
static void keep_line(void)
{
	if (spin_try_lock(&line_lock)) {
		serial_keep(&line_port);
		spin_unlock(&line_lock);
	}
}

static void open_line(const struct options_serial *serial)
{
	unsigned irq;

	if (serial->base == 0) {
		return;
	}
	if (serial_init(&line_port, serial->base, serial->speed) != STATUS_OK) {
		log_warn("boot", "no serial port for the guests port=%#x: their lines come here",
			serial->base);
		return;
	}
	is_line_open = true;
	if (serial_listen(&line_port, &irq) == STATUS_OK) {
		pic8259_host_set_mask(irq, false);
		console_set_waiting(keep_line);
	} else {
		log_warn("boot", "nothing typed on the guests' serial port arrives port=%#x",
			serial->base);
	}
}

void operator_start(const struct options *options)
{
	if (console_listen() != STATUS_OK) {
		log_warn("boot", "no console to type on");
	}
	open_line(&options->guest_serial);
}

void operator_begin(void)
{
	spin_lock(&operator.lock);
	operator.is_begun = true;
	spin_unlock(&operator.lock);
}

void operator_drain(void)
{
	serial_drain(&line_port);
}

/* --- What is typed --- */

/* Returns true for a byte of the console that is the guest's, false for one of a key's. */
static bool is_for_guest(uint8_t byte)
{
	const bool is_key = operator.is_after_prefix;

	operator.is_after_prefix = !is_key && byte == KEY_PREFIX;
	if (operator.is_after_prefix) {
		return false;
	}
	if (is_key && byte != KEY_PREFIX) {
		operator.key = byte;
		return false;
	}
	return true;
}

static bool has_room(void)
{
	return operator.selected != NULL && !fifo_is_full(&operator.selected->input.waiting);
}

/* What is typed on the console to no guest, or faster than the guest reads, is lost: a line that is
 * held would hold the keys too. */
static void give_to_guest(uint8_t byte)
{
	if (operator.selected != NULL && !fifo_put(&operator.selected->input.waiting, byte) &&
		!operator.is_overrun) {
		operator.is_overrun = true;
		log_warn(operator.selected->console.name,
			"does not read what is typed: what comes behind %u bytes is lost",
			GUEST_INPUT_BYTES);
	}
}

static void take_from_console(void)
{
	uint8_t byte;

	/* What stands behind a key may be for the guest to which that gives the input. With a line
	 * of its own a guest gets nothing from the console. */
	while (operator.key == KEY_NONE && console_read(&byte)) {
		if (is_for_guest(byte) && !is_line_open) {
			give_to_guest(byte);
		}
	}
}

/* What there is no room for stays on the lines; as does all that is typed before
 * operator_begin(). */
static void take_typed(void)
{
	uint8_t byte;

	if (operator.is_begun) {
		take_from_console();
	}
	while (is_line_open && has_room() && line_read(&byte)) {
		give_to_guest(byte);
	}
}

static void tell_of_key(bool is_there)
{
	if (is_there) {
		scheduler_ask_loop(scheduler_of(0));
	}
}

void operator_poll(void)
{
	struct vm *vm;
	size_t put_before;
	bool is_key_there;
	bool is_typed_to;

	spin_lock(&operator.lock);
	vm = operator.selected;
	put_before = vm != NULL ? vm->input.waiting.put : 0;
	take_typed();
	is_key_there = operator.key != KEY_NONE;
	/* Who has been told already, and does not read, is not told again. */
	is_typed_to = vm != NULL && vm->input.waiting.put != put_before;
	spin_unlock(&operator.lock);
	tell_of_key(is_key_there);
	/* A guest ends on this CPU alone: it is still there. */
	if (is_typed_to && vm->vcpu_count != 0) {
		vcpu_request(vm->vcpus[0], POSTED_REQUEST_INPUT);
	}
}

/* A guest has made room for what is typed to it. */
static bool take_byte(void *context, uint8_t *byte)
{
	const struct vm *vm = context;
	bool is_key_there = false;
	bool is_taken = false;

	spin_lock(&operator.lock);
	if (operator.selected == vm) {
		take_typed();
		is_key_there = operator.key != KEY_NONE;
	}
	is_taken = fifo_take(&((struct vm *)context)->input.waiting, byte);
	spin_unlock(&operator.lock);
	tell_of_key(is_key_there);
	return is_taken;
}

bool operator_take_key(char *key)
{
	spin_lock(&operator.lock);
	*key = (char)operator.key;
	operator.key = KEY_NONE;
	spin_unlock(&operator.lock);
	return *key != KEY_NONE;
}

/* --- Who is typed to --- */

void operator_select(struct vm *vm)
{
	spin_lock(&operator.lock);
	__atomic_store_n(&operator.selected, vm, __ATOMIC_RELAXED);
	operator.is_overrun = false;
	spin_unlock(&operator.lock);
}

struct vm *operator_selected(void)
{
	return operator.selected;
}

void operator_add(struct vm *vm)
{
	vm->input.take = take_byte;
	vm->input.context = vm;
	if (is_line_open) {
		vm->console.raw_byte = line_write;
		vm->console.context = vm;
	}
	if (operator.selected == NULL) {
		operator_select(vm);
	}
}

void operator_remove(const struct vm *vm)
{
	if (operator.selected == vm) {
		operator_select(NULL);
	}
}
