/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/scheduler.c vm/run_queue.c vm/vcpu_halt.c vm/vcpu_posted.c vm/vcpu_post.c
 * vm/posted_interrupts.c vm/steal_time.c tests/host/smp_fixture.c tests/host/scheduler_fixture.c
 * vm/guest_memory.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c vm/vm.c vm/vm_platform.c vm/port_bus.c vm/event.c
 * cpu/wall_clock.c cpu/tsc.c cpu/host_timer.c cpu/local_apic.c lib/calendar.c lib/scaled_time.c
 * lib/tick_rate.c lib/format.c devices/pic8259.c devices/ioapic.c devices/pit8254.c
 * devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c
 * devices/reset_control.c devices/pci_config.c vm/vcpu_interrupts.c vm/vcpu_ipi.c
 * vm/vcpu_apicv.c vm/pv_eoi.c vm/vcpu_timer.c vmx/preemption_timer.c */
#include "cpu/host_timer.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_vm.h"
#include "tests/host/scheduler_fixture.h"
#include "vm/vcpu_halt.h"
#include "vm/vcpu_posted.h"
#include "vmx/vmcs.h"

#include <string.h>

enum { VECTOR = 0x51 };

/* --- Who runs --- */

static uint64_t noted_host_tsc;

static void note_host_tsc(struct vcpu *vcpu)
{
	noted_host_tsc = vcpu->timer.host_tsc;
}

static void nobody_runs_before_it_is_started(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 0);
	assert_false(scheduler_run(&f->scheduler));
	scheduler_start(&f->vcpus[1]);
	scheduler_fixture_run(f, 1);
	assert_string_equal(scheduler_turns.order, "1");
}

static void two_share_the_cpu_by_slices(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 2);
	for (unsigned i = 0; i < 4; i++) {
		scheduler_fixture_run(f, 1);
		assert_in_range(f->vcpus[(unsigned)(scheduler_turns.order[i] - '0')].timer.host_tsc,
			fake_cpu.tsc - 2 * SCHEDULER_RUN_TICKS, fake_cpu.tsc + SCHEDULER_SLICE);
		fake_cpu.tsc += SCHEDULER_SLICE;
	}
	assert_true(strcmp(scheduler_turns.order, "0101") == 0 ||
		    strcmp(scheduler_turns.order, "1010") == 0);
}

static void alone_there_is_no_slice(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	scheduler_fixture_run(f, 1);
	assert_int_equal(f->vcpus[0].timer.host_tsc, f->scheduler.look_tsc);
}

static unsigned poll_count;

static void poll(void)
{
	poll_count++;
}

/* However often it runs meanwhile: the deadline is not its own. */
static void the_host_is_looked_after_now_and_then(void **state)
{
	struct smp_fixture *f = *state;
	const uint64_t look_tsc = f->scheduler.look_tsc;

	poll_count = 0;
	f->scheduler.poll = poll;
	scheduler_fixture_start(f, 1);
	assert_true(look_tsc > fake_cpu.tsc + SCHEDULER_SLICE);
	scheduler_fixture_run(f, 2);
	assert_int_equal(f->scheduler.look_tsc, look_tsc);
	assert_int_equal(poll_count, 0);
	assert_int_equal(fake_cpu.sti_count, 0);
	fake_cpu.tsc = look_tsc;
	scheduler_fixture_run(f, 1);
	assert_int_equal(poll_count, 1);
	assert_int_equal(fake_cpu.sti_count, 1);
	assert_true(f->scheduler.look_tsc > look_tsc);
	assert_int_equal(f->vcpus[0].timer.host_tsc, f->scheduler.look_tsc);
}

/* The loop's own work goes on behind it. */
static void a_relaxed_loop_lets_one_run_for_a_slice_at_most(void **state)
{
	struct smp_fixture *f = *state;

	f->scheduler.loop_tsc = HOST_TIMER_NEVER;
	scheduler_relax(&f->scheduler);
	assert_string_equal(scheduler_turns.order, "");
	scheduler_fixture_start(f, 1);
	scheduler_turns.guest = note_host_tsc;
	scheduler_relax(&f->scheduler);
	assert_string_equal(scheduler_turns.order, "0");
	assert_true(noted_host_tsc <= insn_rdtsc() + SCHEDULER_SLICE);
	assert_int_equal(f->scheduler.loop_tsc, HOST_TIMER_NEVER);
	scheduler_fixture_run(f, 1);
	assert_int_equal(noted_host_tsc, f->scheduler.look_tsc);
}

