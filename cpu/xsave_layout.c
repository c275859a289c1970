/* SPDX-License-Identifier: MIT */
#include "cpu/xsave_layout.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/registers.h"
#include "lib/bits.h"

enum { EDX_SHIFT = 32, COMPONENT_PKRU = 9 };

#define COMPONENTS_LEGACY (XCR0_X87 | XCR0_SSE)
#define COMPONENTS_AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)

/* SDM Vol. 1 "Enabling the XSAVE Feature Set and XSAVE-Enabled Features": what goes together. */
static const struct component_set {
	uint64_t components;
	uint64_t needed;
} component_sets[] = {
	{XCR0_AVX, XCR0_SSE},
	{COMPONENTS_AVX512, XCR0_AVX},
	{XCR0_PKRU, 0},
};

/* The bits that XCR0 may have; 0 without XSAVE. */
static uint64_t supported_components(void)
{
	struct cpuid_result xsave;

	if (insn_cpuid(CPUID_LEAF_BASIC, 0).eax < CPUID_LEAF_XSAVE ||
		(insn_cpuid(CPUID_LEAF_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE) == 0) {
		return 0;
	}
	xsave = insn_cpuid(CPUID_LEAF_XSAVE, 0);
	return xsave.eax | (uint64_t)xsave.edx << EDX_SHIFT;
}

static struct xsave_component read_component(uint32_t number)
{
	const struct cpuid_result part = insn_cpuid(CPUID_LEAF_XSAVE, number);

	return (struct xsave_component){
		.offset = part.ebx,
		.size_bytes = (part.ecx & CPUID_D_N_ECX_SUPERVISOR) == 0 ? part.eax : 0,
		.is_aligned = (part.ecx & CPUID_D_N_ECX_ALIGNED) != 0,
	};
}

static uint64_t end_of(const struct xsave_component *part)
{
	return (uint64_t)part->offset + part->size_bytes;
}

/* It has a place of its own after the header and within the limit. */
static bool has_place(const struct xsave_layout *layout, const struct xsave_component *part)
{
	if (part->size_bytes == 0 || part->offset < XSAVE_FIXED_BYTES ||
		end_of(part) > XSAVE_AREA_BYTES_MAX) {
		return false;
	}
	for (unsigned i = 0; i < XSAVE_COMPONENTS; i++) {
		const struct xsave_component *other = &layout->parts[i];

		if (other->size_bytes != 0 && part->offset < end_of(other) &&
			other->offset < end_of(part)) {
			return false;
		}
	}
	return true;
}

/*
 * Bochs 2.7 has no sub-leaf for PKRU. What the area is larger with it, as leaf 0DH says, is its
 * place: the end is the CPU's own word.
 */
static struct xsave_component infer_component(const struct xsave_layout *layout, uint32_t all_bytes)
{
	return (struct xsave_component){
		.offset = layout->area_bytes,
		.size_bytes = all_bytes > layout->area_bytes ? all_bytes - layout->area_bytes : 0,
	};
}

/* Adds one component; all_bytes is the area's size with its whole set. */
static bool add_component(struct xsave_layout *layout, uint32_t number, uint32_t all_bytes)
{
	struct xsave_component part = read_component(number);

	if (number == COMPONENT_PKRU && part.offset == 0 && part.size_bytes == 0) {
		part = infer_component(layout, all_bytes);
	}
	if (!has_place(layout, &part)) {
		log_warn("xsave", "component %u has no place offset=%#x size=%#x", number,
			part.offset, part.size_bytes);
		return false;
	}
	layout->parts[number] = part;
	layout->components |= BIT(number);
	if (end_of(&part) > layout->area_bytes) {
		layout->area_bytes = (uint32_t)end_of(&part);
	}
	return true;
}

/* The area's size as the CPU itself has it, for these components. */
static uint32_t enabled_bytes(uint64_t components)
{
	insn_xsetbv(0, components);
	return insn_cpuid(CPUID_LEAF_XSAVE, 0).ebx;
}

/* Takes all components of a set into the layout, or none of them. */
static void add_set(struct xsave_layout *layout, uint64_t components)
{
	const uint32_t all_bytes = enabled_bytes(layout->components | components);
	struct xsave_layout with = *layout;

	if (all_bytes > XSAVE_AREA_BYTES_MAX) {
		log_warn("xsave", "no room for components=%#lx area=%u", components, all_bytes);
		return;
	}
	for (uint32_t i = 0; i < XSAVE_COMPONENTS; i++) {
		if ((components & BIT(i)) != 0 && !add_component(&with, i, all_bytes)) {
			return;
		}
	}
	if (all_bytes != with.area_bytes) {
		log_warn("xsave", "CPUID's sizes differ parts=%u all=%u", with.area_bytes,
			all_bytes);
	}
	/* Whatever is right: the larger one holds it. */
	with.area_bytes = all_bytes > with.area_bytes ? all_bytes : with.area_bytes;
	*layout = with;
}

/* The layout of these components, of those that this CPU has; XCR0 holds them then. */
static void decide(struct xsave_layout *layout, uint64_t components)
{
	*layout = (struct xsave_layout){.area_bytes = XSAVE_FIXED_BYTES};
	if ((components & COMPONENTS_LEGACY) != COMPONENTS_LEGACY) {
		return;
	}
	layout->components = COMPONENTS_LEGACY;
	for (size_t i = 0; i < ARRAY_COUNT(component_sets); i++) {
		const struct component_set *set = &component_sets[i];

		if ((components & set->components) == set->components &&
			(layout->components & set->needed) == set->needed) {
			add_set(layout, set->components);
		}
	}
	insn_xsetbv(0, layout->components);
}

void xsave_layout_read(struct xsave_layout *layout)
{
	const uint64_t supported = supported_components();

	decide(layout, supported);
	if (layout->components == 0) {
		log_info("xsave", "not used: guests have x87 and SSE by FXSAVE");
		return;
	}
	log_info("xsave", "guests have components=%#lx area=%u masked=%#lx", layout->components,
		layout->area_bytes, supported & ~layout->components);
}

static bool is_equal(const struct xsave_component *a, const struct xsave_component *b)
{
	return a->offset == b->offset && a->size_bytes == b->size_bytes &&
	       a->is_aligned == b->is_aligned;
}

const char *xsave_layout_difference(const struct xsave_layout *layout)
{
	const uint64_t supported = supported_components();
	struct xsave_layout own;

	if (layout->components == 0) {
		return NULL;
	}
	if ((layout->components & ~supported) != 0) {
		return "it lacks XSAVE state components of the boot processor";
	}
	decide(&own, layout->components);
	for (uint32_t i = 0; i < XSAVE_COMPONENTS; i++) {
		if (!is_equal(&own.parts[i], &layout->parts[i])) {
			return "its XSAVE state components have other places or sizes";
		}
	}
	return own.area_bytes != layout->area_bytes ? "its XSAVE area has another size" : NULL;
}
