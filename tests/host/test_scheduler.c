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
 * vm/vcpu_timer.c vmx/preemption_timer.c */
#include "vm/scheduler.h"

#include "cpu/host_timer.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/host/smp_fixture.h"
#include "vm/vcpu_halt.h"
#include "vm/vcpu_posted.h"
#include "vmx/vmcs.h"

#include <string.h>

enum {
	VECTOR = 0x51,
	RUN_TICKS = 1000, /* One turn in the guest. */
	SLICE = 10000000, /* Without a known frequency of the TSC. */
	ORDER_MAX = 32,
};

/* --- What the CPU and the guests do --- */

static struct cpu other_cpu = {.self = &other_cpu, .index = 1};
static unsigned kick_count;
static unsigned posted_notify_count;
static const struct cpu *kicked;
static uint64_t noted_host_tsc;
static void (*guest)(struct vcpu *vcpu); /* What a vCPU does in its turn; NULL: it runs. */
static char order[ORDER_MAX];            /* Who ran: '0' and on, by vCPU. */
static size_t order_count;
static unsigned save_count;
static unsigned restore_count;
static unsigned stop_count;
static unsigned left_count;
static enum status init_status;

void cpu_kick(const struct cpu *cpu)
{
	kick_count++;
	kicked = cpu;
}

void cpu_notify_posted(const struct cpu *cpu)
{
	posted_notify_count++;
	kicked = cpu;
}

enum status vcpu_init(struct vcpu *vcpu, const struct vcpu_start *start)
{
	assert_ptr_equal(start, &vcpu->start);
	vcpu->is_set_up = init_status == STATUS_OK;
	return init_status;
}

void vcpu_run(struct vcpu *vcpu)
{
	assert_true(vcpu->is_on_cpu);
	assert_true(vcpu->scheduler->is_in_guest);
	assert_ptr_equal(vcpu->scheduler->loaded, vcpu);
	assert_true(order_count < ORDER_MAX - 1);
	order[order_count++] = (char)('0' + vcpu->id);
	fake_cpu.tsc += RUN_TICKS;
	if (guest != NULL) {
		guest(vcpu);
	}
}

void vcpu_stop(struct vcpu *vcpu)
{
	(void)vcpu;
	stop_count++;
}

void vcpu_save(struct vcpu *vcpu)
{
	(void)vcpu;
	save_count++;
}

void vcpu_restore(struct vcpu *vcpu)
{
	(void)vcpu;
	restore_count++;
}

void vm_report_end(struct vm *vm, struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu->vm, vm);
	vm->is_reported = true;
}

static void left(struct vm *vm)
{
	assert_int_equal(vm->live_count, 0);
	left_count++;
}

static void note_host_tsc(struct vcpu *vcpu)
{
	noted_host_tsc = vcpu->timer.host_tsc;
}

static int set_up(void **state)
{
	struct smp_fixture *f;

	(void)smp_fixture_set_up(state);
	f = *state;
	kick_count = 0;
	posted_notify_count = 0;
	guest = NULL;
	memset(order, 0, sizeof(order));
	order_count = 0;
	save_count = 0;
	restore_count = 0;
	stop_count = 0;
	left_count = 0;
	init_status = STATUS_OK;
	fake_cpu.tsc = 1000;
	memset(&f->scheduler, 0, sizeof(f->scheduler));
	scheduler_init(&f->scheduler, NULL);
	f->vm.left = left;
	return 0;
}

/* Places and starts the first vCPUs; the others wait to be started. */
static void start(struct smp_fixture *f, unsigned count)
{
	f->vm.live_count = SMP_VCPUS;
	for (unsigned i = 0; i < SMP_VCPUS; i++) {
		scheduler_place(&f->scheduler, &f->vcpus[i], RUN_WEIGHT_DEFAULT);
	}
	for (unsigned i = 0; i < count; i++) {
		scheduler_start(&f->vcpus[i]);
	}
	kick_count = 0;
}

static void run(struct smp_fixture *f, unsigned turns)
{
	while (turns-- != 0) {
		assert_true(scheduler_run(&f->scheduler));
	}
}

/* --- Who runs --- */

static void nobody_runs_before_it_is_started(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 0);
	assert_false(scheduler_run(&f->scheduler));
	scheduler_start(&f->vcpus[1]);
	run(f, 1);
	assert_string_equal(order, "1");
}

