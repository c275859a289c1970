/* SPDX-License-Identifier: MIT */
#ifndef HOST_SCHEDULER_FIXTURE_H
#define HOST_SCHEDULER_FIXTURE_H

#include "tests/host/smp_fixture.h"
#include "vm/scheduler.h"

enum {
	SCHEDULER_RUN_TICKS = 1000, /* One turn in the guest. */
	SCHEDULER_SLICE = 10000000, /* Without a known frequency of the TSC. */
	SCHEDULER_ORDER_MAX = 32,
};

/* What the CPU and the guests do, beside vm/scheduler.c, in the guests' place. */
struct scheduler_turns {
	unsigned kick_count;
	unsigned posted_notify_count;
	const struct cpu *kicked;         /* By either. */
	void (*guest)(struct vcpu *vcpu); /* What a vCPU does in its turn; NULL: it runs. */
	char order[SCHEDULER_ORDER_MAX];  /* Who ran: '0' and on, by vCPU. */
	size_t order_count;
	unsigned save_count;
	unsigned restore_count;
	unsigned stop_count;
	unsigned left_count;
	enum status init_status; /* What vcpu_init() returns. */
};

extern struct scheduler_turns scheduler_turns;

/* A CPU beside the fixture's own. */
extern struct cpu scheduler_fixture_other_cpu;

/* cmocka's set-up: the SMP fixture, whose scheduler is this CPU's and has nobody. */
int scheduler_fixture_set_up(void **state);

/* Places all vCPUs and starts the first ones; the others wait to be started. */
void scheduler_fixture_start(struct smp_fixture *f, unsigned count);

/* So many turns, each of which has somebody. */
void scheduler_fixture_run(struct smp_fixture *f, unsigned turns);

#define WITH_SCHEDULER(test)                                                                       \
	cmocka_unit_test_setup_teardown(test, scheduler_fixture_set_up, smp_fixture_tear_down)

#endif
