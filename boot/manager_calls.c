/* SPDX-License-Identifier: MIT */
#include "boot/manager_calls.h"

#include "cpu/wall_clock.h"
#include "hypercall/guest_control.h"
#include "lib/string.h"
#include "vm/scheduler.h"

/*
 * What is asked on any CPU about guests that the boot processor makes and destroys. The array and
 * the configurations stay for as long as any guest runs. The vCPUs do not: they are looked at with
 * the lock held and the guest shown, and the boot processor hides it before it touches them.
 */
static struct managed_guest *guests;
static const size_t *guest_count;
static struct spinlock lock = SPINLOCK_INIT(LOCK_RANK_GUESTS); /* Guards is_shown. */

static bool is_there(const struct managed_guest *guest)
{
	return __atomic_load_n(&guest->block, __ATOMIC_ACQUIRE) != NULL;
}

static struct managed_guest *find(const char *name)
{
	for (size_t i = 0; i < *guest_count; i++) {
		if (strcmp(guests[i].entry->config.name, name) == 0) {
			return &guests[i];
		}
	}
	return NULL;
}

/* Returns an error, or 0 with the wish that the operation is. */
static unsigned wish_of(
	const struct managed_guest *guest, unsigned operation, enum guest_wish *wish)
{
	switch (operation) {
	case TRIVET_GUEST_START:
		*wish = GUEST_WISH_START;
		return is_there(guest) ? TRIVET_EALREADY : 0;
	case TRIVET_GUEST_STOP:
		*wish = GUEST_WISH_STOP;
		return is_there(guest) ? 0 : TRIVET_EALREADY;
	case TRIVET_GUEST_RESTART:
		*wish = GUEST_WISH_RESTART;
		return 0;
	default:
		return TRIVET_EINVAL;
	}
}

static unsigned control(struct vcpu *caller, unsigned operation, const char *name)
{
	struct managed_guest *guest = find(name);
	enum guest_wish wish;
	unsigned error;

	(void)caller;
	if (guest == NULL) {
		return TRIVET_ENOENT;
	}
	error = wish_of(guest, operation, &wish);
	if (error == 0) {
		__atomic_store_n(&guest->wish, wish, __ATOMIC_RELEASE);
		scheduler_ask_loop(scheduler_of(0));
	}
	return error;
}

static size_t count(void)
{
	return *guest_count;
}

/* Its vCPUs count on meanwhile, on their own CPUs. */
static void fill_times(struct managed_guest *guest, struct trivet_guest_info *info)
{
	uint64_t run_ticks = 0;
	uint64_t wait_ticks = 0;

	spin_lock(&lock);
	for (unsigned id = 0; guest->is_shown && id < guest->block->vm.vcpu_count; id++) {
		const struct run_entity *run = &guest->block->vm.vcpus[id]->run;

		run_ticks += __atomic_load_n(&run->run_ticks, __ATOMIC_RELAXED);
		wait_ticks += __atomic_load_n(&run->wait_ticks, __ATOMIC_RELAXED);
	}
	spin_unlock(&lock);
	info->run_ns = wall_clock_ticks_ns(run_ticks);
	info->wait_ns = wall_clock_ticks_ns(wait_ticks);
}

static bool get(size_t index, const struct vcpu *caller, struct trivet_guest_info *info)
{
	struct managed_guest *guest = &guests[index];
	const struct vm_config *config;

	if (index >= *guest_count) {
		return false;
	}
	config = &guest->entry->config;
	memcpy(info->name, config->name, strlen(config->name));
	info->state = is_there(guest) ? TRIVET_GUEST_RUNNING : TRIVET_GUEST_STOPPED;
	info->flags = config == caller->vm->config ? TRIVET_GUEST_FLAG_CALLER : 0;
	info->vcpu_count = config->vcpu_count;
	info->weight = config->weight;
	info->restart_count = __atomic_load_n(&guest->restart_count, __ATOMIC_RELAXED);
	info->memory_bytes = config->memory_size_bytes;
	fill_times(guest, info);
	return true;
}

void manager_calls_init(struct managed_guest *all_guests, const size_t *count_of_all)
{
	guests = all_guests;
	guest_count = count_of_all;
}

void manager_calls_show(struct managed_guest *guest, bool is_shown)
{
	spin_lock(&lock);
	guest->is_shown = is_shown;
	spin_unlock(&lock);
}

const struct guest_manager *manager_calls(void)
{
	static const struct guest_manager manager = {control, count, get};

	return &manager;
}