/* What the loop does besides is nobody's run time: who could run waits. */
static void the_loops_own_work_is_stolen_from_who_could_run(void **state)
{
	struct smp_fixture *f = *state;
	uint64_t ran;

	scheduler_fixture_start(f, 1);
	scheduler_fixture_run(f, 1);
	ran = f->vcpus[0].run.run_ticks;
	scheduler_put_back(&f->scheduler);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_READY);
	fake_cpu.tsc += 3 * SCHEDULER_RUN_TICKS;
	scheduler_fixture_run(f, 1);
	assert_true(f->vcpus[0].run.wait_ticks >= 3 * SCHEDULER_RUN_TICKS);
	assert_true(f->vcpus[0].run.run_ticks < ran + 3 * SCHEDULER_RUN_TICKS);
	assert_string_equal(scheduler_turns.order, "00");
}

static void the_state_of_one_is_loaded_once_for_many_turns(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	scheduler_fixture_run(f, 3);
	assert_int_equal(scheduler_turns.restore_count, 1);
	assert_int_equal(scheduler_turns.save_count, 0);
	scheduler_start(&f->vcpus[1]);
	fake_cpu.tsc += 2 * SCHEDULER_SLICE;
	scheduler_fixture_run(f, 1);
	fake_cpu.tsc += 4 * SCHEDULER_SLICE;
	scheduler_fixture_run(f, 1);
	assert_string_equal(scheduler_turns.order, "00010");
	assert_int_equal(scheduler_turns.save_count, 2);
	assert_int_equal(scheduler_turns.restore_count, 3);
	/* Each is made current once as it is set up, and the first one once more. */
	assert_int_equal(fake_cpu.vmptrld_count, 3);
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

	scheduler_fixture_start(f, 1);
	scheduler_turns.guest = halt;
	scheduler_fixture_run(f, 1);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_BLOCKED);
	assert_false(scheduler_run(&f->scheduler));
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_true(f->scheduler.is_look_due);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_READY);
	scheduler_fixture_run(f, 1);
	assert_string_equal(scheduler_turns.order, "00");
}

/* Out of its halt by what does not wake it: it waits on, and the guest does not see it. */
static void a_masked_interrupt_gives_the_cpu_back(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	scheduler_turns.guest = halt;
	scheduler_fixture_run(f, 1);
	smp_fixture_set_if(false);
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	scheduler_fixture_run(f, 1);
	assert_string_equal(scheduler_turns.order, "0");
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

	scheduler_fixture_start(f, 1);
	scheduler_turns.guest = post_behind_the_look;
	scheduler_fixture_run(f, 1);
	assert_int_equal(run_entity_state(&f->vcpus[0].run), RUN_READY);
	scheduler_turns.guest = NULL;
	scheduler_fixture_run(f, 1);
	assert_string_equal(scheduler_turns.order, "00");
}

static void sleep_for_a_while(struct vcpu *vcpu)
{
	vcpu_sleep_until(vcpu, fake_cpu.tsc + 100 * SCHEDULER_RUN_TICKS);
}

static void a_sleeper_is_woken_at_its_time(void **state)
{
	struct smp_fixture *f = *state;
	uint64_t wake_tsc;

	scheduler_fixture_start(f, 2);
	scheduler_turns.guest = sleep_for_a_while;
	scheduler_fixture_run(f, 2);
	wake_tsc = f->vcpus[0].wake_tsc;
	assert_false(scheduler_run(&f->scheduler));
	assert_in_range(f->scheduler.wake_tsc, wake_tsc, f->vcpus[1].wake_tsc);
	fake_cpu.tsc = wake_tsc;
	scheduler_turns.guest = NULL;
	scheduler_fixture_run(f, 1);
	assert_string_equal(scheduler_turns.order, "010");
	/* The other's time takes the CPU back from it. */
	assert_int_equal(f->vcpus[0].timer.host_tsc, f->vcpus[1].wake_tsc);
}

static void one_that_waits_for_startup_runs_behind_it(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	f->vcpus[1].activity = VCPU_WAIT_FOR_STARTUP;
	scheduler_fixture_run(f, 1);
	vcpu_request(&f->vcpus[1], POSTED_REQUEST_NMI);
	fake_cpu.tsc += 2 * SCHEDULER_SLICE;
	scheduler_fixture_run(f, 1);
	assert_int_equal(run_entity_state(&f->vcpus[1].run), RUN_BLOCKED);
	assert_string_equal(scheduler_turns.order, "0");
}

/* --- The end --- */

static void end_it(struct vcpu *vcpu)
{
	vm_end(vcpu->vm, VM_END_CALL, 3, "%s", "");
}

