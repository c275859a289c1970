/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/doctor.c vmx/requirements.c vmx/capability.c vmx/controls.c
 * vmx/itlb_multihit.c */
#include "vmx/doctor.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "cpu_models.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "lib/bits.h"
#include "vmx/control_bits.h"
#include "vmx/requirements.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
	LOG_LINE_MAX = 255,
	ADVICE_MAX = 160,
};

static struct vmx_capability model_capability(const char *name)
{
	struct vmx_capability capability;

	cpu_model_install(cpu_model_find(name));
	vmx_capability_read(&capability);
	return capability;
}

static struct vmx_capability haswell(void)
{
	return model_capability("corei7_haswell_4770");
}

static bool report(const struct vmx_capability *capability, bool is_verbose)
{
	fake_log_clear();
	return doctor_report(capability, is_verbose);
}

static bool log_has(const char *text)
{
	return strstr(fake_log_text(), text) != NULL;
}

static size_t log_lines_with(const char *text)
{
	size_t count = 0;

	for (const char *at = strstr(fake_log_text(), text); at != NULL; at = strstr(at, text)) {
		count++;
		at += strlen(text);
	}
	return count;
}

static void assert_refused_with(const struct vmx_capability *capability, const char *text)
{
	assert_false(report(capability, false));
	if (!log_has(text)) {
		fail_msg("no \"%s\" in:\n%s", text, fake_log_text());
	}
	assert_true(log_has("error: doctor: this CPU cannot run Trivet"));
	assert_false(report(capability, true));
	assert_true(log_has(text));
}

/* Takes away what the row asks for. The number words are broken by a test of their own. */
static void break_row(struct vmx_capability *capability, const struct requirement *row)
{
	struct control_capability *controls[] = {
		[CAPABILITY_PIN] = &capability->pin,
		[CAPABILITY_PRIMARY] = &capability->primary,
		[CAPABILITY_SECONDARY] = &capability->secondary,
		[CAPABILITY_EXIT] = &capability->exit,
		[CAPABILITY_ENTRY] = &capability->entry,
	};
	uint64_t bit = row->operand & -row->operand;
	bool is_zero_wanted = row->rule == RULE_CAN_BE_0;

	switch (row->word) {
	case CAPABILITY_CR0:
		*(is_zero_wanted ? &capability->cr0_fixed0 : &capability->cr0_fixed1) ^= bit;
		break;
	case CAPABILITY_CR4:
		*(is_zero_wanted ? &capability->cr4_fixed0 : &capability->cr4_fixed1) ^= bit;
		break;
	case CAPABILITY_BASIC:
		capability->basic ^= bit;
		break;
	case CAPABILITY_REGION_SIZE:
		capability->basic |= BIT(VMX_BASIC_REGION_SIZE_LOW);
		break;
	case CAPABILITY_REGION_MEMORY_TYPE:
		capability->basic = bits_put(capability->basic, VMX_BASIC_MEMORY_TYPE_HIGH,
			VMX_BASIC_MEMORY_TYPE_LOW, MEMORY_TYPE_UC);
		break;
	case CAPABILITY_EPT:
	case CAPABILITY_VPID:
		capability->ept_vpid_cap &= ~row->operand;
		break;
	case CAPABILITY_PHYSICAL_ADDRESS_BITS:
		capability->physical_address_bits = 53;
		break;
	default:
		if (is_zero_wanted) {
			controls[row->word]->allowed0 |= (uint32_t)bit;
		} else {
			controls[row->word]->allowed1 &= (uint32_t)~bit;
		}
	}
}

static void every_model_gets_the_right_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < cpu_models_count; i++) {
		struct vmx_capability capability = model_capability(cpu_models[i].name);

		if (report(&capability, false) != cpu_models[i].can_run ||
			report(&capability, true) != cpu_models[i].can_run) {
			fail_msg("%s:\n%s", cpu_models[i].name, fake_log_text());
		}
		assert_int_equal(log_has("error: "), !cpu_models[i].can_run);
	}
}

