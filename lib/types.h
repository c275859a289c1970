/* SPDX-License-Identifier: MIT */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Address spaces are types of their own, so that the compiler refuses to mix them.
 *
 * gpa_t: guest-physical address, what the guest believes is physical (translated by EPT).
 * hpa_t: host-physical address, what the machine's memory bus sees.
 * gva_t: guest-virtual (linear) address (translated by the guest's own page tables).
 */
typedef struct {
	uint64_t value;
} gpa_t;

typedef struct {
	uint64_t value;
} hpa_t;

typedef struct {
	uint64_t value;
} gva_t;

static inline gpa_t gpa(uint64_t value)
{
	return (gpa_t){value};
}

static inline hpa_t hpa(uint64_t value)
{
	return (hpa_t){value};
}

static inline gva_t gva(uint64_t value)
{
	return (gva_t){value};
}

/*
 * The hypervisor runs identity-mapped: a host-physical address is the pointer's value. Host unit
 * tests rely on the same identity, with memory of the test process standing for the machine's.
 */
static inline void *hpa_pointer(hpa_t address)
{
	return (void *)(uintptr_t)address.value;
}

static inline hpa_t hpa_of(const void *pointer)
{
	return (hpa_t){(uintptr_t)pointer};
}

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

#define PAGE_SIZE_4K KIB(4)
#define PAGE_SIZE_2M MIB(2)
#define PAGE_SIZE_1G GIB(1)

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
