/* SPDX-License-Identifier: MIT */
#include "boot/selftest.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vmx/control_bits.h"
#include "vmx/entry_break.h"
#include "vmx/vmcs.h"

enum {
	NAME_MAX = 80,
	VERDICT_TEXT_MAX = 64,
	CODE_SEGMENT_64 = 0xa09b,
	INSTRUCTION_ERROR_CONTROLS = 7,
	INSTRUCTION_ERROR_HOST_STATE = 8,
};

/* What the CPU said to a VM entry. */
struct verdict {
	enum vmx_result result;
	uint32_t instruction_error;
	uint32_t exit_reason; /* 0xffffffff: the guest was not left. */
};

/* The boot processor alone runs the self-test. */
static uint32_t last_exit_reason;

static enum vmx_resume record_exit(struct vmx_frame *frame)
{
	(void)frame;
	last_exit_reason = vmcs_read32(VMCS_EXIT_REASON);
	return VMX_RESUME_NOT;
}

static void make_real_mode(struct vcpu *vcpu)
{
	(void)vcpu;
}

static void make_protected_mode(struct vcpu *vcpu)
{
	(void)vcpu;
}

/* 64-bit code with paging on; the tables it would need are never walked. */
static void make_64bit_mode(struct vcpu *vcpu)
{
	vmcs_write_natural(VMCS_GUEST_CR0, vmcs_read_natural(VMCS_GUEST_CR0) | CR0_PE | CR0_PG);
	vmcs_write_natural(VMCS_GUEST_CR4, vmcs_read_natural(VMCS_GUEST_CR4) | CR4_PAE);
	vmcs_write64(VMCS_GUEST_IA32_EFER, EFER_LME | EFER_LMA);
	vmcs_write32(VMCS_GUEST_CS_ACCESS_RIGHTS, CODE_SEGMENT_64);
	vmcs_write32(
		VMCS_VM_ENTRY_CONTROLS, vcpu->controls.entry | (uint32_t)ENTRY_IA32E_MODE_GUEST);
}

static const struct {
	const char *name;
	enum vcpu_start_mode start;
	void (*make)(struct vcpu *vcpu);
} modes[] = {
	{"real", VCPU_START_REAL_MODE, make_real_mode},
	{"protected", VCPU_START_PROTECTED_MODE, make_protected_mode},
	{"64bit", VCPU_START_PROTECTED_MODE, make_64bit_mode},
};

static enum status make_good_vmcs(struct vcpu *vcpu, size_t mode)
{
	const struct vcpu_start start = {.mode = modes[mode].start, .rip = PAGE_SIZE_4K};
	const enum status status = vcpu_init(vcpu, &start);

	if (status == STATUS_OK) {
		modes[mode].make(vcpu);
	}
	return status;
}

static struct verdict try_entry(struct vcpu *vcpu)
{
	struct verdict verdict;

	last_exit_reason = UINT32_MAX;
	vcpu->frame.handle_exit = record_exit;
	verdict.result = vmx_run(&vcpu->frame);
	verdict.exit_reason = last_exit_reason;
	verdict.instruction_error =
		verdict.result == VMX_FAIL_VALID ? vmcs_read32(VMCS_VM_INSTRUCTION_ERROR) : 0;
	return verdict;
}

/* True if the CPU refused the entry in the way that the SDM gives for the area. */
static bool is_refused_for(const struct verdict *verdict, enum entry_check_area area)
{
	switch (area) {
	case ENTRY_CHECK_CONTROLS:
		return verdict->instruction_error == INSTRUCTION_ERROR_CONTROLS;
	case ENTRY_CHECK_HOST_STATE:
		return verdict->instruction_error == INSTRUCTION_ERROR_HOST_STATE;
	case ENTRY_CHECK_GUEST_STATE:
		return verdict->exit_reason ==
		       (EXIT_REASON_ENTRY_FAILURE | EXIT_REASON_ENTRY_FAILURE_GUEST_STATE);
	case ENTRY_CHECK_MSR_LOADING:
		return verdict->exit_reason ==
		       (EXIT_REASON_ENTRY_FAILURE | EXIT_REASON_ENTRY_FAILURE_MSR_LOADING);
	}
	return false;
}