static void two_share_the_cpu_by_slices(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 2);
	for (unsigned i = 0; i < 4; i++) {
		run(f, 1);
		assert_in_range(f->vcpus[(unsigned)(order[i] - '0')].timer.host_tsc,
			fake_cpu.tsc - 2 * RUN_TICKS, fake_cpu.tsc + SLICE);
		fake_cpu.tsc += SLICE;
	}
	assert_true(strcmp(order, "0101") == 0 || strcmp(order, "1010") == 0);
}

static void alone_there_is_no_slice(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	run(f, 1);
	assert_int_equal(f->vcpus[0].timer.host_tsc, UINT64_MAX);
}

/* The loop's own work goes on behind it. */
static void a_relaxed_loop_lets_one_run_for_a_slice_at_most(void **state)
{
	struct smp_fixture *f = *state;

	f->scheduler.loop_tsc = HOST_TIMER_NEVER;
	scheduler_relax(&f->scheduler);
	assert_string_equal(order, "");
	start(f, 1);
	guest = note_host_tsc;
	scheduler_relax(&f->scheduler);
	assert_string_equal(order, "0");
	assert_true(noted_host_tsc <= insn_rdtsc() + SLICE);
	assert_int_equal(f->scheduler.loop_tsc, HOST_TIMER_NEVER);
	run(f, 1);
	assert_int_equal(noted_host_tsc, HOST_TIMER_NEVER);
}

/* What the loop does besides is nobody's run time: who could run waits. */
static void the_loops_own_work_is_stolen_from_who_could_run(void **state)
{
	struct smp_fixture *f = *state;
	uint64_t ran;

	start(f, 1);
	run(f, 1);
	ran = f->vcpus[0].run.run_ticks;
	scheduler_put_back(&f->scheduler);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_READY);
	fake_cpu.tsc += 3 * RUN_TICKS;
	run(f, 1);
	assert_true(f->vcpus[0].run.wait_ticks >= 3 * RUN_TICKS);
	assert_true(f->vcpus[0].run.run_ticks < ran + 3 * RUN_TICKS);
	assert_string_equal(order, "00");
}

static void the_state_of_one_is_loaded_once_for_many_turns(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	run(f, 3);
	assert_int_equal(restore_count, 1);
	assert_int_equal(save_count, 0);
	scheduler_start(&f->vcpus[1]);
	fake_cpu.tsc += 2 * SLICE;
	run(f, 1);
	fake_cpu.tsc += 4 * SLICE;
	run(f, 1);
	assert_string_equal(order, "00010");
	assert_int_equal(save_count, 2);
	assert_int_equal(restore_count, 3);
	assert_int_equal(fake_cpu.vmptrld_count, 1);
	assert_int_equal(fake_cpu.vmptrld_region.value, hpa_of(f->vcpus[0].pages.vmcs).value);
}

/* --- Waiting --- */

static void halt(struct vcpu *vcpu)
{
	(void)vcpu_halt(vcpu);
}

static void one_that_halts_leaves_the_cpu_until_it_is_posted_to(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	guest = halt;
	run(f, 1);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_BLOCKED);
	assert_false(scheduler_run(&f->scheduler));
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_true(f->scheduler.is_look_due);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_READY);
	run(f, 1);
	assert_string_equal(order, "00");
}

/* Out of its halt by what does not wake it: it waits on, and the guest does not see it. */
static void a_masked_interrupt_gives_the_cpu_back(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	guest = halt;
	run(f, 1);
	smp_fixture_set_if(false);
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	run(f, 1);
	assert_string_equal(order, "0");
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_BLOCKED);
}

static void post_behind_the_look(struct vcpu *vcpu)
{
	(void)vcpu_halt(vcpu);
	vcpu_post_interrupt(vcpu, VECTOR, false);
}

static void what_is_posted_while_it_goes_to_sleep_is_not_missed(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	guest = post_behind_the_look;
	run(f, 1);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_READY);
	guest = NULL;
	run(f, 1);
	assert_string_equal(order, "00");
}

static void sleep_for_a_while(struct vcpu *vcpu)
{
	vcpu_sleep_until(vcpu, fake_cpu.tsc + 100 * RUN_TICKS);
}

