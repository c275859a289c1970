/* SPDX-License-Identifier: MIT */
#include "vm/scheduler.h"

#include "cpu/host_timer.h"
#include "cpu/insn.h"
#include "cpu/tsc.h"
#include "vm/steal_time.h"
#include "vm/vcpu_halt.h"
#include "vm/vcpu_posted.h"
#include "vm/vcpu_timer.h"
#include "vmx/current_vmcs.h"

enum {
	SLICES_PER_SECOND = 200,
	/* A tenth of a second. */
	SLICES_PER_LOOK = 20,
	SLICE_TICKS_WITHOUT_CLOCK = 10000000,
};

static struct scheduler schedulers[CPUS_MAX];

static struct vcpu *vcpu_of(struct run_entity *entity)
{
	return (struct vcpu *)(void *)((uint8_t *)entity - offsetof(struct vcpu, run));
}

void scheduler_init(struct scheduler *scheduler, void (*poll)(void))
{
	const uint64_t hz = tsc_hz();

	scheduler->lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_RUN_QUEUE);
	run_queue_init(&scheduler->queue,
		hz != 0 ? hz / SLICES_PER_SECOND : SLICE_TICKS_WITHOUT_CLOCK, insn_rdtsc());
	scheduler->wake_tsc = HOST_TIMER_NEVER;
	scheduler->loop_tsc = HOST_TIMER_NEVER;
	scheduler->look_ticks = SLICES_PER_LOOK * scheduler->queue.slice_ticks;
	scheduler->look_tsc = insn_rdtsc() + scheduler->look_ticks;
	scheduler->poll = poll;
	__atomic_store_n(&scheduler->cpu, this_cpu(), __ATOMIC_RELEASE);
}

struct scheduler *scheduler_of(unsigned cpu_index)
{
	return &schedulers[cpu_index];
}

bool scheduler_is_started(const struct scheduler *scheduler)
{
	return __atomic_load_n(&scheduler->cpu, __ATOMIC_ACQUIRE) != NULL;
}

struct scheduler *scheduler_choose(uint64_t cpus)
{
	struct scheduler *best = NULL;

	for (unsigned i = 0; i < CPUS_MAX; i++) {
		struct scheduler *scheduler = &schedulers[i];

		if ((cpus != 0 && (cpus & BIT(i)) == 0) || !scheduler_is_started(scheduler)) {
			continue;
		}
		if (best == NULL || scheduler->weight < best->weight) {
			best = scheduler;
		}
	}
	return best;
}

void scheduler_place(struct scheduler *scheduler, struct vcpu *vcpu, uint32_t weight)
{
	vcpu->scheduler = scheduler;
	vcpu->wake_tsc = UINT64_MAX;
	spin_lock(&scheduler->lock);
	vcpu->next_member = scheduler->members;
	scheduler->members = vcpu;
	scheduler->member_count++;
	scheduler->weight += weight;
	run_queue_add(&scheduler->queue, &vcpu->run, weight, insn_rdtsc());
	spin_unlock(&scheduler->lock);
}

static void remove_member(struct scheduler *scheduler, struct vcpu *vcpu)
{
	struct vcpu **link = &scheduler->members;

	while (*link != vcpu) {
		link = &(*link)->next_member;
	}
	*link = vcpu->next_member;
	scheduler->member_count--;
	scheduler->weight -= vcpu->run.weight;
}

void scheduler_poke(struct scheduler *scheduler)
{
	__atomic_store_n(&scheduler->is_look_due, true, __ATOMIC_SEQ_CST);
	if (scheduler->cpu != this_cpu() || scheduler->is_in_guest) {
		cpu_kick(scheduler->cpu);
	}
}

void scheduler_ask_loop(struct scheduler *scheduler)
{
	__atomic_store_n(&scheduler->is_loop_asked, true, __ATOMIC_SEQ_CST);
	scheduler_poke(scheduler);
}

bool scheduler_is_loop_asked(struct scheduler *scheduler)
{
	if (!__atomic_load_n(&scheduler->is_loop_asked, __ATOMIC_SEQ_CST)) {
		return insn_rdtsc() >= scheduler->loop_tsc;
	}
	__atomic_store_n(&scheduler->is_loop_asked, false, __ATOMIC_SEQ_CST);
	return true;
}