static void a_fit_cpu_gets_one_line_unless_verbose(void **state)
{
	struct vmx_capability capability = haswell();

	(void)state;
	assert_true(report(&capability, false));
	assert_int_equal(log_lines_with("\n"), 1);
	assert_true(log_has("doctor: this CPU can run Trivet: required="));
}

static void verbose_has_one_line_for_each_row(void **state)
{
	struct vmx_capability capability = haswell();

	(void)state;
	assert_true(report(&capability, true));
	assert_int_equal(log_lines_with(" found=yes"), requirements_count + 1);
	assert_int_equal(log_lines_with(" found=no"), 0);
	assert_true(log_has("doctor: secondary control \"unrestricted guest\" wanted=required "
			    "found=yes\n"));
	assert_true(log_has("doctor: EPT \"1-GByte page\" wanted=used found=yes\n"));
	assert_true(log_has("doctor: primary control \"CR3-load exiting\" = 0 wanted=required "
			    "found=yes\n"));
	assert_true(log_has("doctor: CPU vendor=GenuineIntel hypervisor=none"));
}

static void verbose_tells_of_itlb_multihit(void **state)
{
	struct vmx_capability capability = haswell();

	(void)state;
	capability.signature = 0x306c3;
	assert_true(report(&capability, true));
	assert_true(log_has("doctor: iTLB multihit: affected signature=0x306c3; large pages are "
			    "split where guests execute\n"));
	capability.arch_capabilities = ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO;
	assert_true(report(&capability, true));
	assert_true(log_has("doctor: iTLB multihit: not affected: "
			    "IA32_ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO; guests execute from large "
			    "pages\n"));
	assert_true(report(&capability, false));
	assert_false(log_has("multihit"));
}

static void each_row_broken_alone_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < requirements_count; i++) {
		const struct requirement *row = &requirements_table[i];
		struct vmx_capability capability = haswell();
		bool is_required = row->need == NEED_REQUIRED;
		char complaint[ADVICE_MAX];

		break_row(&capability, row);
		assert_false(requirements_is_met(row, &capability));
		if (report(&capability, false) == is_required) {
			fail_msg("%s: wrong verdict:\n%s", row->name, fake_log_text());
		}
		snprintf(complaint, sizeof(complaint), "%s: doctor: missing %s \"%s\"",
			is_required ? "error" : "warning", requirements_word_name(row->word),
			row->name);
		if (!log_has(complaint) || !log_has(row->remedy)) {
			fail_msg("no \"%s\" in:\n%s", complaint, fake_log_text());
		}
		assert_int_equal(log_lines_with(": doctor: missing "), 1);
	}
}

static void no_line_is_cut(void **state)
{
	struct vmx_capability nothing = haswell();

	(void)state;
	for (size_t i = 0; i < requirements_count; i++) {
		struct vmx_capability capability = haswell();

		break_row(&capability, &requirements_table[i]);
		(void)report(&capability, true);
		for (const char *line = fake_log_text(); *line != '\0';) {
			size_t length = strcspn(line, "\n");

			assert_true(length < LOG_LINE_MAX);
			line += length + 1;
		}
	}
	nothing.feature_control = FEATURE_CONTROL_LOCK;
	(void)report(&nothing, true);
	assert_int_equal(log_lines_with("power-cycle\n"), 1);
}