static void a_sleeper_is_woken_at_its_time(void **state)
{
	struct smp_fixture *f = *state;
	uint64_t wake_tsc;

	start(f, 2);
	guest = sleep_for_a_while;
	run(f, 2);
	wake_tsc = f->vcpus[0].wake_tsc;
	assert_false(scheduler_run(&f->scheduler));
	assert_in_range(f->scheduler.wake_tsc, wake_tsc, f->vcpus[1].wake_tsc);
	fake_cpu.tsc = wake_tsc;
	guest = NULL;
	run(f, 1);
	assert_string_equal(order, "010");
	/* The other's time takes the CPU back from it. */
	assert_int_equal(f->vcpus[0].timer.host_tsc, f->vcpus[1].wake_tsc);
}

static void one_that_waits_for_startup_runs_behind_it(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	f->vcpus[1].activity = VCPU_WAIT_FOR_STARTUP;
	run(f, 1);
	vcpu_request(&f->vcpus[1], POSTED_REQUEST_NMI);
	fake_cpu.tsc += 2 * SLICE;
	run(f, 1);
	assert_int_equal(run_entity_state(&f->vcpus[1].run), RUN_BLOCKED);
	assert_string_equal(order, "0");
}

/* --- Being told --- */

static void one_on_another_cpu_is_kicked(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	f->scheduler.cpu = &other_cpu;
	f->scheduler.is_look_due = false;
	f->vcpus[0].is_on_cpu = true;
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(kick_count, 1);
	assert_ptr_equal(kicked, &other_cpu);
	assert_false(f->scheduler.is_look_due);
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_STOP);
	assert_int_equal(kick_count, 2);
	assert_true(f->scheduler.is_look_due);
}

static void one_whose_cpu_takes_posted_interrupts_is_not_kicked(void **state)
{
	struct smp_fixture *f = *state;
	struct cpu *own = f->scheduler.cpu;

	start(f, 1);
	f->vcpus[0].apicv.level = APIC_LEVEL_POSTING;
	f->scheduler.cpu = &other_cpu;
	f->vcpus[0].is_on_cpu = true;
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(posted_notify_count, 1);
	assert_int_equal(kick_count, 0);
	assert_ptr_equal(kicked, &other_cpu);
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_NMI);
	assert_int_equal(kick_count, 1);
	/* Its own CPU looks before it goes on. */
	f->scheduler.cpu = own;
	smp_fixture_clear_posted(f);
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(posted_notify_count, 1);
	assert_int_equal(kick_count, 1);
}

/* In its own exit it looks before it goes on, but for what is put off. */
static void one_on_this_cpu_is_not_kicked_for_a_vector(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	f->vcpus[0].is_on_cpu = true;
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(kick_count, 0);
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_STOP);
	assert_int_equal(kick_count, 1);
}

static void one_that_is_not_placed_is_left_alone(void **state)
{
	struct smp_fixture *f = *state;

	f->vcpus[0].scheduler = NULL;
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_STOP);
	assert_int_equal(kick_count, 0);
}

/* --- Yielding --- */

static bool is_given;
static struct vcpu *yield_target;

static void yield(struct vcpu *vcpu)
{
	is_given = scheduler_yield_to(vcpu, yield_target);
}

static void a_yield_gives_the_cpu_to_the_one_named(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 3);
	guest = yield;
	run(f, 1);
	order_count = 0;
	for (unsigned i = 1; i < SMP_VCPUS; i++) {
		const struct vcpu *current = f->scheduler.loaded;

		yield_target = &f->vcpus[(current->id + 2) % SMP_VCPUS];
		assert_true(scheduler_yield_to(f->scheduler.loaded, yield_target));
		run(f, 1);
		assert_ptr_equal(f->scheduler.loaded, yield_target);
	}
}

static void a_yield_to_one_that_waits_gives_nothing(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	yield_target = &f->vcpus[1];
	guest = yield;
	run(f, 1);
	assert_false(is_given);
	yield_target = NULL;
	run(f, 1);
	assert_false(is_given);
}

static void a_yield_to_anybody_stays_in_the_guest(void **state)
{
	struct smp_fixture *f = *state;
	struct vm other_vm = f->vm;

	start(f, 2);
	f->vcpus[1].vm = &other_vm;
	yield_target = NULL;
	guest = yield;
	run(f, 1);
	assert_false(is_given);
	f->vcpus[1].vm = &f->vm;
	run(f, 1);
	assert_true(is_given);
}

