/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/scheduler.c vm/run_queue.c vm/vcpu_halt.c vm/vcpu_posted.c vm/vcpu_post.c
 * vm/posted_interrupts.c vm/steal_time.c tests/host/smp_fixture.c vm/guest_memory.c
 * devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * vm/vm.c vm/vm_platform.c vm/port_bus.c vm/event.c cpu/wall_clock.c cpu/tsc.c cpu/host_timer.c
 * cpu/local_apic.c lib/calendar.c lib/scaled_time.c lib/tick_rate.c lib/format.c
 * devices/pic8259.c devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c
 * devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c devices/reset_control.c
 * devices/pci_config.c vm/vcpu_interrupts.c vm/vcpu_ipi.c vm/vcpu_apicv.c vm/pv_eoi.c
 * vm/vcpu_timer.c vmx/preemption_timer.c tests/host/fake/fake_insn.c tests/host/fake/fake_devices.c
 * tests/host/fake/fake_registers.c tests/host/fake/fake_panic.c tests/host/fake/fake_log.c
 * tests/host/fake/fake_operation.c tests/host/fake/fake_ept_pointer.c
 * tests/host/fake/fake_vm_input.c tests/host/fake/fake_vcpu_startup.c
 * tests/host/fake/fake_scheduler_state.c tests/host/fake/fake_vmcs.c cpu/spinlock.c
 * vmx/current_vmcs.c */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/host/smp_fixture.h"
#include "vm/vcpu_halt.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * A guest of three vCPUs on two CPUs, which are threads here, with all of the real code between a
 * post and the turn of the vCPU that it wakes: what one of them loses, nobody makes good, and the
 * guest stands still.
 */
enum {
	CPUS = 2,
	ENDERS = 4,
	ROUNDS = 60000,
	END_ROUNDS = 300,
	VECTOR = 0x51,
	EOI = 0xb0,
	TIMEOUT_SECONDS = 20,
};

static struct cpu cpus[CPUS];
static sem_t kicks[CPUS];
static struct scheduler *schedulers[CPUS];
static struct smp_fixture *fixture;
static void (*guest)(struct vcpu *vcpu);
static unsigned passes; /* Of the token; atomic. */
static bool has_timed_out;
static bool is_left;

/* --- The machine --- */

void cpu_kick(const struct cpu *cpu)
{
	(void)sem_post(&kicks[cpu->index]);
}

void cpu_notify_posted(const struct cpu *cpu)
{
	cpu_kick(cpu);
}

/* An interrupt that came before HLT ends it at once. */
static void wait_for_kick(void)
{
	struct timespec end;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += TIMEOUT_SECONDS;
	while (sem_timedwait(&kicks[fake_this_cpu->index], &end) != 0) {
		if (errno == ETIMEDOUT) {
			__atomic_store_n(&has_timed_out, true, __ATOMIC_RELAXED);
			return;
		}
	}
}

static void yield_host(void)
{
	(void)sched_yield();
}

enum status vcpu_init(struct vcpu *vcpu, const struct vcpu_start *start)
{
	(void)start;
	vcpu->is_set_up = current_vmcs_make(vcpu->pages.vmcs);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	return STATUS_OK;
}

void vcpu_run(struct vcpu *vcpu)
{
	guest(vcpu);
}