static void the_end_takes_all_off_their_cpus(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 2);
	scheduler_turns.guest = end_it;
	scheduler_fixture_run(f, 1);
	assert_int_equal(f->vm.live_count, 2);
	assert_true(f->vm.is_reported);
	assert_null(f->scheduler.loaded);
	/* The one that was never started is woken for it. */
	scheduler_fixture_run(f, 2);
	assert_int_equal(f->vm.live_count, 0);
	assert_int_equal(scheduler_turns.left_count, 1);
	assert_int_equal(f->scheduler.member_count, 0);
	assert_int_equal(f->scheduler.weight, 0);
	assert_null(f->scheduler.members);
	assert_int_equal(scheduler_turns.order_count, 1);
	/* Only what has a VMCS is stopped. */
	assert_int_equal(scheduler_turns.stop_count, 1);
	assert_false(scheduler_run(&f->scheduler));
}

/* Others of its guest still run, on other CPUs, and do not know yet. */
static void one_that_has_left_is_not_woken(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	scheduler_turns.guest = end_it;
	scheduler_fixture_run(f, 3);
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

	scheduler_fixture_start(f, 1);
	scheduler_turns.init_status = STATUS_UNSUPPORTED;
	scheduler_fixture_run(f, 1);
	assert_int_equal(f->vm.end, VM_END_NOT_STARTED);
	assert_int_equal(scheduler_turns.order_count, 0);
	assert_int_equal(scheduler_turns.stop_count, 0);
}

/* --- A guest that ends before all of its vCPUs have run, beside one that is loaded --- */

/* The fixture's first vCPU is a guest of its own here, which runs; the last one is another's, which
 * has not run and is to be started, when its guest ends. */
static struct vm victim_vm;

static uint64_t load_victim(struct smp_fixture *f)
{
	struct vcpu *victim = &f->vcpus[0];

	scheduler_fixture_start(f, 1);
	f->vcpus[2].activity = VCPU_WAIT_FOR_STARTUP;
	victim_vm = f->vm;
	victim_vm.vcpus[0] = victim;
	victim_vm.vcpu_count = 1;
	victim_vm.live_count = 1;
	victim->vm = &victim_vm;
	f->vm.vcpus[0] = &f->vcpus[1];
	f->vm.vcpus[1] = &f->vcpus[2];
	f->vm.vcpu_count = 2;
	f->vm.live_count = 2;
	scheduler_fixture_run(f, 1);
	assert_ptr_equal(f->scheduler.loaded, victim);
	fake_serve_deferred_count = 0;
	return fake_vmcs_digest(victim->pages.vmcs);
}

static void request_all(struct vcpu *vcpu)
{
	vcpu_request_init(vcpu);
	vcpu_request_startup(vcpu, VECTOR);
	vcpu_request(vcpu, POSTED_REQUEST_REPORT | POSTED_REQUEST_NMI | POSTED_REQUEST_FLUSH_EPT);
}

/* All but the victim get their turns. */
static void let_others_leave(struct smp_fixture *f)
{
	while (f->vm.live_count != 0) {
		fake_cpu.tsc += 2 * SCHEDULER_SLICE;
		scheduler_fixture_run(f, 1);
	}
	assert_int_equal(scheduler_turns.left_count, 1);
}

static void a_vcpu_that_never_ran_leaves_without_a_touch_of_the_loaded_one(void **state)
{
	struct smp_fixture *f = *state;
	const uint64_t digest = load_victim(f);
	const unsigned vmptrld_count = fake_cpu.vmptrld_count;

	request_all(&f->vcpus[2]);
	vm_end(&f->vm, VM_END_RESET, 0, "%s", "");
	let_others_leave(f);
	assert_true(fake_vmcs_digest(f->vcpus[0].pages.vmcs) == digest);
	assert_int_equal(fake_serve_deferred_count, 0);
	assert_true(f->vm.is_reported);
	assert_int_equal(f->vcpus[2].activity, VCPU_WAIT_FOR_STARTUP);
	/* The victim's state is still in the CPU, and nothing had to be saved. */
	assert_ptr_equal(f->scheduler.loaded, &f->vcpus[0]);
	assert_int_equal(scheduler_turns.save_count, 0);
	assert_int_equal(scheduler_turns.stop_count, 0);
	assert_int_equal(fake_cpu.vmptrld_count, vmptrld_count);
	scheduler_fixture_run(f, 1);
	assert_true(strspn(scheduler_turns.order, "0") == strlen(scheduler_turns.order));
}

