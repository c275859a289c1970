/* SPDX-License-Identifier: MIT */
#include "tests/host/scheduler_fixture.h"

#include "cpu/registers.h"
#include "fake_insn.h"
#include "vm/vcpu_halt.h"
#include "vmx/vmcs.h"

#include <string.h>

struct cpu scheduler_fixture_other_cpu = {.self = &scheduler_fixture_other_cpu, .index = 1};
struct scheduler_turns scheduler_turns;

void cpu_kick(const struct cpu *cpu)
{
	scheduler_turns.kick_count++;
	scheduler_turns.kicked = cpu;
}

void cpu_notify_posted(const struct cpu *cpu)
{
	scheduler_turns.posted_notify_count++;
	scheduler_turns.kicked = cpu;
}

enum status vcpu_init(struct vcpu *vcpu, const struct vcpu_start *start)
{
	assert_ptr_equal(start, &vcpu->start);
	assert_false(vm_is_ended(vcpu->vm));
	if (scheduler_turns.init_status != STATUS_OK) {
		return scheduler_turns.init_status;
	}
	vcpu->is_set_up = current_vmcs_make(vcpu->pages.vmcs);
	vmcs_write_natural(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	return STATUS_OK;
}

void vcpu_run(struct vcpu *vcpu)
{
	assert_true(vcpu->is_on_cpu);
	assert_true(vcpu->scheduler->is_in_guest);
	assert_ptr_equal(vcpu->scheduler->loaded, vcpu);
	vcpu_check_current(vcpu);
	assert_true(scheduler_turns.order_count < SCHEDULER_ORDER_MAX - 1);
	scheduler_turns.order[scheduler_turns.order_count++] = (char)('0' + vcpu->id);
	fake_cpu.tsc += SCHEDULER_RUN_TICKS;
	if (scheduler_turns.guest != NULL) {
		scheduler_turns.guest(vcpu);
	}
}

void vcpu_stop(struct vcpu *vcpu)
{
	assert_true(vcpu->is_set_up);
	current_vmcs_clear(vcpu->pages.vmcs);
	vcpu->is_set_up = false;
	scheduler_turns.stop_count++;
}

void vcpu_save(struct vcpu *vcpu)
{
	assert_true(vcpu->is_set_up);
	scheduler_turns.save_count++;
}

void vcpu_restore(struct vcpu *vcpu)
{
	vcpu_check_current(vcpu);
	scheduler_turns.restore_count++;
}

void vm_report_end(struct vm *vm, struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu->vm, vm);
	vm->is_reported = true;
}

static void left(struct vm *vm)
{
	assert_int_equal(vm->live_count, 0);
	scheduler_turns.left_count++;
}

int scheduler_fixture_set_up(void **state)
{
	struct smp_fixture *f;

	(void)smp_fixture_set_up(state);
	f = *state;
	scheduler_turns = (struct scheduler_turns){.init_status = STATUS_OK};
	fake_cpu.tsc = 1000;
	current_vmcs_clear(fake_vmcs_region);
	memset(&f->scheduler, 0, sizeof(f->scheduler));
	scheduler_init(&f->scheduler, NULL);
	f->vm.left = left;
	return 0;
}

void scheduler_fixture_start(struct smp_fixture *f, unsigned count)
{
	f->vm.live_count = SMP_VCPUS;
	for (unsigned i = 0; i < SMP_VCPUS; i++) {
		scheduler_place(&f->scheduler, &f->vcpus[i], RUN_WEIGHT_DEFAULT);
	}
	for (unsigned i = 0; i < count; i++) {
		scheduler_start(&f->vcpus[i]);
	}
	scheduler_turns.kick_count = 0;
}

void scheduler_fixture_run(struct smp_fixture *f, unsigned turns)
{
	while (turns-- != 0) {
		assert_true(scheduler_run(&f->scheduler));
	}
}
