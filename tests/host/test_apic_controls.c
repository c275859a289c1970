/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/apic_controls.c vmx/capability.c */
#include "vmx/apic_controls.h"

#include "cpu_models.h"
#include "vmx/control_bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CR8_EXITING  (PRIMARY_CR8_LOAD_EXITING | PRIMARY_CR8_STORE_EXITING)
#define OTHER_BITS_0 PIN_NMI_EXITING
#define OTHER_BITS_1 PRIMARY_HLT_EXITING
#define OTHER_BITS_2 SECONDARY_ENABLE_EPT
#define REGISTERS    SECONDARY_APIC_REGISTER_VIRTUALIZATION
#define DELIVERY     SECONDARY_VIRTUAL_INTERRUPT_DELIVERY

static struct vmx_capability capability_of(const char *name)
{
	struct vmx_capability capability;

	cpu_model_install(cpu_model_find(name));
	vmx_capability_read(&capability);
	return capability;
}

static enum apic_level level(const char *name, enum apic_choice choice)
{
	const struct vmx_capability capability = capability_of(name);

	return apic_controls_level(&capability, choice);
}

static void software_is_software_everywhere(void **state)
{
	(void)state;
	assert_int_equal(level("corei7_haswell_4770", APIC_SOFTWARE), APIC_LEVEL_SOFTWARE);
	assert_int_equal(level("corei3_cnl", APIC_SOFTWARE), APIC_LEVEL_SOFTWARE);
}

static void hardware_is_all_that_the_cpu_offers(void **state)
{
	(void)state;
	assert_int_equal(level("corei7_haswell_4770", APIC_HARDWARE), APIC_LEVEL_DELIVERY);
	assert_int_equal(level("corei7_skylake_x", APIC_HARDWARE), APIC_LEVEL_DELIVERY);
	assert_int_equal(level("corei3_cnl", APIC_HARDWARE), APIC_LEVEL_TPR_SHADOW);
	assert_int_equal(level("corei7_ivy_bridge_3770k", APIC_HARDWARE), APIC_LEVEL_TPR_SHADOW);
}

static void auto_leaves_delivery_out_where_interrupts_cannot_be_posted(void **state)
{
	struct vmx_capability capability = capability_of("corei7_haswell_4770");

	(void)state;
	assert_int_equal(apic_controls_level(&capability, APIC_AUTO), APIC_LEVEL_REGISTERS);
	capability.pin.allowed1 |= (uint32_t)PIN_PROCESS_POSTED_INTERRUPTS;
	assert_int_equal(apic_controls_level(&capability, APIC_AUTO), APIC_LEVEL_POSTING);
	assert_int_equal(apic_controls_level(&capability, APIC_SOFTWARE), APIC_LEVEL_SOFTWARE);
	capability.secondary.allowed1 &= ~(uint32_t)DELIVERY;
	assert_int_equal(apic_controls_level(&capability, APIC_AUTO), APIC_LEVEL_REGISTERS);
	assert_int_equal(level("corei3_cnl", APIC_AUTO), APIC_LEVEL_TPR_SHADOW);
}

static void without_a_tpr_shadow_nothing_else_counts(void **state)
{
	struct vmx_capability capability = capability_of("corei7_haswell_4770");

	(void)state;
	capability.primary.allowed1 &= ~(uint32_t)PRIMARY_USE_TPR_SHADOW;
	assert_int_equal(apic_controls_level(&capability, APIC_HARDWARE), APIC_LEVEL_SOFTWARE);
}

static struct control_set set_of(const char *name, enum apic_level at, enum apic_reach reach)
{
	const struct vmx_capability capability = capability_of(name);
	/* All that it owns is on, to be seen to go off. */
	struct control_set controls = {
		.pin = (uint32_t)(OTHER_BITS_0 | PIN_PROCESS_POSTED_INTERRUPTS),
		.primary = (uint32_t)(OTHER_BITS_1 | CR8_EXITING | PRIMARY_USE_TPR_SHADOW),
		.secondary = (uint32_t)(OTHER_BITS_2 | SECONDARY_VIRTUALIZE_APIC_ACCESSES |
					SECONDARY_VIRTUALIZE_X2APIC_MODE | REGISTERS | DELIVERY),
	};

	apic_controls_set(&capability, at, reach, &controls);
	return controls;
}

static void each_level_has_its_controls(void **state)
{
	static const struct {
		enum apic_level level;
		enum apic_reach reach;
		uint64_t primary;
		uint64_t secondary;
	} cases[] = {
		{APIC_LEVEL_SOFTWARE, APIC_REACH_PAGE, CR8_EXITING, 0},
		{APIC_LEVEL_SOFTWARE, APIC_REACH_MSRS, CR8_EXITING, 0},
		{APIC_LEVEL_TPR_SHADOW, APIC_REACH_NOWHERE, PRIMARY_USE_TPR_SHADOW, 0},
		{APIC_LEVEL_TPR_SHADOW, APIC_REACH_PAGE, PRIMARY_USE_TPR_SHADOW,
			SECONDARY_VIRTUALIZE_APIC_ACCESSES},
		{APIC_LEVEL_REGISTERS, APIC_REACH_MSRS, PRIMARY_USE_TPR_SHADOW,
			SECONDARY_VIRTUALIZE_X2APIC_MODE | REGISTERS},
		{APIC_LEVEL_DELIVERY, APIC_REACH_PAGE, PRIMARY_USE_TPR_SHADOW,
			SECONDARY_VIRTUALIZE_APIC_ACCESSES | REGISTERS | DELIVERY},
		{APIC_LEVEL_DELIVERY, APIC_REACH_NOWHERE, PRIMARY_USE_TPR_SHADOW,
			REGISTERS | DELIVERY},
		{APIC_LEVEL_POSTING, APIC_REACH_MSRS, PRIMARY_USE_TPR_SHADOW,
			SECONDARY_VIRTUALIZE_X2APIC_MODE | REGISTERS | DELIVERY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct control_set controls =
			set_of("corei7_haswell_4770", cases[i].level, cases[i].reach);

		assert_int_equal(
			controls.pin, OTHER_BITS_0 | (cases[i].level == APIC_LEVEL_POSTING
								     ? PIN_PROCESS_POSTED_INTERRUPTS
								     : 0));
		assert_int_equal(controls.primary, OTHER_BITS_1 | cases[i].primary);
		assert_int_equal(controls.secondary, OTHER_BITS_2 | cases[i].secondary);
	}
}

static void the_names_are_told_apart(void **state)
{
	(void)state;
	assert_string_equal(apic_controls_level_name(APIC_LEVEL_SOFTWARE), "software");
	assert_string_equal(
		apic_controls_level_name(APIC_LEVEL_DELIVERY), "virtual-interrupt delivery");
	assert_string_equal(apic_controls_level_name(APIC_LEVEL_POSTING), "posted interrupts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(software_is_software_everywhere),
		cmocka_unit_test(hardware_is_all_that_the_cpu_offers),
		cmocka_unit_test(auto_leaves_delivery_out_where_interrupts_cannot_be_posted),
		cmocka_unit_test(without_a_tpr_shadow_nothing_else_counts),
		cmocka_unit_test(each_level_has_its_controls),
		cmocka_unit_test(the_names_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