static void without_vmx_the_advice_fits_the_machine(void **state)
{
	static const struct {
		const char *vendor;
		const char *hypervisor; /* NULL: a bare machine. */
		const char *advice;
	} machines[] = {
		{"GenuineIntel", NULL, "too old, or VT-x is switched off"},
		{"AuthenticAMD", NULL, "AMD-V territory"},
		{"HygonGenuine", NULL, "AMD-V territory"},
		{"AuthenticAMD", "KVMKVMKVM", "AMD-V territory"},
		{"AuthenticAMD", "TCGTCGTCGTCG", "TCG) does not emulate VMX"},
		{"GenuineIntel", "TCGTCGTCGTCG", "TCG) does not emulate VMX"},
		{"GenuineIntel", "KVMKVMKVM", "kvm_intel with nested=1"},
		{"GenuineIntel", "VMwareVMware", "Virtualize Intel VT-x/EPT"},
		{"GenuineIntel", "VBoxVBoxVBox", "Enable Nested VT-x"},
		{"GenuineIntel", "Microsoft Hv", "ExposeVirtualizationExtensions"},
		{"GenuineIntel", "XenVMMXenVMM", "nestedhvm=1"},
		{"GenuineIntel", "", "nested virtualisation is off in the hypervisor below"},
		{"GenuineIntel", "SomethingNew", "nested virtualisation is off in the hypervisor"},
		{"GenuineTMx86", NULL, "too old, or VT-x is switched off"},
	};
	const struct cpu_model *model = cpu_model_find("p4_prescott_celeron_336");

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(machines); i++) {
		struct vmx_capability capability;

		cpu_model_install(model);
		cpu_model_set_vendor(machines[i].vendor);
		if (machines[i].hypervisor != NULL) {
			cpu_model_set_hypervisor(model, machines[i].hypervisor);
		}
		vmx_capability_read(&capability);
		assert_refused_with(&capability, machines[i].advice);
	}
}

static void feature_control_is_judged_in_each_state(void **state)
{
	const uint64_t lock = FEATURE_CONTROL_LOCK;
	struct vmx_capability capability = haswell();

	(void)state;
	capability.feature_control = 0;
	assert_true(report(&capability, true));
	assert_true(log_has("unlocked, Trivet locks it"));
	capability.feature_control = FEATURE_CONTROL_VMX_IN_SMX;
	assert_true(report(&capability, false));
	capability.feature_control = lock | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
	assert_true(report(&capability, true));
	assert_false(log_has("unlocked"));
	capability.feature_control = lock;
	assert_refused_with(&capability, "locked with VMX off; enable VT-x (Intel");
	capability.feature_control = lock | FEATURE_CONTROL_VMX_IN_SMX;
	assert_refused_with(&capability, "SMX operation only");
}

static void without_ept_only_the_cause_is_named(void **state)
{
	struct vmx_capability capability = haswell();

	(void)state;
	capability.secondary.allowed1 &= ~(uint32_t)SECONDARY_ENABLE_EPT;
	assert_refused_with(&capability, "missing secondary control \"enable EPT\"");
	assert_false(log_has("missing EPT"));
	assert_true(log_has("EPT \"INVEPT\" wanted=required found=no"));
	capability.primary.allowed1 &= ~(uint32_t)PRIMARY_ACTIVATE_SECONDARY;
	assert_refused_with(&capability, "\"activate secondary controls\"");
	assert_false(log_has("missing secondary"));
}

static void without_unrestricted_guest_westmere_is_named(void **state)
{
	struct vmx_capability capability = model_capability("corei5_lynnfield_750");

	(void)state;
	assert_refused_with(&capability, "CPUs before Westmere (2010)");
	assert_int_equal(log_lines_with("error: doctor: missing"), 1);
}

static void without_true_msrs_cr3_exiting_is_the_fault(void **state)
{
	struct vmx_capability capability;

	(void)state;
	cpu_model_install(cpu_model_find("corei7_haswell_4770"));
	fake_msr_set(MSR_IA32_VMX_BASIC, 0x005810000000002b);
	vmx_capability_read(&capability);
	assert_refused_with(&capability, "\"CR3-load exiting\" = 0");
	assert_true(log_has("missing primary control \"CR3-store exiting\" = 0"));
}

static void the_vmcs_must_be_one_write_back_page(void **state)
{
	struct vmx_capability capability = haswell();

	(void)state;
	capability.basic = bits_put(
		capability.basic, VMX_BASIC_REGION_SIZE_HIGH, VMX_BASIC_REGION_SIZE_LOW, 4097);
	assert_refused_with(&capability, "\"VMCS region size\"");
	capability.basic = bits_put(
		capability.basic, VMX_BASIC_REGION_SIZE_HIGH, VMX_BASIC_REGION_SIZE_LOW, 0);
	assert_refused_with(&capability, "\"VMCS region size\"");
	capability.basic = bits_put(
		capability.basic, VMX_BASIC_REGION_SIZE_HIGH, VMX_BASIC_REGION_SIZE_LOW, 1);
	assert_true(report(&capability, false));
	capability.basic = bits_put(
		capability.basic, VMX_BASIC_MEMORY_TYPE_HIGH, VMX_BASIC_MEMORY_TYPE_LOW, 0);
	assert_refused_with(&capability, "\"VMCS memory type write-back\"");
}

