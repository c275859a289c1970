/* SPDX-License-Identifier: MIT */
#include "cpu/percpu.h"
#include "fake_insn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* SDM Vol. 3D "Field Encoding in VMCS": encodings have 15 bits; bit 0 asks for the high
	 * half of a 64-bit field, bits 11:10 are the type and 14:13 the width. */
	VMCS_ENCODING_COUNT = 0x8000,
	VMCS_TYPE_HIGH = 11,
	VMCS_TYPE_LOW = 10,
	VMCS_TYPE_EXIT_INFORMATION = 1,
	VMCS_WIDTH_HIGH = 14,
	VMCS_WIDTH_LOW = 13,
	VMCS_HALF_BITS = 32,

	REGION_WORDS = 1024,
	REGIONS_MAX = 16,
	DIGEST_SHIFT = 7,
};

#define DIGEST_FACTOR 0x9e3779b97f4a7c15ull

/* The fields of one VMCS. */
struct fake_vmcs {
	uint64_t region;
	uint64_t values[VMCS_ENCODING_COUNT];
};

uint32_t fake_vmcs_region[REGION_WORDS];

static _Thread_local struct fake_vmcs first_vmcs;
static _Thread_local struct fake_vmcs *others[REGIONS_MAX];
static _Thread_local size_t other_count;
static _Thread_local struct fake_vmcs *current;
static _Thread_local bool is_begun;
static _Thread_local bool vmcs_is_absent[VMCS_ENCODING_COUNT];

/* A fault that the real CPU would raise, or a test beyond the fake's tables. */
static _Noreturn void fake_fault(const char *what, uint64_t which)
{
	fprintf(stderr, "fake cpu: %s: %#llx\n", what, (unsigned long long)which);
	abort();
}

void fake_vmcs_reset(void)
{
	while (other_count != 0) {
		free(others[--other_count]);
	}
	memset(&first_vmcs, 0, sizeof(first_vmcs));
	memset(vmcs_is_absent, 0, sizeof(vmcs_is_absent));
	first_vmcs.region = hpa_of(fake_vmcs_region).value;
	current = &first_vmcs;
	is_begun = true;
	insn_read_this_cpu()->vmcs = fake_vmcs_region;
}

/* A thread's CPU begins as after a reset. */
static struct fake_vmcs *current_vmcs(void)
{
	if (!is_begun) {
		first_vmcs.region = hpa_of(fake_vmcs_region).value;
		current = &first_vmcs;
		is_begun = true;
	}
	return current;
}

static struct fake_vmcs *find(uint64_t region)
{
	if (region == hpa_of(fake_vmcs_region).value) {
		return &first_vmcs;
	}
	for (size_t i = 0; i < other_count; i++) {
		if (others[i]->region == region) {
			return others[i];
		}
	}
	if (other_count == REGIONS_MAX) {
		fake_fault("too many VMCSs", region);
	}
	others[other_count] = calloc(1, sizeof(struct fake_vmcs));
	if (others[other_count] == NULL) {
		fake_fault("no memory for a VMCS", region);
	}
	others[other_count]->region = region;
	return others[other_count++];
}

enum vmx_result insn_vmclear(hpa_t region)
{
	fake_cpu.vmclear_region = region;
	fake_cpu.vmclear_count++;
	if (fake_cpu.vmclear_result == VMX_SUCCEED && current_vmcs() != NULL &&
		current->region == region.value) {
		current = NULL;
	}
	return fake_cpu.vmclear_result;
}

enum vmx_result insn_vmptrld(hpa_t region)
{
	fake_cpu.vmptrld_region = region;
	fake_cpu.vmptrld_count++;
	if (fake_cpu.vmptrld_result != VMX_SUCCEED) {
		return fake_cpu.vmptrld_result;
	}
	(void)current_vmcs();
	if (fake_cpu.on_vmptrld != NULL) {
		/* The test keeps what each region holds: one array serves all. */
		fake_cpu.on_vmptrld(region);
		first_vmcs.region = region.value;
		current = &first_vmcs;
	} else {
		current = find(region.value);
	}
	return fake_cpu.vmptrld_result;
}