static void a_yield_to_another_cpu_helps_there_and_gives_nothing_up(void **state)
{
	struct smp_fixture *f = *state;
	struct scheduler elsewhere = {0};

	start(f, 1);
	run(f, 1);
	scheduler_init(&elsewhere, NULL);
	elsewhere.cpu = &other_cpu;
	memset(&f->vcpus[2].run, 0, sizeof(f->vcpus[2].run));
	scheduler_place(&elsewhere, &f->vcpus[2], RUN_WEIGHT_DEFAULT);
	assert_false(scheduler_yield_to(&f->vcpus[0], &f->vcpus[2]));
	assert_int_equal(kick_count, 0);
	scheduler_start(&f->vcpus[2]);
	kick_count = 0;
	elsewhere.is_look_due = false;
	assert_false(scheduler_yield_to(&f->vcpus[0], &f->vcpus[2]));
	assert_int_equal(kick_count, elsewhere.is_look_due ? 1 : 0);
	assert_false(f->scheduler.is_look_due && f->scheduler.queue.is_switch_wanted);
}

/* --- The end --- */

static void end_it(struct vcpu *vcpu)
{
	vm_end(vcpu->vm, VM_END_CALL, 3, "%s", "");
}

static void the_end_takes_all_off_their_cpus(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 2);
	guest = end_it;
	run(f, 1);
	assert_int_equal(f->vm.live_count, 2);
	assert_true(f->vm.is_reported);
	assert_null(f->scheduler.loaded);
	/* The one that was never started is woken for it. */
	run(f, 2);
	assert_int_equal(f->vm.live_count, 0);
	assert_int_equal(left_count, 1);
	assert_int_equal(f->scheduler.member_count, 0);
	assert_int_equal(f->scheduler.weight, 0);
	assert_null(f->scheduler.members);
	assert_int_equal(order_count, 1);
	/* Only what has a VMCS is stopped. */
	assert_int_equal(stop_count, 1);
	assert_false(scheduler_run(&f->scheduler));
}

/* Others of its guest still run, on other CPUs, and do not know yet. */
static void one_that_has_left_is_not_woken(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	guest = end_it;
	run(f, 3);
	assert_int_equal(f->vm.live_count, 0);
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	vcpu_request(&f->vcpus[1], POSTED_REQUEST_INPUT);
	assert_int_equal(f->scheduler.queue.ready_count, 0);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_BLOCKED);
	assert_false(scheduler_run(&f->scheduler));
}

static void a_guest_that_cannot_be_set_up_ends_before_it_runs(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 1);
	init_status = STATUS_UNSUPPORTED;
	run(f, 1);
	assert_int_equal(f->vm.end, VM_END_NOT_STARTED);
	assert_int_equal(order_count, 0);
	assert_int_equal(stop_count, 0);
}

/* --- Asleep --- */

static uint64_t timer_at_hlt;

static void read_timer(void)
{
	(void)fake_msr_get(MSR_IA32_TSC_DEADLINE, &timer_at_hlt);
}

static void a_cpu_with_a_look_due_does_not_sleep(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 0);
	f->scheduler.is_look_due = true;
	scheduler_sleep(&f->scheduler);
	assert_int_equal(fake_cpu.hlt_count, 0);
	assert_false(scheduler_run(&f->scheduler));
	scheduler_sleep(&f->scheduler);
	assert_int_equal(fake_cpu.hlt_count, 1);
}

static void a_cpu_sleeps_until_the_first_is_to_be_woken(void **state)
{
	struct smp_fixture *f = *state;

	this_cpu()->timer.kind = HOST_TIMER_TSC_DEADLINE;
	fake_msr_set(MSR_IA32_TSC_DEADLINE, 0);
	fake_cpu.on_hlt = read_timer;
	start(f, 2);
	guest = sleep_for_a_while;
	run(f, 2);
	assert_false(scheduler_run(&f->scheduler));
	scheduler_sleep(&f->scheduler);
	assert_int_equal(timer_at_hlt, f->scheduler.wake_tsc);
	assert_in_range(timer_at_hlt, fake_cpu.tsc, f->vcpus[1].wake_tsc);
	f->scheduler.loop_tsc = fake_cpu.tsc + 10 * RUN_TICKS;
	scheduler_sleep(&f->scheduler);
	assert_int_equal(timer_at_hlt, f->scheduler.loop_tsc);
}