void vcpu_stop(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_save(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_restore(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vm_report_end(struct vm *vm, struct vcpu *vcpu)
{
	(void)vcpu;
	(void)__atomic_exchange_n(&vm->is_reported, true, __ATOMIC_ACQ_REL);
}

static void left(struct vm *vm)
{
	(void)vm;
	__atomic_store_n(&is_left, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < CPUS; i++) {
		cpu_kick(&cpus[i]);
	}
}

static bool is_over(void)
{
	return __atomic_load_n(&is_left, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&has_timed_out, __ATOMIC_RELAXED);
}

static void *run_cpu(void *argument)
{
	struct cpu *cpu = argument;

	fake_this_cpu = cpu;
	fake_cpu.on_hlt = wait_for_kick;
	fake_cpu.on_pause = yield_host;
	while (!is_over()) {
		if (!scheduler_run(schedulers[cpu->index])) {
			scheduler_sleep(schedulers[cpu->index]);
		}
	}
	return NULL;
}

static void start_cpus(void)
{
	for (unsigned i = 0; i < CPUS; i++) {
		cpus[i] = (struct cpu){.self = &cpus[i], .index = i};
		assert_int_equal(sem_init(&kicks[i], 0, 0), 0);
		schedulers[i] = scheduler_of(i);
		memset(schedulers[i], 0, sizeof(*schedulers[i]));
		fake_this_cpu = &cpus[i];
		scheduler_init(schedulers[i], NULL);
	}
	fake_this_cpu = NULL;
}

static void run_guest_on_cpus(struct smp_fixture *f, void (*what)(struct vcpu *vcpu))
{
	pthread_t threads[CPUS];

	fixture = f;
	guest = what;
	passes = 0;
	has_timed_out = false;
	is_left = false;
	start_cpus();
	f->vm.left = left;
	f->vm.live_count = SMP_VCPUS;
	for (unsigned i = 0; i < SMP_VCPUS; i++) {
		scheduler_place(schedulers[i % CPUS], &f->vcpus[i], RUN_WEIGHT_DEFAULT);
	}
	for (unsigned i = 0; i < SMP_VCPUS; i++) {
		scheduler_start(&f->vcpus[i]);
	}
	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_cpu, &cpus[i]), 0);
	}
	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

/* --- The guests --- */

/* Whoever has the token passes it on; the last pass ends the guest. */
static bool is_last_pass(struct vcpu *vcpu)
{
	if (__atomic_add_fetch(&passes, 1, __ATOMIC_RELAXED) != ROUNDS) {
		return false;
	}
	vm_end(vcpu->vm, VM_END_CALL, 7, "%s", "");
	return true;
}

static struct vcpu *next_of(struct vcpu *vcpu)
{
	return &fixture->vcpus[(vcpu->id + 1) % SMP_VCPUS];
}

/* What the CPU does at the entry. */
static bool take_injected(struct vcpu *vcpu)
{
	const bool is_injected = fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO) != 0;

	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	if (is_injected) {
		(void)virtual_apic_mmio_write(&vcpu->apic, EOI, 0, 0);
	}
	return is_injected;
}

/* As the handler of its exit does. */
static void halt(struct vcpu *vcpu)
{
	if (!vcpu_halt(vcpu)) {
		vcpu_interrupts_update(vcpu);
	}
}

static void pass_by_interrupt(struct vcpu *vcpu)
{
	static const struct virtual_apic_message message = {
		.mode = VIRTUAL_APIC_FIXED, .vector = VECTOR, .is_assert = true};
	bool has_token = take_injected(vcpu);

	if (vcpu->id == 0 && vcpu->start_tsc == 0) {
		vcpu->start_tsc = 1;
		has_token = true;
	}
	if (has_token && !is_last_pass(vcpu)) {
		(void)vcpu_interrupts_deliver(next_of(vcpu), &message, vcpu);
	}
	halt(vcpu);
}

static void interrupts_from_cpu_to_cpu_are_not_lost(void **state)
{
	struct smp_fixture *f = *state;

	run_guest_on_cpus(f, pass_by_interrupt);
	assert_false(has_timed_out);
	assert_int_equal(passes, ROUNDS);
	assert_int_equal(f->vm.end, VM_END_CALL);
	assert_int_equal(f->vm.live_count, 0);
}

/* With interrupts disabled a halt is for good but for the others: who looks whether all are idle
 * must not miss the one that has the token meanwhile. */