/* The slice of the one that runs begins with the first that waits for it, so that one is told too.
 */
static void wake(struct vcpu *vcpu)
{
	struct scheduler *scheduler = vcpu->scheduler;
	bool is_woken = false;

	spin_lock(&scheduler->lock);
	/* One that has left for good is blocked too, but on no queue. */
	if (vcpu->run.queue != NULL && vcpu->run.state == RUN_BLOCKED) {
		(void)run_queue_wake(&scheduler->queue, &vcpu->run, insn_rdtsc());
		is_woken = true;
	}
	spin_unlock(&scheduler->lock);
	if (is_woken) {
		scheduler_poke(scheduler);
	}
}

void scheduler_start(struct vcpu *vcpu)
{
	wake(vcpu);
}

void scheduler_notify(struct vcpu *vcpu, bool is_look_due)
{
	struct scheduler *scheduler = vcpu->scheduler;

	if (scheduler == NULL) {
		return;
	}
	if (is_look_due) {
		__atomic_store_n(&scheduler->is_look_due, true, __ATOMIC_SEQ_CST);
	}
	if (__atomic_load_n(&vcpu->is_on_cpu, __ATOMIC_SEQ_CST)) {
		/* In its own exit it looks before it goes on, but for what is put off. */
		if (is_look_due || scheduler->cpu != this_cpu()) {
			cpu_kick(scheduler->cpu);
		}
	} else if (__atomic_load_n(&vcpu->run.state, __ATOMIC_SEQ_CST) == RUN_BLOCKED) {
		wake(vcpu);
	}
}

void scheduler_notify_posted(struct vcpu *vcpu)
{
	const struct scheduler *scheduler = vcpu->scheduler;

	if (scheduler != NULL && scheduler->cpu != this_cpu() &&
		__atomic_load_n(&vcpu->is_on_cpu, __ATOMIC_SEQ_CST)) {
		cpu_notify_posted(scheduler->cpu);
	} else {
		scheduler_notify(vcpu, false);
	}
}

/* --- Who runs --- */

