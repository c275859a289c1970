/* SPDX-License-Identifier: MIT */
/*
 * A Linux module that tortures spinlocks when it is loaded: threads of the kernel on every
 * processor take the same few locks, also with interrupts off, in interrupts, and for reading, and
 * what was counted under each must be what the threads did. The results are in the kernel's log, as
 * those of the other module; under Trivet also how many calls Linux made for its locks meanwhile.
 */
#define pr_fmt(text) "trivet_spin: " text

#include "guest/trivet_guest.h"

#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#define RUN_MS_DEFAULT  2000
#define THREADS_PER_CPU 2
/* In so many rounds each thread interrupts all processors once, writes once, and lets others run.
 */
#define INTERRUPT_ROUNDS 256
#define WRITE_ROUNDS     16
#define YIELD_ROUNDS     32
/* In so many rounds each thread holds a lock for so long that the others halt, if they do. */
#define HOLD_ROUNDS 16384
#define HOLD_MS     40

/* More than there are exit reasons and calls. */
#define COUNTERS_ROOM 128

/* One for each lock; what stands under it is changed by a plain read and write. */
enum lock_name { SPIN_PLAIN, SPIN_INTERRUPT, SPIN_RAW, SPIN_WRITE, SPIN_HELD, SPIN_COUNT };

static const char *const lock_rules[] = {
	[SPIN_PLAIN] = "spin_lock_excludes",
	[SPIN_INTERRUPT] = "spin_lock_excludes_interrupts_too",
	[SPIN_RAW] = "nested_raw_spin_locks_exclude",
	[SPIN_WRITE] = "write_lock_excludes",
	[SPIN_HELD] = "spin_lock_held_long_excludes",
};

static DEFINE_SPINLOCK(plain_lock);
static DEFINE_SPINLOCK(interrupt_lock);
static DEFINE_RAW_SPINLOCK(outer_lock);
static DEFINE_RAW_SPINLOCK(inner_lock);
static DEFINE_RWLOCK(read_write_lock);
static DEFINE_SPINLOCK(held_lock);
static unsigned long counted[SPIN_COUNT];
/* Differs from counted[SPIN_WRITE] only while somebody writes. */
static unsigned long written_twin;
static atomic_long_t interrupts = ATOMIC_LONG_INIT(0);
static atomic_long_t torn_reads = ATOMIC_LONG_INIT(0);

struct worker {
	struct task_struct *task;
	unsigned long rounds[SPIN_COUNT];
};

static bool is_over;

static void count(enum lock_name name)
{
	const unsigned long before = READ_ONCE(counted[name]);

	cpu_relax();
	WRITE_ONCE(counted[name], before + 1);
}

static void interrupted(void *unused)
{
	spin_lock(&interrupt_lock);
	count(SPIN_INTERRUPT);
	spin_unlock(&interrupt_lock);
	atomic_long_inc(&interrupts);
}

static void take_interrupt_lock(struct worker *worker, unsigned long round)
{
	unsigned long flags;

	spin_lock_irqsave(&interrupt_lock, flags);
	count(SPIN_INTERRUPT);
	spin_unlock_irqrestore(&interrupt_lock, flags);
	worker->rounds[SPIN_INTERRUPT]++;
	if (round % INTERRUPT_ROUNDS == 0) {
		on_each_cpu(interrupted, NULL, 1);
	}
}

static void take_raw_locks(struct worker *worker)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&outer_lock, flags);
	raw_spin_lock(&inner_lock);
	count(SPIN_RAW);
	raw_spin_unlock(&inner_lock);
	raw_spin_unlock_irqrestore(&outer_lock, flags);
	worker->rounds[SPIN_RAW]++;
}

static void take_read_write_lock(struct worker *worker, unsigned long round)
{
	if (round % WRITE_ROUNDS == 0) {
		write_lock(&read_write_lock);
		count(SPIN_WRITE);
		WRITE_ONCE(written_twin, written_twin + 1);
		write_unlock(&read_write_lock);
		worker->rounds[SPIN_WRITE]++;
		return;
	}
	read_lock(&read_write_lock);
	if (READ_ONCE(written_twin) != READ_ONCE(counted[SPIN_WRITE])) {
		atomic_long_inc(&torn_reads);
	}
	read_unlock(&read_write_lock);
}

static void hold_lock(struct worker *worker, unsigned long round)
{
	spin_lock(&held_lock);
	count(SPIN_HELD);
	if (round % HOLD_ROUNDS == 0) {
		mdelay(HOLD_MS);
	}
	spin_unlock(&held_lock);
	worker->rounds[SPIN_HELD]++;
}

static int work(void *argument)
{
	struct worker *worker = argument;
	unsigned long round;

	for (round = 0; !READ_ONCE(is_over); round++) {
		hold_lock(worker, round);
		spin_lock(&plain_lock);
		count(SPIN_PLAIN);
		spin_unlock(&plain_lock);
		worker->rounds[SPIN_PLAIN]++;
		take_interrupt_lock(worker, round);
		take_raw_locks(worker);
		take_read_write_lock(worker, round);
		if (round % YIELD_ROUNDS == 0) {
			cond_resched();
		}
	}
	/* The thread must be there for kthread_stop(). */
	while (!kthread_should_stop()) {
		schedule_timeout_interruptible(1);
	}
	return 0;
}

static void report(const char *rule, long got, long want)
{
	if (got == want) {
		pr_info("PASS %s\n", rule);
	} else {
		pr_info("FAIL %s: got=%ld want=%ld\n", rule, got, want);
	}
}

