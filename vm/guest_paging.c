/* SPDX-License-Identifier: MIT */
#include "vm/guest_paging.h"

#include "cpu/insn.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "vmx/vmcs.h"

/* Paging-structure entries: SDM Vol. 3A "4-Level Paging and 5-Level Paging", "32-Bit Paging". */
#define ENTRY_P  BIT(0)
#define ENTRY_RW BIT(1)
#define ENTRY_US BIT(2)
#define ENTRY_A  BIT(5)
#define ENTRY_D  BIT(6)
#define ENTRY_PS BIT(7)
#define ENTRY_XD BIT(63)

/* The protection key of a page: SDM Vol. 3A "Protection Keys". */
#define ENTRY_KEY_HIGH 62
#define ENTRY_KEY_LOW  59

/* PKRU has two bits for each key. */
#define PKRU_ACCESS_DISABLE 1u
#define PKRU_WRITE_DISABLE  2u

enum {
	LEVELS_MAX = 4,
	TRIES_MAX = 4, /* Of a walk whose entries change under it. */
	PKRU_BITS_PER_KEY = 2,
	PSE_HIGH_BITS = 8, /* PSE-36: bits 39:32 of a 4 MiB page stand in bits 20:13. */
	PSE_LOW = 13,
	PSE_RESERVED_HIGH = 21,
	PSE_FIRST_ADDRESS_BIT = 32,
	PHYSICAL_BITS_32BIT_PAGING = 40,
};

/* One level of a paging mode. */
struct paging_level {
	unsigned index_high;
	unsigned index_low;
	bool can_map_page;
};

struct paging_mode {
	unsigned entry_bytes;
	size_t level_count;
	struct paging_level levels[LEVELS_MAX];
};

static const struct paging_mode mode_32bit = {4, 2, {{31, 22, true}, {21, 12, true}}};
static const struct paging_mode mode_pae = {8, 2, {{29, 21, true}, {20, 12, true}}};
static const struct paging_mode mode_4level = {
	8, 4, {{47, 39, false}, {38, 30, true}, {29, 21, true}, {20, 12, true}}};

/* What the walk has gathered on its way down. */
struct walk {
	const struct guest_paging *paging;
	const struct paging_mode *mode;
	uint64_t table;
	uint64_t entry;
	gpa_t entry_address;
	bool is_writable;
	bool is_user;
	bool is_execute_disabled;
};

static bool is_paging_pae(const struct guest_paging *paging)
{
	return (paging->cr4 & CR4_PAE) != 0;
}

static const struct paging_mode *walk_mode(const struct guest_paging *paging)
{
	if ((paging->efer & EFER_LMA) != 0) {
		return &mode_4level;
	}
	return is_paging_pae(paging) ? &mode_pae : &mode_32bit;
}

static uint64_t address_mask(const struct guest_paging *paging)
{
	return BITS_MASK(paging->physical_address_bits - 1, 12);
}

static bool is_large_page(const struct walk *walk, size_t level)
{
	if (level + 1 == walk->mode->level_count || (walk->entry & ENTRY_PS) == 0) {
		return false;
	}
	return walk->mode != &mode_32bit || (walk->paging->cr4 & CR4_PSE) != 0;
}

/* PSE-36: the bits of a 4 MiB page's entry above those that the CPU has address bits for. */
static uint64_t pse_reserved_bits(unsigned physical_address_bits)
{
	const unsigned width = physical_address_bits < PHYSICAL_BITS_32BIT_PAGING
				       ? physical_address_bits
				       : PHYSICAL_BITS_32BIT_PAGING;

	return BITS_MASK(PSE_RESERVED_HIGH, PSE_LOW + width - PSE_FIRST_ADDRESS_BIT);
}

/* SDM Vol. 3A "Paging-Structure Entries": bits that must be 0. */
static bool has_reserved_bits(const struct walk *walk, size_t level)
{
	const struct paging_level *shape = &walk->mode->levels[level];
	const unsigned width = walk->paging->physical_address_bits;

	if (walk->mode == &mode_32bit) {
		return is_large_page(walk, level) && (walk->entry & pse_reserved_bits(width)) != 0;
	}
	if ((walk->entry & BITS_MASK(51, 12) & ~BITS_MASK(width - 1, 12)) != 0) {
		return true;
	}
	if (walk->mode == &mode_pae && (walk->entry & BITS_MASK(62, 52)) != 0) {
		return true;
	}
	if ((walk->entry & ENTRY_XD) != 0 && (walk->paging->efer & EFER_NXE) == 0) {
		return true;
	}
	if (!shape->can_map_page) {
		return (walk->entry & ENTRY_PS) != 0;
	}
	return is_large_page(walk, level) &&
	       (walk->entry & BITS_MASK(shape->index_low - 1, 13)) != 0;
}