static void a_vcpu_that_cannot_be_set_up_is_served_nothing(void **state)
{
	struct smp_fixture *f = *state;
	const uint64_t digest = load_victim(f);

	scheduler_turns.init_status = STATUS_UNSUPPORTED;
	request_all(&f->vcpus[2]);
	let_others_leave(f);
	assert_int_equal(f->vm.end, VM_END_NOT_STARTED);
	assert_true(fake_vmcs_digest(f->vcpus[0].pages.vmcs) == digest);
	assert_int_equal(fake_serve_deferred_count, 0);
	/* Its state was saved for the other, and comes back. */
	assert_int_equal(scheduler_turns.save_count, 1);
	scheduler_fixture_run(f, 1);
	assert_int_equal(scheduler_turns.restore_count, 2);
	assert_ptr_equal(f->scheduler.loaded, &f->vcpus[0]);
}

static void one_that_has_left_is_loaded_nowhere(void **state)
{
	struct smp_fixture *f = *state;

	(void)load_victim(f);
	vm_end(&victim_vm, VM_END_RESET, 0, "%s", "");
	scheduler_fixture_run(f, 1);
	assert_null(f->scheduler.loaded);
	assert_false(f->vcpus[0].is_set_up);
	assert_true(insn_vmptrst().value == UINT64_MAX);
}

static void no_vmcs_is_used_between_turns(void **state)
{
	struct smp_fixture *f = *state;

	(void)load_victim(f);
	assert_null(this_cpu()->vmcs);
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

	scheduler_fixture_start(f, 0);
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
	scheduler_fixture_start(f, 2);
	scheduler_turns.guest = sleep_for_a_while;
	scheduler_fixture_run(f, 2);
	assert_false(scheduler_run(&f->scheduler));
	scheduler_sleep(&f->scheduler);
	assert_int_equal(timer_at_hlt, f->scheduler.wake_tsc);
	assert_in_range(timer_at_hlt, fake_cpu.tsc, f->vcpus[1].wake_tsc);
	f->scheduler.loop_tsc = fake_cpu.tsc + 10 * SCHEDULER_RUN_TICKS;
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

	scheduler_fixture_start(f, 2);
	scheduler_fixture_run(f, 1);
	fake_cpu.tsc += SCHEDULER_SLICE;
	scheduler_fixture_run(f, 1);
	assert_in_range(f->vcpus[(unsigned)(scheduler_turns.order[1] - '0')].run.wait_ticks,
		SCHEDULER_SLICE, 2 * SCHEDULER_SLICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCHEDULER(nobody_runs_before_it_is_started),
		WITH_SCHEDULER(two_share_the_cpu_by_slices),
		WITH_SCHEDULER(alone_there_is_no_slice),
		WITH_SCHEDULER(the_host_is_looked_after_now_and_then),
		WITH_SCHEDULER(a_relaxed_loop_lets_one_run_for_a_slice_at_most),
		WITH_SCHEDULER(the_loops_own_work_is_stolen_from_who_could_run),
		WITH_SCHEDULER(the_state_of_one_is_loaded_once_for_many_turns),
		WITH_SCHEDULER(one_that_halts_leaves_the_cpu_until_it_is_posted_to),
		WITH_SCHEDULER(a_masked_interrupt_gives_the_cpu_back),
		WITH_SCHEDULER(what_is_posted_while_it_goes_to_sleep_is_not_missed),
		WITH_SCHEDULER(a_sleeper_is_woken_at_its_time),
		WITH_SCHEDULER(one_that_waits_for_startup_runs_behind_it),
		WITH_SCHEDULER(the_end_takes_all_off_their_cpus),
		WITH_SCHEDULER(one_that_has_left_is_not_woken),
		WITH_SCHEDULER(a_guest_that_cannot_be_set_up_ends_before_it_runs),
		WITH_SCHEDULER(a_vcpu_that_never_ran_leaves_without_a_touch_of_the_loaded_one),
		WITH_SCHEDULER(a_vcpu_that_cannot_be_set_up_is_served_nothing),
		WITH_SCHEDULER(one_that_has_left_is_loaded_nowhere),
		WITH_SCHEDULER(no_vmcs_is_used_between_turns),
		WITH_SCHEDULER(a_cpu_with_a_look_due_does_not_sleep),
		WITH_SCHEDULER(a_cpu_sleeps_until_the_first_is_to_be_woken),
		WITH_SCHEDULER(the_loop_is_asked_once_or_at_its_time),
		WITH_SCHEDULER(the_cpu_with_the_least_weight_is_chosen),
		WITH_SCHEDULER(what_others_waited_is_told_to_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