/* Starts the threads of one processor; those that cannot be are none. */
static void start_workers(struct worker *workers, int cpu)
{
	int i;

	for (i = 0; i < THREADS_PER_CPU; i++) {
		struct task_struct *task =
			kthread_create(work, &workers[i], "trivet_spin/%d.%d", cpu, i);

		if (!IS_ERR(task)) {
			kthread_bind(task, cpu);
			workers[i].task = task;
			wake_up_process(task);
		}
	}
}

static unsigned stop_workers(struct worker *workers, unsigned room)
{
	unsigned stopped = 0;
	unsigned i;

	for (i = 0; i < room; i++) {
		if (workers[i].task != NULL) {
			kthread_stop(workers[i].task);
			stopped++;
		}
	}
	return stopped;
}

static void report_locks(const struct worker *workers, unsigned room)
{
	unsigned long want[SPIN_COUNT] = {0};
	enum lock_name name;
	unsigned i;

	for (name = 0; name < SPIN_COUNT; name++) {
		for (i = 0; i < room; i++) {
			want[name] += workers[i].rounds[name];
		}
	}
	pr_info("rounds=%lu interrupts=%ld writes=%lu\n", want[SPIN_PLAIN],
		atomic_long_read(&interrupts), want[SPIN_WRITE]);
	want[SPIN_INTERRUPT] += atomic_long_read(&interrupts);
	for (name = 0; name < SPIN_COUNT; name++) {
		report(lock_rules[name], counted[name], want[name]);
	}
	report("read_lock_keeps_writers_out", atomic_long_read(&torn_reads), 0);
}

static void torture(struct worker *workers, unsigned room, unsigned long run_ms)
{
	unsigned processors = 0;
	unsigned stopped;
	int cpu;

	cpus_read_lock();
	for_each_online_cpu (cpu) {
		start_workers(&workers[cpu * THREADS_PER_CPU], cpu);
		processors++;
	}
	cpus_read_unlock();
	schedule_timeout_uninterruptible(msecs_to_jiffies(run_ms));
	WRITE_ONCE(is_over, true);
	stopped = stop_workers(workers, room);
	report("threads_run_on_every_processor", stopped, processors * THREADS_PER_CPU);
	report_locks(workers, room);
}

/* The calls that Linux makes for locks and for interrupts to others. */
struct calls {
	u64 kick_cpu;
	u64 send_ipi;
	u64 sched_yield;
};

static void add_call(struct calls *calls, const struct trivet_counter *counter)
{
	if (counter->kind != TRIVET_COUNTER_HYPERCALL) {
		return;
	}
	if (counter->number == KVM_CALL_KICK_CPU) {
		calls->kick_cpu += counter->count;
	} else if (counter->number == KVM_CALL_SEND_IPI) {
		calls->send_ipi += counter->count;
	} else if (counter->number == KVM_CALL_SCHED_YIELD) {
		calls->sched_yield += counter->count;
	}
}

struct counters_read {
	struct trivet_counter *counters;
	intptr_t count;
};

/* The call tells of the processor that makes it. */
static void read_here(void *argument)
{
	struct counters_read *read = argument;

	read->count = trivet_read_counters(virt_to_phys(read->counters), COUNTERS_ROOM);
}

static void add_processor(struct calls *calls, int cpu, struct trivet_counter *counters)
{
	struct counters_read read = {.counters = counters, .count = -ENODEV};
	intptr_t found;
	intptr_t i;

	smp_call_function_single(cpu, read_here, &read, 1);
	found = min_t(intptr_t, read.count, COUNTERS_ROOM);
	for (i = 0; i < found; i++) {
		add_call(calls, &counters[i]);
	}
}

/* Of all processors together; without Trivet there is nobody to ask. */
static struct calls read_calls(void)
{
	struct trivet_counter *counters =
		kcalloc(COUNTERS_ROOM, sizeof(struct trivet_counter), GFP_KERNEL);
	struct calls calls = {0};
	int cpu;

	if (counters == NULL || trivet_find("TrivetTrivet") == 0) {
		kfree(counters);
		return calls;
	}
	cpus_read_lock();
	for_each_online_cpu (cpu) {
		add_processor(&calls, cpu, counters);
	}
	cpus_read_unlock();
	kfree(counters);
	return calls;
}

static void report_calls(const struct calls *before)
{
	const struct calls after = read_calls();

	if (trivet_find("TrivetTrivet") == 0) {
		pr_info("no calls are counted: no Trivet here\n");
		return;
	}
	pr_info("calls of the run: kick_cpu=%llu send_ipi=%llu sched_yield=%llu\n",
		after.kick_cpu - before->kick_cpu, after.send_ipi - before->send_ipi,
		after.sched_yield - before->sched_yield);
	pr_info("calls since the boot: kick_cpu=%llu send_ipi=%llu sched_yield=%llu\n",
		after.kick_cpu, after.send_ipi, after.sched_yield);
}

static unsigned long run_ms = RUN_MS_DEFAULT;
module_param(run_ms, ulong, 0444);
MODULE_PARM_DESC(run_ms, "how long the locks are tortured, in milliseconds");

static int __init linux_spin_init(void)
{
	const unsigned room = nr_cpu_ids * THREADS_PER_CPU;
	struct worker *workers = kcalloc(room, sizeof(*workers), GFP_KERNEL);
	struct calls before;

	if (workers == NULL) {
		return -ENOMEM;
	}
	before = read_calls();
	torture(workers, room, run_ms);
	report_calls(&before);
	kfree(workers);
	return 0;
}

static void __exit linux_spin_exit(void)
{
}

module_init(linux_spin_init);
module_exit(linux_spin_exit);
MODULE_DESCRIPTION("Tortures Linux's spinlocks");
MODULE_LICENSE("Dual MIT/GPL");