static void the_loop_is_asked_once_or_at_its_time(void **state)
{
	struct smp_fixture *f = *state;

	assert_false(scheduler_is_loop_asked(&f->scheduler));
	scheduler_ask_loop(&f->scheduler);
	assert_true(f->scheduler.is_look_due);
	assert_true(scheduler_is_loop_asked(&f->scheduler));
	assert_false(scheduler_is_loop_asked(&f->scheduler));
	f->scheduler.loop_tsc = fake_cpu.tsc + 100;
	assert_false(scheduler_is_loop_asked(&f->scheduler));
	fake_cpu.tsc = f->scheduler.loop_tsc;
	assert_true(scheduler_is_loop_asked(&f->scheduler));
}

/* --- Placement --- */

static void the_cpu_with_the_least_weight_is_chosen(void **state)
{
	(void)state;
	assert_null(scheduler_choose(0));
	scheduler_init(scheduler_of(1), NULL);
	scheduler_init(scheduler_of(2), NULL);
	scheduler_init(scheduler_of(3), NULL);
	scheduler_of(1)->weight = 300;
	scheduler_of(2)->weight = 200;
	scheduler_of(3)->weight = 200;
	assert_ptr_equal(scheduler_choose(0), scheduler_of(2));
	assert_ptr_equal(scheduler_choose(BIT(1) | BIT(3)), scheduler_of(3));
	assert_ptr_equal(scheduler_choose(BIT(1)), scheduler_of(1));
	assert_null(scheduler_choose(BIT(0) | BIT(7)));
}

static void what_others_waited_is_told_to_the_guest(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 2);
	run(f, 1);
	fake_cpu.tsc += SLICE;
	run(f, 1);
	assert_in_range(f->vcpus[(unsigned)(order[1] - '0')].run.wait_ticks, SLICE, 2 * SLICE);
}

#define WITH_CPU(test) cmocka_unit_test_setup_teardown(test, set_up, smp_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CPU(nobody_runs_before_it_is_started),
		WITH_CPU(two_share_the_cpu_by_slices),
		WITH_CPU(alone_there_is_no_slice),
		WITH_CPU(a_relaxed_loop_lets_one_run_for_a_slice_at_most),
		WITH_CPU(the_loops_own_work_is_stolen_from_who_could_run),
		WITH_CPU(the_state_of_one_is_loaded_once_for_many_turns),
		WITH_CPU(one_that_halts_leaves_the_cpu_until_it_is_posted_to),
		WITH_CPU(a_masked_interrupt_gives_the_cpu_back),
		WITH_CPU(what_is_posted_while_it_goes_to_sleep_is_not_missed),
		WITH_CPU(a_sleeper_is_woken_at_its_time),
		WITH_CPU(one_that_waits_for_startup_runs_behind_it),
		WITH_CPU(one_on_another_cpu_is_kicked),
		WITH_CPU(one_whose_cpu_takes_posted_interrupts_is_not_kicked),
		WITH_CPU(one_on_this_cpu_is_not_kicked_for_a_vector),
		WITH_CPU(one_that_is_not_placed_is_left_alone),
		WITH_CPU(a_yield_gives_the_cpu_to_the_one_named),
		WITH_CPU(a_yield_to_one_that_waits_gives_nothing),
		WITH_CPU(a_yield_to_anybody_stays_in_the_guest),
		WITH_CPU(a_yield_to_another_cpu_helps_there_and_gives_nothing_up),
		WITH_CPU(the_end_takes_all_off_their_cpus),
		WITH_CPU(one_that_has_left_is_not_woken),
		WITH_CPU(a_guest_that_cannot_be_set_up_ends_before_it_runs),
		WITH_CPU(a_cpu_with_a_look_due_does_not_sleep),
		WITH_CPU(a_cpu_sleeps_until_the_first_is_to_be_woken),
		WITH_CPU(the_loop_is_asked_once_or_at_its_time),
		WITH_CPU(the_cpu_with_the_least_weight_is_chosen),
		WITH_CPU(what_others_waited_is_told_to_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