hpa_t insn_vmptrst(void)
{
	return hpa(current_vmcs() != NULL ? current->region : UINT64_MAX);
}

void fake_vmcs_load(const void *region)
{
	(void)current_vmcs();
	current = find(hpa_of(region).value);
	insn_read_this_cpu()->vmcs = region;
}

uint64_t fake_vmcs_digest(const void *region)
{
	const struct fake_vmcs *vmcs = find(hpa_of(region).value);
	uint64_t digest = 0;

	for (size_t i = 0; i < VMCS_ENCODING_COUNT; i++) {
		digest = (digest ^ digest >> DIGEST_SHIFT ^ vmcs->values[i]) * DIGEST_FACTOR;
	}
	return digest;
}

static uint64_t vmcs_mask(uint32_t field)
{
	static const uint64_t width_masks[] = {UINT16_MAX, UINT64_MAX, UINT32_MAX, UINT64_MAX};

	return width_masks[bits_get(field, VMCS_WIDTH_HIGH, VMCS_WIDTH_LOW)];
}

static bool vmcs_has(uint64_t field)
{
	return current_vmcs() != NULL && field < VMCS_ENCODING_COUNT &&
	       !vmcs_is_absent[field & ~1ULL];
}

uint64_t *fake_vmcs_slot(uint32_t field)
{
	if (field >= VMCS_ENCODING_COUNT) {
		fake_fault("no such VMCS field", field);
	}
	if (current_vmcs() == NULL) {
		fake_fault("no VMCS is current for field", field);
	}
	return &current->values[field & ~1u];
}

void fake_vmcs_set(uint32_t field, uint64_t value)
{
	uint64_t *slot = fake_vmcs_slot(field);

	if ((field & 1) != 0) {
		*slot = bits_put(*slot, 63, VMCS_HALF_BITS, value);
		return;
	}
	*slot = value & vmcs_mask(field);
}

uint64_t fake_vmcs_get(uint32_t field)
{
	const uint64_t value = *fake_vmcs_slot(field);

	return (field & 1) != 0 ? value >> VMCS_HALF_BITS : value;
}

void fake_vmcs_set_absent(uint32_t field, bool is_absent)
{
	if (field >= VMCS_ENCODING_COUNT) {
		fake_fault("no such VMCS field", field);
	}
	vmcs_is_absent[field & ~1u] = is_absent;
}

enum vmx_result insn_vmread_checked(uint64_t field, uint64_t *value)
{
	fake_cpu.vmread_count++;
	if (fake_cpu.on_vmcs_access != NULL) {
		fake_cpu.on_vmcs_access(false);
	}
	*value = 0;
	if (!vmcs_has(field)) {
		return current != NULL ? VMX_FAIL_VALID : VMX_FAIL_INVALID;
	}
	*value = fake_vmcs_get((uint32_t)field);
	return VMX_SUCCEED;
}

uint64_t insn_vmread(uint64_t field)
{
	uint64_t value;

	(void)insn_vmread_checked(field, &value);
	return value;
}

void insn_vmwrite(uint64_t field, uint64_t value)
{
	fake_cpu.vmwrite_count++;
	if (fake_cpu.on_vmcs_access != NULL) {
		fake_cpu.on_vmcs_access(true);
	}
	if (!vmcs_has(field) ||
		bits_get(field, VMCS_TYPE_HIGH, VMCS_TYPE_LOW) == VMCS_TYPE_EXIT_INFORMATION) {
		fake_cpu.vmwrite_refused_count++;
		return;
	}
	fake_vmcs_set((uint32_t)field, value);
}

bool fake_vmcs_holds(const void *at)
{
	return current_vmcs() != NULL &&
	       (size_t)((const uint8_t *)at - (const uint8_t *)current->values) <
		       sizeof(current->values);
}
