/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_apicv.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c vm/guest_memory.c tests/host/vcpu_fixture.c */
#include "vm/vcpu_apicv.h"

#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/vmcs.h"

enum { VECTOR = 0x51, VECTOR_ABOVE = 0x91, BITS = 32 };

static uint32_t *word(struct vcpu_fixture *f, unsigned bitmap, unsigned vector)
{
	return &f->vcpu.apic
			.page[(bitmap + vector / BITS * VIRTUAL_APIC_STRIDE) / sizeof(uint32_t)];
}

static void start(struct vcpu_fixture *f, enum apic_level level)
{
	f->vcpu.apicv.level = level;
	f->vcpu.apic.is_software_enabled = true;
}

static void set_status(uint64_t servicing, uint64_t requesting)
{
	fake_vmcs_set(VMCS_GUEST_INTERRUPT_STATUS, servicing << 8 | requesting);
}

static void what_pends_becomes_the_requesting_vector(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, APIC_LEVEL_DELIVERY);
	assert_int_equal(virtual_apic_accept(&f->vcpu.apic, VECTOR, false), VIRTUAL_APIC_ACCEPTED);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), VECTOR);
	assert_int_equal(
		virtual_apic_accept(&f->vcpu.apic, VECTOR_ABOVE, false), VIRTUAL_APIC_ACCEPTED);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), VECTOR_ABOVE);
}

static void what_the_cpu_delivered_is_taken_over(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, APIC_LEVEL_DELIVERY);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR, false);
	vcpu_apicv_flush(&f->vcpu);
	*word(f, VIRTUAL_APIC_IRR, VECTOR) = 0;
	*word(f, VIRTUAL_APIC_ISR, VECTOR) = 1u << VECTOR % BITS;
	set_status(VECTOR, 0);
	vcpu_apicv_collect(&f->vcpu);
	assert_int_equal(f->vcpu.apic.irr_highest, 0);
	assert_int_equal(f->vcpu.apic.isr_highest, VECTOR);
	assert_int_equal(f->vcpu.apic.isr_count, 1);
	/* The next lower interrupt waits behind it, and both vectors go back. */
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR - 1, false);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), VECTOR << 8 | (VECTOR - 1));
}

/* Between the exit and the look at what the CPU did, another vCPU's interrupt was accepted. */
static void what_was_accepted_before_the_look_stays(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, APIC_LEVEL_POSTING);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR, false);
	vcpu_apicv_flush(&f->vcpu);
	/* The CPU has delivered it, and the guest has ended it. */
	*word(f, VIRTUAL_APIC_IRR, VECTOR) = 0;
	set_status(0, 0);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR_ABOVE, false);
	vcpu_apicv_collect(&f->vcpu);
	assert_int_equal(f->vcpu.apic.irr_highest, VECTOR_ABOVE);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), VECTOR_ABOVE);
}

/* The page is empty: what the VMCS still has from before is no interrupt. */
static void an_init_in_a_handler_leaves_nothing_in_service(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, APIC_LEVEL_POSTING);
	set_status(VECTOR_ABOVE, VECTOR);
	vcpu_apicv_collect(&f->vcpu);
	assert_int_equal(f->vcpu.apic.isr_highest, 0);
	assert_int_equal(f->vcpu.apic.irr_highest, 0);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), 0);
}

static void an_eoi_without_an_exit_is_taken_over(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, APIC_LEVEL_DELIVERY);
	*word(f, VIRTUAL_APIC_ISR, VECTOR) = 1u << VECTOR % BITS;
	set_status(VECTOR, 0);
	vcpu_apicv_collect(&f->vcpu);
	assert_int_equal(f->vcpu.apic.isr_highest, VECTOR);
	*word(f, VIRTUAL_APIC_ISR, VECTOR) = 0;
	set_status(0, 0);
	vcpu_apicv_collect(&f->vcpu);
	assert_int_equal(f->vcpu.apic.isr_highest, 0);
	assert_int_equal(f->vcpu.apic.isr_count, 0);
}

static void the_end_of_a_level_triggered_vector_exits(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, APIC_LEVEL_DELIVERY);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR, true);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR_ABOVE, false);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_EOI_EXIT_BITMAP_0), 0);
	assert_int_equal(fake_vmcs_get(VMCS_EOI_EXIT_BITMAP_1), BIT(VECTOR % 64));
	assert_int_equal(fake_vmcs_get(VMCS_EOI_EXIT_BITMAP_2), 0);
	assert_int_equal(fake_vmcs_get(VMCS_EOI_EXIT_BITMAP_3), 0);
}

static void a_tpr_that_holds_back_has_a_threshold(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, APIC_LEVEL_TPR_SHADOW);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR, false);
	virtual_apic_set_cr8(&f->vcpu.apic, VECTOR >> 4);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_TPR_THRESHOLD), VECTOR >> 4);
	virtual_apic_set_cr8(&f->vcpu.apic, 0);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_TPR_THRESHOLD), 0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), 0);
}

static void in_software_the_vmcs_is_left_alone(void **state)
{
	struct vcpu_fixture *f = *state;
	unsigned written;

	start(f, APIC_LEVEL_SOFTWARE);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR, true);
	written = fake_cpu.vmwrite_count;
	vcpu_apicv_flush(&f->vcpu);
	vcpu_apicv_collect(&f->vcpu);
	assert_int_equal(fake_cpu.vmwrite_count, written);
	assert_int_equal(f->vcpu.apic.irr_highest, VECTOR);
}

static void what_stands_is_not_written_again(void **state)
{
	struct vcpu_fixture *f = *state;
	unsigned written;

	start(f, APIC_LEVEL_DELIVERY);
	(void)virtual_apic_accept(&f->vcpu.apic, VECTOR, true);
	vcpu_apicv_flush(&f->vcpu);
	written = fake_cpu.vmwrite_count;
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_cpu.vmwrite_count, written);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(what_pends_becomes_the_requesting_vector),
		WITH_VCPU(what_the_cpu_delivered_is_taken_over),
		WITH_VCPU(what_was_accepted_before_the_look_stays),
		WITH_VCPU(an_init_in_a_handler_leaves_nothing_in_service),
		WITH_VCPU(an_eoi_without_an_exit_is_taken_over),
		WITH_VCPU(the_end_of_a_level_triggered_vector_exits),
		WITH_VCPU(a_tpr_that_holds_back_has_a_threshold),
		WITH_VCPU(in_software_the_vmcs_is_left_alone),
		WITH_VCPU(what_stands_is_not_written_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
