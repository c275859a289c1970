/* SPDX-License-Identifier: MIT */
#include "boot/manager_keys.h"

#include "boot/manager.h"
#include "boot/operator.h"
#include "cpu/log.h"
#include "cpu/wall_clock.h"
#include "hypercall/counters.h"
#include "lib/bits.h"
#include "vm/vcpu_posted.h"

#define NANOSECONDS_PER_MILLISECOND 1000000u

/* The guests, and which of them the keys mean: the one that has the input, else the one that had it
 * last. */
struct keyed_guests {
	struct managed_guest *guests;
	size_t count;
	size_t selected;
};

static void show_keys(struct keyed_guests *keyed);

static struct managed_guest *selected(const struct keyed_guests *keyed)
{
	return &keyed->guests[keyed->selected];
}

static const char *name_of(const struct managed_guest *guest)
{
	return guest->entry->config.name;
}

/* Returns NULL, with a line in the log, if the guest is stopped. */
static struct vm *running_vm(const struct keyed_guests *keyed)
{
	const struct managed_guest *guest = selected(keyed);

	if (guest->block == NULL) {
		log_info("keys", "%s is stopped", name_of(guest));
		return NULL;
	}
	return &guest->block->vm;
}

static void show_counters(struct keyed_guests *keyed)
{
	const struct vm *vm = running_vm(keyed);

	for (unsigned id = 0; vm != NULL && id < vm->vcpu_count; id++) {
		hypercall_report_counters(vm->vcpus[id], manager_relax);
	}
}

/* Only the CPU of a vCPU can read them. */
static void show_registers(struct keyed_guests *keyed)
{
	const struct vm *vm = running_vm(keyed);

	for (unsigned id = 0; vm != NULL && id < vm->vcpu_count; id++) {
		vcpu_request(vm->vcpus[id], POSTED_REQUEST_REPORT);
	}
}

static const char *state_of(const struct managed_guest *guest)
{
	if (guest->block == NULL) {
		return "stopped";
	}
	return guest->is_preparing ? "is prepared: its memory is being cleared" : "runs";
}

static void show_guest(const struct managed_guest *guest, size_t number, bool has_input)
{
	uint64_t run_ticks = 0;
	uint64_t wait_ticks = 0;
	const struct vm *vm = guest->block != NULL ? &guest->block->vm : NULL;

	for (unsigned id = 0; vm != NULL && id < vm->vcpu_count; id++) {
		run_ticks += vm->vcpus[id]->run.run_ticks;
		wait_ticks += vm->vcpus[id]->run.wait_ticks;
	}
	log_info("guests", "%zu %s %s%s vcpus=%u weight=%u ran=%lu ms waited=%lu ms restarts=%u",
		number, name_of(guest), state_of(guest), has_input ? ", has the input" : "",
		guest->entry->config.vcpu_count, guest->entry->config.weight,
		wall_clock_ticks_ns(run_ticks) / NANOSECONDS_PER_MILLISECOND,
		wall_clock_ticks_ns(wait_ticks) / NANOSECONDS_PER_MILLISECOND,
		guest->restart_count);
}

static void show_guests(struct keyed_guests *keyed)
{
	for (size_t i = 0; i < keyed->count; i++) {
		show_guest(&keyed->guests[i], i + 1, i == keyed->selected);
	}
}

static void select(struct keyed_guests *keyed, size_t index)
{
	const struct managed_guest *guest = &keyed->guests[index];

	keyed->selected = index;
	operator_select(guest->block != NULL ? &guest->block->vm : NULL);
	log_info("keys", "the input is for %s%s", name_of(guest),
		guest->block != NULL ? "" : ", which is stopped");
}

static void select_next(struct keyed_guests *keyed)
{
	select(keyed, (keyed->selected + 1) % keyed->count);
}

static void wish(struct keyed_guests *keyed, enum guest_wish wish)
{
	__atomic_store_n(&selected(keyed)->wish, wish, __ATOMIC_RELEASE);
}

static void stop(struct keyed_guests *keyed)
{
	wish(keyed, GUEST_WISH_STOP);
}

static void start(struct keyed_guests *keyed)
{
	wish(keyed, GUEST_WISH_START);
}

static void restart(struct keyed_guests *keyed)
{
	wish(keyed, GUEST_WISH_RESTART);
}

static const struct {
	char key;
	const char *text;
	void (*obey)(struct keyed_guests *keyed);
} keys[] = {
	{'n', "the input goes to the next guest (1 to 9: to that guest)", select_next},
	{'l', "list of the guests", show_guests},
	{'s', "stop the guest that has the input", stop},
	{'S', "start it", start},
	{'R', "restart it", restart},
	{'c', "its counters of exits and calls", show_counters},
	{'r', "its registers", show_registers},
	{'h', "this list", show_keys},
};

static void show_keys(struct keyed_guests *keyed)
{
	(void)keyed;
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		log_info("keys", "Ctrl-A %c: %s", keys[i].key, keys[i].text);
	}
	log_info("keys", "Ctrl-A Ctrl-A: a Ctrl-A for the guest");
}

static void obey(struct keyed_guests *keyed, char key)
{
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		if (key == keys[i].key) {
			keys[i].obey(keyed);
			return;
		}
	}
	if (key >= '1' && key <= '9' && (size_t)(key - '1') < keyed->count) {
		select(keyed, (size_t)(key - '1'));
		return;
	}
	show_keys(keyed);
}

/* A guest that was started since may have got the input. */
static size_t index_of_selected(const struct keyed_guests *keyed)
{
	const struct vm *vm = operator_selected();

	for (size_t i = 0; vm != NULL && i < keyed->count; i++) {
		if (keyed->guests[i].block != NULL && &keyed->guests[i].block->vm == vm) {
			return i;
		}
	}
	return keyed->selected < keyed->count ? keyed->selected : 0;
}

void manager_keys_obey(struct managed_guest *guests, size_t count)
{
	static struct keyed_guests keyed; /* The boot processor's. */
	char key;

	while (count != 0 && operator_take_key(&key)) {
		keyed.guests = guests;
		keyed.count = count;
		keyed.selected = index_of_selected(&keyed);
		obey(&keyed, key);
		operator_poll();
	}
}