static void describe_verdict(const struct verdict *verdict, char *text, size_t size_bytes)
{
	if (verdict->result != VMX_SUCCEED) {
		format(text, size_bytes, "VMfail error=%u", verdict->instruction_error);
	} else {
		format(text, size_bytes, "exit reason=%#x", verdict->exit_reason);
	}
}

static void test_good_vmcs(struct vcpu *vcpu, size_t mode)
{
	struct entry_check_failure failure;
	char verdict_text[VERDICT_TEXT_MAX];
	char name[NAME_MAX];
	size_t broken;
	struct verdict verdict;

	format(name, sizeof(name), "entry_%s_good_vmcs_enters", modes[mode].name);
	if (make_good_vmcs(vcpu, mode) != STATUS_OK) {
		selftest_result(name, false, "no VMCS");
		return;
	}
	broken = entry_check(vcpu->capability, &failure, 1);
	verdict = try_entry(vcpu);
	describe_verdict(&verdict, verdict_text, sizeof(verdict_text));
	selftest_result(name,
		broken == 0 && verdict.result == VMX_SUCCEED &&
			(verdict.exit_reason & EXIT_REASON_ENTRY_FAILURE) == 0,
		"cpu: %s, software: %lu rules broken%s%s", verdict_text, broken,
		broken == 0 ? "" : " first: ", broken == 0 ? "" : failure.rule);
}

static void test_row(struct vcpu *vcpu, size_t mode, const struct entry_break *row)
{
	struct entry_check_failure failure = {.rule = "none"};
	char verdict_text[VERDICT_TEXT_MAX];
	char name[NAME_MAX];
	struct verdict verdict;
	size_t broken;

	format(name, sizeof(name), "entry_%s_%s", modes[mode].name, row->name);
	if (make_good_vmcs(vcpu, mode) != STATUS_OK) {
		selftest_result(name, false, "no VMCS");
		return;
	}
	if (!entry_break_applies(row, vcpu->capability)) {
		selftest_skip(name, "needs another mode or a feature that this CPU lacks");
		return;
	}
	entry_break_apply(row);
	broken = entry_check(vcpu->capability, &failure, 1);
	verdict = try_entry(vcpu);
	describe_verdict(&verdict, verdict_text, sizeof(verdict_text));
	selftest_result(name,
		broken != 0 && failure.area == row->area && is_refused_for(&verdict, row->area),
		"cpu: %s, software: %s=%#lx %s", verdict_text,
		broken == 0 ? "-" : vmcs_field_name(failure.field), failure.value, failure.rule);
}

static bool try_all_rows(struct vcpu *vcpu, const struct vcpu_start *start)
{
	(void)start;
	for (size_t mode = 0; mode < ARRAY_COUNT(modes); mode++) {
		test_good_vmcs(vcpu, mode);
		for (size_t i = 0; i < entry_break_count(); i++) {
			test_row(vcpu, mode, entry_break_get(i));
		}
	}
	vm_end(vcpu->vm, VM_END_CALL, 0, "%s", "");
	return false;
}

void selftest_entry_checks(const struct run_context *context)
{
	static struct guest_entry entry;
	struct run_context own = *context;

	memset(&entry, 0, sizeof(entry));
	format(entry.config.name, sizeof(entry.config.name), "entry-checks");
	entry.config.kind = VM_KIND_FLAT;
	entry.config.vcpu_count = 1;
	entry.config.weight = RUN_WEIGHT_DEFAULT;
	entry.config.memory_size_bytes = MIB(1);
	entry.config.image = (struct image){entry.config.name, selftest_spin_masked_start,
		(uint64_t)(selftest_spin_masked_end - selftest_spin_masked_start)};
	own.prepare = try_all_rows;
	run_guest(&own, &entry);
}
