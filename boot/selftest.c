/* SPDX-License-Identifier: MIT */
#include "boot/selftest.h"

#include "cpu/log.h"
#include "cpu/msr.h"
#include "cpu/pic8259_host.h"
#include "cpu/pit_host.h"
#include "cpu/registers.h"
#include "cpu/trap.h"
#include "lib/bits.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vmx/vmcs.h"

#include <stdarg.h>

enum {
	RESULT_TEXT_MAX = 160,
	PIT_FREQUENCY_HZ = 1000,
	MSR_THAT_NO_CPU_HAS = 0x4fffffff,
	LOCAL_APIC_ID_OFFSET = 0x20,
	STATUS_OF_A_CRASH = 126,
};

#define GUEST_MEMORY MIB(1)

/* The boot processor alone runs the self-test. */
static unsigned passed;
static unsigned failed;
static unsigned skipped;

void selftest_result(const char *name, bool is_pass, const char *template, ...)
{
	char text[RESULT_TEXT_MAX];
	va_list args;

	va_start(args, template);
	vformat(text, sizeof(text), template, args);
	va_end(args);
	passed += is_pass ? 1 : 0;
	failed += is_pass ? 0 : 1;
	log_info("selftest", "%s %s: %s", is_pass ? "PASS" : "FAIL", name, text);
}

void selftest_skip(const char *name, const char *why)
{
	skipped++;
	log_info("selftest", "SKIP %s: %s", name, why);
}

static void test_traps(void)
{
	const uint64_t before = trap_count(VECTOR_BP);
	uint64_t value;

	insn_int3();
	selftest_result("trap_breakpoint_returns", trap_count(VECTOR_BP) == before + 1, "count=%lu",
		trap_count(VECTOR_BP));
	selftest_result("rdmsr_of_no_msr_is_survived",
		!insn_rdmsr_safe(MSR_THAT_NO_CPU_HAS, &value), "msr=%#x", MSR_THAT_NO_CPU_HAS);
}

/* Runs a flat image as a guest. Returns its exit status; `prepare` may be NULL. */
static unsigned run_flat(const struct run_context *context, const char *name, const uint8_t *start,
	const uint8_t *end, bool (*prepare)(struct vcpu *, const struct vcpu_start *))
{
	static struct guest_entry entry;
	struct run_context own = *context;

	memset(&entry, 0, sizeof(entry));
	format(entry.config.name, sizeof(entry.config.name), "%s", name);
	entry.config.kind = VM_KIND_FLAT;
	entry.config.vcpu_count = 1;
	entry.config.weight = RUN_WEIGHT_DEFAULT;
	entry.config.memory_size_bytes = GUEST_MEMORY;
	entry.config.image = (struct image){entry.config.name, start, (uint64_t)(end - start)};
	own.prepare = prepare;
	/* One of them has the real APIC's page. */
	own.apic_choice = APIC_SOFTWARE;
	return run_guest(&own, &entry);
}

/* The host's timer must take the CPU back from a guest that never exits, and the guest must not
 * notice. */
static void test_external_interrupts(const struct run_context *context, const char *name,
	const uint8_t *start, const uint8_t *end)
{
	const uint8_t vector = PIC_HOST_VECTOR_BASE + PIC_HOST_IRQ_PIT;
	const uint64_t before = trap_count(vector);
	unsigned status;

	pit_host_start(PIT_FREQUENCY_HZ);
	pic8259_host_set_mask(PIC_HOST_IRQ_PIT, false);
	status = run_flat(context, name, start, end, NULL);
	pic8259_host_set_mask(PIC_HOST_IRQ_PIT, true);
	selftest_result(name, status == 0 && trap_count(vector) > before,
		"status=%u interrupts=%lu", status, trap_count(vector) - before);
}

static bool prepare_misconfiguration(struct vcpu *vcpu, const struct vcpu_start *start)
{
	(void)start;
	/* Write without read: SDM Vol. 3C "EPT Misconfigurations". */
	vcpu->vm->ept.pml4[0] &= ~EPT_READ;
	return true;
}

static void test_ept_misconfiguration(const struct run_context *context)
{
	const unsigned status = run_flat(context, "ept_misconfiguration",
		selftest_spin_masked_start, selftest_spin_masked_end, prepare_misconfiguration);

	selftest_result("ept_misconfiguration_ends_the_guest", status == STATUS_OF_A_CRASH,
		"status=%u", status);
}

static bool prepare_nmi(struct vcpu *vcpu, const struct vcpu_start *start)
{
	const uint64_t page = align_down(insn_rdmsr(MSR_IA32_APIC_BASE), PAGE_SIZE_4K);
	const uint32_t id =
		*(volatile const uint32_t *)hpa_pointer(hpa(page + LOCAL_APIC_ID_OFFSET));

	(void)start;
	if (ept_map(&vcpu->vm->ept, gpa(page), hpa(page), PAGE_SIZE_4K,
		    (struct ept_attributes){EPT_READ | EPT_WRITE, MEMORY_TYPE_UC, false}) !=
		STATUS_OK) {
		return false;
	}
	vmcs_write_natural(VMCS_GUEST_DS_BASE, page);
	vcpu->frame.registers[REGISTER_RAX] = id;
	return true;
}

/* The guest has the local APIC for this test alone, and sends its own CPU an NMI. */
static void test_nmi(const struct run_context *context)
{
	const uint64_t before = trap_count(VECTOR_NMI);
	uint64_t apic_base = 0;
	unsigned status;

	if (!insn_rdmsr_safe(MSR_IA32_APIC_BASE, &apic_base) || (apic_base & APIC_BASE_EN) == 0 ||
		(apic_base & APIC_BASE_EXTD) != 0) {
		selftest_skip("nmi_comes_to_the_host", "no local APIC in xAPIC mode");
		return;
	}
	status = run_flat(context, "nmi", selftest_nmi_start, selftest_nmi_end, prepare_nmi);
	selftest_result("nmi_comes_to_the_host",
		status == 0 && trap_count(VECTOR_NMI) == before + 1, "status=%u nmis=%lu", status,
		trap_count(VECTOR_NMI) - before);
}

bool selftest_run(const struct run_context *context)
{
	passed = failed = skipped = 0;
	test_traps();
	selftest_entry_checks(context);
	test_ept_misconfiguration(context);
	test_external_interrupts(context, "external_interrupt_in_spin_with_if_0",
		selftest_spin_masked_start, selftest_spin_masked_end);
	test_external_interrupts(context, "external_interrupt_in_spin_with_if_1",
		selftest_spin_open_start, selftest_spin_open_end);
	test_nmi(context);
	log_info("selftest", "%u passed, %u failed, %u skipped", passed, failed, skipped);
	return failed == 0;
}