static enum status walk_read_entry(struct walk *walk, gva_t linear, size_t level)
{
	const struct paging_level *shape = &walk->mode->levels[level];
	const uint64_t index = bits_get(linear.value, shape->index_high, shape->index_low);

	walk->entry_address = gpa(walk->table + index * walk->mode->entry_bytes);
	return guest_memory_load(
		walk->paging->memory, walk->entry_address, &walk->entry, walk->mode->entry_bytes);
}

/*
 * Sets flags in the entry that was read, as the CPU does: by a locked instruction, and only if
 * memory still holds that entry. Else a guest processor has changed it, and an entry that was
 * cleared must not come back: STATUS_CHANGED.
 */
static enum status walk_mark(struct walk *walk, uint64_t flags)
{
	const uint64_t marked = walk->entry | flags;

	if (marked == walk->entry) {
		return STATUS_OK;
	}
	return guest_memory_compare_exchange(walk->paging->memory, walk->entry_address, walk->entry,
		marked, walk->mode->entry_bytes);
}

/*
 * True if PKRU denies a data access to the page that walk->entry maps. SDM Vol. 3A "Determination
 * of Access Rights": keys are for user-mode addresses, and for no fetch; a supervisor's write
 * passes WD while CR0.WP is clear.
 */
static bool is_denied_by_key(const struct walk *walk, unsigned access)
{
	const struct guest_paging *paging = walk->paging;
	const uint64_t key = bits_get(walk->entry, ENTRY_KEY_HIGH, ENTRY_KEY_LOW);
	const uint32_t rights = paging->pkru >> (key * PKRU_BITS_PER_KEY);

	if (walk->mode != &mode_4level || (paging->cr4 & CR4_PKE) == 0 || !walk->is_user ||
		(access & GUEST_ACCESS_FETCH) != 0) {
		return false;
	}
	if ((rights & PKRU_ACCESS_DISABLE) != 0) {
		return true;
	}
	return (rights & PKRU_WRITE_DISABLE) != 0 && (access & GUEST_ACCESS_WRITE) != 0 &&
	       ((access & GUEST_ACCESS_USER) != 0 || (paging->cr0 & CR0_WP) != 0);
}

static bool is_access_allowed(const struct walk *walk, unsigned access)
{
	const bool is_user = (access & GUEST_ACCESS_USER) != 0;
	const uint64_t cr4 = walk->paging->cr4;

	if (is_user && !walk->is_user) {
		return false;
	}
	if ((access & GUEST_ACCESS_FETCH) != 0) {
		return !walk->is_execute_disabled &&
		       (is_user || !walk->is_user || (cr4 & CR4_SMEP) == 0);
	}
	if (!is_user && walk->is_user && (cr4 & CR4_SMAP) != 0 &&
		(access & GUEST_ACCESS_AC_SET) == 0) {
		return false;
	}
	if ((access & GUEST_ACCESS_WRITE) != 0 && !walk->is_writable) {
		return !is_user && (walk->paging->cr0 & CR0_WP) == 0;
	}
	return true;
}

static uint32_t page_fault_code(const struct guest_paging *paging, unsigned access)
{
	const bool tells_fetch = (paging->cr4 & CR4_SMEP) != 0 ||
				 (is_paging_pae(paging) && (paging->efer & EFER_NXE) != 0);

	return ((access & GUEST_ACCESS_WRITE) != 0 ? PAGE_FAULT_WRITE : 0) |
	       ((access & GUEST_ACCESS_USER) != 0 ? PAGE_FAULT_USER : 0) |
	       ((access & GUEST_ACCESS_FETCH) != 0 && tells_fetch ? PAGE_FAULT_FETCH : 0);
}

static gpa_t page_address(const struct walk *walk, gva_t linear, size_t level)
{
	const unsigned low = walk->mode->levels[level].index_low;
	uint64_t base = walk->entry & address_mask(walk->paging) & ~BITS_MASK(low - 1, 0);

	if (walk->mode == &mode_32bit && is_large_page(walk, level)) {
		base |= bits_get(walk->entry, PSE_LOW + PSE_HIGH_BITS - 1, PSE_LOW)
			<< PSE_FIRST_ADDRESS_BIT;
	}
	return gpa(base | (linear.value & BITS_MASK(low - 1, 0)));
}

/*
 * PAE paging starts at one of four PDPTEs, which the CPU holds in registers. 32-bit paging takes 32
 * bits of CR3, whatever long mode may have left above them.
 */