static void invept_of_all_contexts_is_required_and_enough(void **state)
{
	struct vmx_capability capability = haswell();

	(void)state;
	capability.ept_vpid_cap &= ~EPT_CAP_INVEPT_SINGLE;
	assert_true(report(&capability, false));
	capability.ept_vpid_cap ^= EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL;
	assert_refused_with(&capability, "\"INVEPT all-context\"");
}

static void unreadable_msrs_are_told_from_missing_features(void **state)
{
	const struct cpu_model *model = cpu_model_find("corei7_haswell_4770");
	struct vmx_capability capability;

	(void)state;
	cpu_model_install(model);
	cpu_model_set_hypervisor(model, "KVMKVMKVM");
	for (uint32_t i = 0; i < CPU_MODEL_VMX_MSR_COUNT; i++) {
		fake_msr_remove(CPU_MODEL_VMX_MSR_FIRST + i);
	}
	vmx_capability_read(&capability);
	assert_refused_with(&capability, "its capability MSRs cannot be read");
	assert_int_equal(log_lines_with("error: doctor: missing"), 1);
	assert_true(log_has("this machine is virtual"));
}

static void requests_hold_the_rows_that_are_set(void **state)
{
	struct controls_request pin = requirements_request(CAPABILITY_PIN);
	struct controls_request primary = requirements_request(CAPABILITY_PRIMARY);
	struct controls_request entry = requirements_request(CAPABILITY_ENTRY);

	(void)state;
	assert_int_equal(pin.required, PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING);
	assert_int_equal(pin.wanted, PIN_VIRTUAL_NMIS);
	assert_int_equal(primary.required & PRIMARY_CR3_LOAD_EXITING, 0);
	assert_int_equal(entry.required & ENTRY_IA32E_MODE_GUEST, 0);
	assert_int_equal(requirements_request(CAPABILITY_CR0).required, 0);
}

static void a_fit_model_takes_every_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < cpu_models_count; i++) {
		struct vmx_capability capability = model_capability(cpu_models[i].name);
		const struct control_capability words[] = {capability.pin, capability.primary,
			capability.secondary, capability.exit, capability.entry};

		for (size_t word = 0; word < ARRAY_COUNT(words) && cpu_models[i].can_run; word++) {
			uint32_t value;
			uint32_t missing;

			assert_int_equal(
				controls_adjust(requirements_request((enum capability_word)word),
					words[word], &value, &missing),
				STATUS_OK);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_gets_the_right_verdict),
		cmocka_unit_test(a_fit_cpu_gets_one_line_unless_verbose),
		cmocka_unit_test(verbose_has_one_line_for_each_row),
		cmocka_unit_test(verbose_tells_of_itlb_multihit),
		cmocka_unit_test(each_row_broken_alone_is_named),
		cmocka_unit_test(no_line_is_cut),
		cmocka_unit_test(without_vmx_the_advice_fits_the_machine),
		cmocka_unit_test(feature_control_is_judged_in_each_state),
		cmocka_unit_test(without_ept_only_the_cause_is_named),
		cmocka_unit_test(without_unrestricted_guest_westmere_is_named),
		cmocka_unit_test(without_true_msrs_cr3_exiting_is_the_fault),
		cmocka_unit_test(the_vmcs_must_be_one_write_back_page),
		cmocka_unit_test(invept_of_all_contexts_is_required_and_enough),
		cmocka_unit_test(unreadable_msrs_are_told_from_missing_features),
		cmocka_unit_test(requests_hold_the_rows_that_are_set),
		cmocka_unit_test(a_fit_model_takes_every_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
