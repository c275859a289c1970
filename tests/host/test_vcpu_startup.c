/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_startup.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c
 * vm/guest_state.c vm/vcpu_switch.c vm/vm.c lib/format.c tests/host/smp_fixture.c
 * vm/guest_memory.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c */
#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_vm.h"
#include "tests/host/smp_fixture.h"
#include "vm/cpuid_policy.h"
#include "vm/msr_policy.h"
#include "vm/steal_time.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_posted.h"
#include "vmx/vmcs.h"

enum { VECTOR = 0x9a, SIGNATURE = 0x306c3, SVR = 0xf0, SVR_RESET = 0xff, DR6 = 6 };

/* These have tests of their own. */
static unsigned mode_change_count;

void vcpu_apicv_mode_changed(struct vcpu *vcpu)
{
	(void)vcpu;
	mode_change_count++;
}

uint64_t cpuid_policy_cr4_allowed(uint64_t xcr0_allowed)
{
	(void)xcr0_allowed;
	return 0;
}

void msr_policy_save(const struct control_set *controls, uint64_t values[VCPU_SAVED_MSRS])
{
	(void)controls;
	(void)values;
}

void msr_policy_restore(const struct control_set *controls, const uint64_t values[VCPU_SAVED_MSRS])
{
	(void)controls;
	(void)values;
}

static struct vcpu *begin_turn(struct smp_fixture *f, uint32_t id)
{
	smp_fixture_turn(&f->vcpus[id]);
	return &f->vcpus[id];
}

/* Takes and serves what is posted, as a vCPU does before it enters its guest. */
static void serve(struct vcpu *vcpu)
{
	vcpu_take_posted(vcpu);
	vcpu_serve_deferred(vcpu);
}

static void init_makes_a_processor_wait(void **state)
{
	struct smp_fixture *f = *state;
	struct vcpu *vcpu = begin_turn(f, 1);

	mode_change_count = 0;
	vcpu->is_kicked = true;
	vcpu_request(vcpu, POSTED_REQUEST_NMI);
	vcpu_request_init(vcpu);
	serve(vcpu);
	assert_int_equal(vcpu->activity, VCPU_WAIT_FOR_STARTUP);
	assert_int_equal(f->vm.end, VM_END_NONE);
	assert_false(vcpu->is_nmi_pending || vcpu->is_kicked);
	assert_int_equal(vcpu->apic.page[SVR / sizeof(uint32_t)], SVR_RESET);
	assert_int_equal(mode_change_count, 1);
}

/* SDM Vol. 3A Table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
static void init_resets_registers_and_the_debug_state(void **state)
{
	struct smp_fixture *f = *state;
	struct vcpu *vcpu = begin_turn(f, 1);

	fake_cpu.dr[0] = 0x1234;
	fake_cpu.dr[DR6] = DR6_FIXED1 | DR6_BS;
	fake_cpu.cr2 = 0x5678;
	fake_vmcs_set(VMCS_GUEST_IA32_EFER, EFER_LME | EFER_LMA);
	vcpu->frame.registers[REGISTER_RBX] = 1;
	vcpu_request_init(vcpu);
	serve(vcpu);
	assert_int_equal(fake_cpu.dr[0], 0);
	assert_int_equal(fake_cpu.dr[DR6], DR6_FIXED1);
	assert_int_equal(fake_cpu.cr2, 0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_EFER), 0);
	assert_int_equal(fake_vmcs_get(VMCS_CR0_READ_SHADOW) & (CR0_PE | CR0_PG), 0);
	assert_int_equal(vcpu->frame.registers[REGISTER_RBX], 0);
	assert_false(vcpu->is_long_mode);
}

/* Else real-mode code is fetched by what paging has cached. */
static void init_drops_translations(void **state)
{
	struct smp_fixture *f = *state;
	struct vcpu *vcpu = begin_turn(f, 1);
	const unsigned before = fake_cpu.invvpid_count;

	vcpu_request_init(vcpu);
	serve(vcpu);
	assert_int_equal(fake_cpu.invvpid_count, before + 1);
	assert_int_equal(fake_cpu.invvpid_descriptor.first, vcpu->vpid);
}