static enum status walk_start(struct walk *walk, const struct guest_paging *paging, gva_t linear)
{
	walk->paging = paging;
	walk->mode = walk_mode(paging);
	walk->is_writable = true;
	walk->is_user = true;
	walk->table = paging->cr3 & address_mask(paging);
	if (walk->mode == &mode_32bit) {
		walk->table &= UINT32_MAX;
	}
	if (walk->mode == &mode_pae) {
		walk->entry = paging->pdpte[bits_get(linear.value, 31, 30)];
		if ((walk->entry & ENTRY_P) == 0) {
			return STATUS_NOT_FOUND;
		}
		walk->table = walk->entry & address_mask(paging);
	}
	return STATUS_OK;
}

static enum status walk_level(struct walk *walk, gva_t linear, size_t level, uint32_t *error_code)
{
	const enum status status = walk_read_entry(walk, linear, level);

	if (status != STATUS_OK) {
		return status;
	}
	if ((walk->entry & ENTRY_P) == 0) {
		return STATUS_NOT_FOUND;
	}
	if (has_reserved_bits(walk, level)) {
		*error_code |= PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED;
		return STATUS_NOT_FOUND;
	}
	walk->is_writable = walk->is_writable && (walk->entry & ENTRY_RW) != 0;
	walk->is_user = walk->is_user && (walk->entry & ENTRY_US) != 0;
	walk->is_execute_disabled = walk->is_execute_disabled || (walk->entry & ENTRY_XD) != 0;
	return STATUS_OK;
}

static enum status walk_finish(struct walk *walk, unsigned access, uint32_t *error_code)
{
	const bool is_key_denied = is_denied_by_key(walk, access);

	if (is_key_denied || !is_access_allowed(walk, access)) {
		*error_code |= PAGE_FAULT_PRESENT | (is_key_denied ? PAGE_FAULT_KEY : 0);
		return STATUS_NOT_FOUND;
	}
	return walk_mark(walk, ENTRY_A | ((access & GUEST_ACCESS_WRITE) != 0 ? ENTRY_D : 0));
}

/* One walk from the top to the page. STATUS_CHANGED: an entry changed between two looks at it. */
static enum status walk_once(const struct guest_paging *paging, gva_t linear, unsigned access,
	gpa_t *address, uint32_t *error_code)
{
	struct walk walk = {0};
	enum status status = walk_start(&walk, paging, linear);

	for (size_t level = 0; status == STATUS_OK && level < walk.mode->level_count; level++) {
		status = walk_level(&walk, linear, level, error_code);
		if (status != STATUS_OK) {
			break;
		}
		if (is_large_page(&walk, level) || level + 1 == walk.mode->level_count) {
			*address = page_address(&walk, linear, level);
			return walk_finish(&walk, access, error_code);
		}
		walk.table = walk.entry & address_mask(paging);
		status = walk_mark(&walk, ENTRY_A);
	}
	return status;
}

enum status guest_paging_translate(const struct guest_paging *paging, gva_t linear, unsigned access,
	gpa_t *address, uint32_t *error_code)
{
	enum status status = STATUS_CHANGED;

	*error_code = page_fault_code(paging, access);
	if ((paging->cr0 & CR0_PG) == 0) {
		*address = gpa(linear.value & UINT32_MAX);
		return STATUS_OK;
	}
	for (unsigned i = 0; i < TRIES_MAX && status == STATUS_CHANGED; i++) {
		*error_code = page_fault_code(paging, access);
		status = walk_once(paging, linear, access, address, error_code);
	}
	return status;
}

void guest_paging_from_vmcs(
	struct guest_paging *paging, struct guest_memory *memory, unsigned physical_address_bits)
{
	paging->memory = memory;
	paging->physical_address_bits = physical_address_bits;
	paging->cr0 = vmcs_read_natural(VMCS_GUEST_CR0);
	paging->cr3 = vmcs_read_natural(VMCS_GUEST_CR3);
	paging->cr4 = vmcs_read_natural(VMCS_GUEST_CR4);
	paging->efer = vmcs_read64(VMCS_GUEST_IA32_EFER);
	/* PKRU holds the guest's value all the time. */
	paging->pkru = (paging->cr4 & CR4_PKE) != 0 ? insn_rdpkru() : 0;
	if ((paging->cr0 & CR0_PG) != 0 && walk_mode(paging) == &mode_pae) {
		paging->pdpte[0] = vmcs_read64(VMCS_GUEST_PDPTE0);
		paging->pdpte[1] = vmcs_read64(VMCS_GUEST_PDPTE1);
		paging->pdpte[2] = vmcs_read64(VMCS_GUEST_PDPTE2);
		paging->pdpte[3] = vmcs_read64(VMCS_GUEST_PDPTE3);
	}
}