static void pass_by_kick(struct vcpu *vcpu)
{
	bool has_token = vcpu->start_tsc != 0;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	if (vcpu->id == 0 && vcpu->start_tsc == 0) {
		has_token = true;
	}
	vcpu->start_tsc = 1;
	if (has_token && !is_last_pass(vcpu)) {
		vcpu_request(next_of(vcpu), POSTED_REQUEST_KICK);
	}
	halt(vcpu);
}

static void a_guest_whose_processors_wake_each_other_does_not_end(void **state)
{
	struct smp_fixture *f = *state;

	/* They have halted already: each turn is by a kick. */
	f->vcpus[1].start_tsc = 1;
	f->vcpus[2].start_tsc = 1;
	f->vcpus[1].activity = VCPU_HALTED;
	f->vcpus[2].activity = VCPU_HALTED;
	run_guest_on_cpus(f, pass_by_kick);
	assert_false(has_timed_out);
	assert_int_equal(f->vm.end, VM_END_CALL);
	assert_int_equal(passes, ROUNDS);
}

/* --- Several that end a guest --- */

static unsigned ready_count;
static unsigned wrong_count;

static void *end_guest(void *argument)
{
	const unsigned number = (unsigned)(size_t)argument;

	fake_this_cpu = &cpus[number % CPUS];
	(void)__atomic_add_fetch(&ready_count, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&ready_count, __ATOMIC_ACQUIRE) != ENDERS + 1) {
		(void)sched_yield();
	}
	vm_end(&fixture->vm, number % 2 == 0 ? VM_END_CALL : VM_END_CRASHED, number, "by %u",
		number);
	return NULL;
}

/* Whoever sees the end sees all of it. */
static void *watch_end(void *argument)
{
	const struct vm *vm = argument;
	char wanted[VM_REASON_MAX];

	(void)__atomic_add_fetch(&ready_count, 1, __ATOMIC_ACQ_REL);
	while (!vm_is_ended(vm)) {
		(void)sched_yield();
	}
	(void)snprintf(wanted, sizeof(wanted), "by %u", vm->end_code);
	if (strcmp(wanted, vm->end_reason) != 0 ||
		vm->end != (vm->end_code % 2 == 0 ? VM_END_CALL : VM_END_CRASHED)) {
		wrong_count++;
	}
	return NULL;
}

static void end_by_all(struct smp_fixture *f)
{
	pthread_t threads[ENDERS + 1];

	f->vm.end = VM_END_NONE;
	f->vm.is_ending = false;
	ready_count = 0;
	smp_fixture_clear_posted(f);
	assert_int_equal(pthread_create(&threads[ENDERS], NULL, watch_end, &f->vm), 0);
	for (size_t i = 0; i < ENDERS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, end_guest, (void *)i), 0);
	}
	for (unsigned i = 0; i <= ENDERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
}

static void one_of_several_ends_wins_whole(void **state)
{
	struct smp_fixture *f = *state;

	fixture = f;
	wrong_count = 0;
	start_cpus();
	for (unsigned i = 0; i < SMP_VCPUS; i++) {
		scheduler_place(schedulers[i % CPUS], &f->vcpus[i], RUN_WEIGHT_DEFAULT);
	}
	for (unsigned round = 0; round < END_ROUNDS; round++) {
		end_by_all(f);
		assert_int_equal(wrong_count, 0);
		for (unsigned i = 0; i < SMP_VCPUS; i++) {
			struct posted_taken taken;

			assert_int_equal(f->vcpus[i].after_call, VMX_RESUME_NOT);
			posted_interrupts_take(&f->vcpus[i].posted, &taken);
			assert_int_equal(taken.requests, POSTED_REQUEST_STOP);
			f->vcpus[i].after_call = VMX_RESUME_CALL;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(interrupts_from_cpu_to_cpu_are_not_lost),
		WITH_SMP(a_guest_whose_processors_wake_each_other_does_not_end),
		WITH_SMP(one_of_several_ends_wins_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