/* Wakes whose time has come. Returns when the next one's does. */
static uint64_t wake_sleepers(struct scheduler *scheduler, uint64_t now)
{
	uint64_t earliest = HOST_TIMER_NEVER;

	for (struct vcpu *vcpu = scheduler->members; vcpu != NULL; vcpu = vcpu->next_member) {
		if (vcpu->run.state != RUN_BLOCKED) {
			continue;
		}
		if (vcpu->wake_tsc <= now) {
			(void)run_queue_wake(&scheduler->queue, &vcpu->run, now);
		} else if (vcpu->wake_tsc < earliest) {
			earliest = vcpu->wake_tsc;
		}
	}
	return earliest;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When this CPU's loop has something to do, if nothing comes before. */
static uint64_t next_wake(const struct scheduler *scheduler)
{
	return earlier(scheduler->wake_tsc, scheduler->loop_tsc);
}

static struct vcpu *pick(struct scheduler *scheduler)
{
	struct run_entity *entity;
	struct vcpu *vcpu = NULL;
	uint64_t now;

	if (__atomic_load_n(&scheduler->is_look_due, __ATOMIC_RELAXED)) {
		__atomic_store_n(&scheduler->is_look_due, false, __ATOMIC_SEQ_CST);
	}
	spin_lock(&scheduler->lock);
	now = insn_rdtsc();
	scheduler->wake_tsc = wake_sleepers(scheduler, now);
	entity = run_queue_pick(&scheduler->queue, now);
	if (entity != NULL) {
		const uint64_t slice_end = run_queue_slice_end(&scheduler->queue);

		vcpu = vcpu_of(entity);
		vcpu->timer.host_tsc =
			earlier(earlier(slice_end, next_wake(scheduler)), scheduler->look_tsc);
	}
	spin_unlock(&scheduler->lock);
	return vcpu;
}

/* Returns false if the vCPU has no VMCS, which ends its VM. */
static bool begin(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (vcpu_init(vcpu, &vcpu->start) != STATUS_OK) {
		vm_end(vm, VM_END_NOT_STARTED, 0, "its VMCS cannot be set up");
		return false;
	}
	steal_time_begin(vcpu);
	vcpu_restore(vcpu);
	if (vcpu->id != 0) {
		return true;
	}
	if (vm->prepare != NULL && !vm->prepare(vcpu, &vcpu->start)) {
		vm_end(vm, VM_END_NOT_STARTED, 0, "%s", "");
	} else if (vm->starting != NULL) {
		vm->starting(vm);
	}
	return true;
}

/* Its VMCS is made current, or made. Returns false if there is none. */
static bool load_state(struct vcpu *vcpu)
{
	if (!vcpu->is_set_up) {
		return begin(vcpu);
	}
	current_vmcs_load(vcpu->pages.vmcs);
	vcpu_restore(vcpu);
	return true;
}

/*
 * Makes the CPU hold this vCPU's state. Returns false if it has none and never will: its VM ended
 * before it ran, or it cannot be set up, which ends the VM. Nothing may be done for it then but to
 * retire it: the current VMCS is another's, or none.
 */
static bool load(struct scheduler *scheduler, struct vcpu *vcpu)
{
	if (scheduler->loaded == vcpu) {
		current_vmcs_use(vcpu->pages.vmcs);
		return true;
	}
	if (!vcpu->is_set_up && vm_is_ended(vcpu->vm)) {
		return false;
	}
	if (scheduler->loaded != NULL) {
		vcpu_save(scheduler->loaded);
	}
	scheduler->loaded = load_state(vcpu) ? vcpu : NULL;
	return scheduler->loaded != NULL;
}

static void block(struct scheduler *scheduler, struct vcpu *vcpu)
{
	spin_lock(&scheduler->lock);
	run_queue_block(&scheduler->queue, insn_rdtsc());
	spin_unlock(&scheduler->lock);
	/* Whoever posted before this saw a vCPU that was not blocked. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vcpu_has_posted(vcpu) || vcpu->deferred_requests != 0) {
		wake(vcpu);
	}
}

/* The VM has ended: its vCPU leaves this CPU for good. One that was not set up was not loaded: who
 * is loaded stays so. */
static void retire(struct scheduler *scheduler, struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	vm_report_end(vm, vcpu);
	if (vcpu->is_set_up) {
		vcpu_stop(vcpu);
		scheduler->loaded = NULL;
	}
	spin_lock(&scheduler->lock);
	run_queue_block(&scheduler->queue, insn_rdtsc());
	run_queue_remove(&scheduler->queue, &vcpu->run, insn_rdtsc());
	remove_member(scheduler, vcpu);
	spin_unlock(&scheduler->lock);
	/* An IPI that was meant for it is nobody's. */
	insn_sti_nop_cli();
	if (__atomic_sub_fetch(&vm->live_count, 1, __ATOMIC_ACQ_REL) == 0 && vm->left != NULL) {
		vm->left(vm);
	}
}

/* Lets a vCPU whose state the CPU holds do what it has to do, in its guest or not. */
static void run_loaded(struct scheduler *scheduler, struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->is_on_cpu, true, __ATOMIC_SEQ_CST);
	steal_time_runs(vcpu);
	if (vcpu_prepare(vcpu)) {
		scheduler->is_in_guest = true;
		vcpu_run(vcpu);
		scheduler->is_in_guest = false;
	}
	__atomic_store_n(&vcpu->is_on_cpu, false, __ATOMIC_SEQ_CST);
}

/* The turn of a vCPU is over: it waits for its next one, or for what wakes it, or leaves. */
static void leave(struct scheduler *scheduler, struct vcpu *vcpu)
{
	if (vm_is_ended(vcpu->vm)) {
		retire(scheduler, vcpu);
		return;
	}
	steal_time_leaves(vcpu);
	if (vcpu->activity != VCPU_ACTIVE) {
		block(scheduler, vcpu);
	}
}

/*
 * Takes the host's pending interrupts and polls the console, ten times a second at most: a guest
 * that spins with interrupts disabled may keep the host's interrupts away (docs/bochs.md). Nothing
 * that a guest does moves this deadline.
 */
static void look_after_host(struct scheduler *scheduler)
{
	const uint64_t now = insn_rdtsc();

	if (now < scheduler->look_tsc) {
		return;
	}
	scheduler->look_tsc = now + scheduler->look_ticks;
	insn_sti_nop_cli();
	if (scheduler->poll != NULL) {
		scheduler->poll();
	}
}

bool scheduler_run(struct scheduler *scheduler)
{
	struct vcpu *vcpu;

	look_after_host(scheduler);
	vcpu = pick(scheduler);
	if (vcpu == NULL) {
		return false;
	}
	if (load(scheduler, vcpu)) {
		run_loaded(scheduler, vcpu);
	}
	leave(scheduler, vcpu);
	current_vmcs_use(NULL);
	return true;
}

void scheduler_put_back(struct scheduler *scheduler)
{
	spin_lock(&scheduler->lock);
	run_queue_put_back(&scheduler->queue, insn_rdtsc());
	spin_unlock(&scheduler->lock);
}

void scheduler_relax(struct scheduler *scheduler)
{
	const uint64_t loop_tsc = scheduler->loop_tsc;

	/* Who is alone has no end of its slice. */
	scheduler->loop_tsc = insn_rdtsc() + scheduler->queue.slice_ticks;
	(void)scheduler_run(scheduler);
	scheduler_put_back(scheduler);
	scheduler->loop_tsc = loop_tsc;
}

void scheduler_sleep(struct scheduler *scheduler)
{
	if (scheduler->poll != NULL) {
		scheduler->poll();
	}
	/* From here to HLT interrupts wait, so that who sets it and sends an IPI is not missed. */
	if (__atomic_load_n(&scheduler->is_look_due, __ATOMIC_SEQ_CST)) {
		return;
	}
	host_timer_set(next_wake(scheduler));
	insn_sti_hlt_cli();
	if (insn_rdtsc() < next_wake(scheduler)) {
		host_timer_set(HOST_TIMER_NEVER);
	}
	if (scheduler->poll != NULL) {
		scheduler->poll();
	}
}

/* A target that waits for another CPU is helped there; this CPU gives up nothing for it. */
static void boost(struct vcpu *other)
{
	struct scheduler *scheduler = other->scheduler;
	bool is_boosted;

	spin_lock(&scheduler->lock);
	is_boosted = run_queue_boost(&scheduler->queue, &other->run, insn_rdtsc());
	spin_unlock(&scheduler->lock);
	if (is_boosted) {
		scheduler_poke(scheduler);
	}
}

/* To any other of its guest that waits. */
static bool yield_to_any(struct vcpu *vcpu)
{
	struct scheduler *scheduler = vcpu->scheduler;
	const uint64_t now = insn_rdtsc();
	bool is_given = false;

	spin_lock(&scheduler->lock);
	for (struct vcpu *member = scheduler->members; member != NULL && !is_given;
		member = member->next_member) {
		is_given = member != vcpu && member->vm == vcpu->vm &&
			   run_queue_yield_to(&scheduler->queue, &member->run, now);
	}
	spin_unlock(&scheduler->lock);
	return is_given;
}

static bool yield_to_one(struct scheduler *scheduler, struct vcpu *other)
{
	bool is_given;

	spin_lock(&scheduler->lock);
	is_given = run_queue_yield_to(&scheduler->queue, &other->run, insn_rdtsc());
	spin_unlock(&scheduler->lock);
	return is_given;
}

bool scheduler_yield_to(struct vcpu *vcpu, struct vcpu *other)
{
	struct scheduler *scheduler = vcpu->scheduler;

	if (other == NULL) {
		return scheduler->member_count > 1 && yield_to_any(vcpu);
	}
	if (run_entity_state(&other->run) != RUN_READY) {
		return false;
	}
	if (other->scheduler == scheduler) {
		return yield_to_one(scheduler, other);
	}
	boost(other);
	return false;
}