/* A system that is started there does not know them: its memory is left alone. */
static void init_forgets_what_kvm_was_asked_for(void **state)
{
	static uint8_t word;
	static struct steal_time_record record;
	struct smp_fixture *f = *state;
	struct vcpu *vcpu = begin_turn(f, 1);

	vcpu->kvm.pv_eoi = 0x1001;
	vcpu->kvm.pv_eoi_word = &word;
	vcpu->is_pv_eoi_offered = true;
	vcpu->kvm.steal_time = 0x2001;
	vcpu->kvm.steal_record = &record;
	vcpu->kvm.system_time = 0x3001;
	vcpu->kvm.poll_control = 1;
	vcpu_request_init(vcpu);
	serve(vcpu);
	assert_int_equal(vcpu->kvm.pv_eoi | vcpu->kvm.steal_time | vcpu->kvm.system_time, 0);
	assert_null(vcpu->kvm.pv_eoi_word);
	assert_null(vcpu->kvm.steal_record);
	assert_false(vcpu->is_pv_eoi_offered);
	assert_int_equal(vcpu->kvm.poll_control, 1);
}

static void init_leaves_vector_state(void **state)
{
	struct vcpu *vcpu = begin_turn(*state, 1);

	fake_cpu.xcr0 = 3;
	fake_cpu.components[1] = 77;
	vcpu_request_init(vcpu);
	serve(vcpu);
	assert_int_equal(fake_cpu.xcr0, 3);
	assert_int_equal(fake_cpu.components[1], 77);
}

static void init_of_the_bootstrap_processor_resets_the_vm(void **state)
{
	struct smp_fixture *f = *state;

	vcpu_request_init(&f->vcpus[0]);
	serve(&f->vcpus[0]);
	assert_int_equal(f->vm.end, VM_END_RESET);
}

static void startup_begins_at_its_vectors_page(void **state)
{
	struct vcpu *vcpu = begin_turn(*state, 1);

	fake_cpuid_set(CPUID_LEAF_FEATURES, 0, (struct cpuid_result){.eax = SIGNATURE});
	vcpu->activity = VCPU_WAIT_FOR_STARTUP;
	vcpu_request_startup(vcpu, VECTOR);
	serve(vcpu);
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CS_SELECTOR), VECTOR << 8);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CS_BASE), VECTOR << 12);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), 0);
	assert_int_equal(vcpu->frame.registers[REGISTER_RDX], SIGNATURE);
}

static void a_processor_that_does_not_wait_ignores_startup(void **state)
{
	static const enum vcpu_activity others[] = {VCPU_ACTIVE, VCPU_HALTED, VCPU_SLEEPING};
	struct vcpu *vcpu = begin_turn(*state, 1);

	fake_vmcs_set(VMCS_GUEST_RIP, 0x1234);
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		vcpu->activity = others[i];
		vcpu_request_startup(vcpu, VECTOR);
		serve(vcpu);
		assert_int_equal(vcpu->activity, others[i]);
		assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), 0x1234);
	}
}

static void init_and_startup_at_once_start_it(void **state)
{
	struct vcpu *vcpu = begin_turn(*state, 1);

	vcpu_request_init(vcpu);
	vcpu_request_startup(vcpu, VECTOR);
	serve(vcpu);
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CS_SELECTOR), VECTOR << 8);
}

static void a_second_startup_changes_nothing(void **state)
{
	struct vcpu *vcpu = begin_turn(*state, 1);

	vcpu->activity = VCPU_WAIT_FOR_STARTUP;
	vcpu_request_startup(vcpu, VECTOR);
	serve(vcpu);
	vcpu_request_startup(vcpu, VECTOR + 1);
	serve(vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_CS_SELECTOR), VECTOR << 8);
}

static void a_report_is_served_once(void **state)
{
	struct vcpu *vcpu = begin_turn(*state, 1);

	fake_report_count = 0;
	vcpu_request(vcpu, POSTED_REQUEST_REPORT);
	serve(vcpu);
	serve(vcpu);
	assert_int_equal(fake_report_count, 1);
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(init_makes_a_processor_wait),
		WITH_SMP(init_resets_registers_and_the_debug_state),
		WITH_SMP(init_leaves_vector_state),
		WITH_SMP(init_drops_translations),
		WITH_SMP(init_forgets_what_kvm_was_asked_for),
		WITH_SMP(init_of_the_bootstrap_processor_resets_the_vm),
		WITH_SMP(startup_begins_at_its_vectors_page),
		WITH_SMP(a_processor_that_does_not_wait_ignores_startup),
		WITH_SMP(init_and_startup_at_once_start_it),
		WITH_SMP(a_second_startup_changes_nothing),
		WITH_SMP(a_report_is_served_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
