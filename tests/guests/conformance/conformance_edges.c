/* SPDX-License-Identifier: MIT */
/* VMCALL where a segment, a page or the addresses end. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/shared/address_ends.h"
#include "tests/guests/shared/vmcall_rules.h"

enum { VMCALL_BYTES = 3, PAGE_BYTES = ADDRESS_ENDS_PAGE_BYTES, FETCH = 0x10 };
/* A segment's last page in low memory, and where in it VMCALL lies. */
enum { LIMIT_CODE = GUEST_LOW_BASE + 0x100, LIMIT_HIGH_SHIFT = 16, LIMIT_HIGH_POSITION = 48 };

/* 32-bit code at CPL 0, base 0, the limit in bytes. */
#define DESCRIPTOR_CODE32_BYTES 0x00409b0000000000ull
#define LIMIT_LOW_MASK          0xffffull

static uint8_t pages[2][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static const uint8_t vmcall_end[] = {0x0f, 0x01, 0xc1, 0xcd, VECTOR_PROBE_END};

/* Where the exception struck, counted from the VMCALL, which lies at `start`. */
static uint64_t distance(const struct guest_probe *probe, uint64_t start)
{
	return (uint64_t)probe->rip_offset + guest_probe_code_address() - start;
}

/* A case of a VMCALL at `start`: the result if it was served, what came then, and where. */
static void report(const char *name, const struct guest_probe *probe, uint64_t start, bool holds)
{
	case_begin("edge", guest_probe_mode_name(probe->mode), name);
	case_value("rax", probe->out.rax);
	case_value("rip", distance(probe, start));
	case_text("others", case_others_are_same(probe) ? "same" : "changed");
	case_exception(probe->vector, probe->error_code);
	case_end(holds);
}

static bool is_stopped(const struct guest_probe *probe, uint64_t vector, uint64_t error_code)
{
	return probe->vector == vector && probe->error_code == error_code;
}

/* Jumps to an address of 64-bit code. */
static struct guest_probe run_at(uint64_t address)
{
	/* jmp rdx */
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xe2"));

	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	probe.in.rdx = address;
	guest_probe_run(&probe);
	return probe;
}

static void check_end_of_page(void)
{
	const uint64_t start = address_ends_map(0, pages[0]) + PAGE_BYTES - VMCALL_BYTES;
	struct guest_probe probe;

	address_ends_map(1, NULL);
	memcpy(&pages[0][PAGE_BYTES - VMCALL_BYTES], vmcall_end, VMCALL_BYTES);
	probe = run_at(start);
	report("end_of_page_next_not_present", &probe, start,
		probe.out.rax == 0 && is_stopped(&probe, VECTOR_PF, FETCH) &&
			distance(&probe, start) == VMCALL_BYTES &&
			probe.cr2 == start + VMCALL_BYTES);
	address_ends_map(1, pages[1]);
	memcpy(&pages[1][0], &vmcall_end[VMCALL_BYTES], sizeof(vmcall_end) - VMCALL_BYTES);
	probe = run_at(start);
	report("end_of_page_next_present", &probe, start,
		probe.out.rax == 0 && guest_probe_is_done(&probe) &&
			distance(&probe, start) == sizeof(vmcall_end));
}

/* The first `count` bytes on one page, the others on the next. */
static uint64_t split_vmcall(size_t count, const void *next_page)
{
	const uint64_t start = address_ends_map(0, pages[0]) + PAGE_BYTES - count;

	memcpy(&pages[0][PAGE_BYTES - count], vmcall_end, count);
	memcpy(&pages[1][0], &vmcall_end[count], sizeof(vmcall_end) - count);
	address_ends_map(1, next_page);
	return start;
}

/* The fault first: emulators may keep an instruction that lies in two pages once they saw it. */
static void check_across_pages(size_t count, const char *absent, const char *present)
{
	uint64_t start = split_vmcall(count, NULL);
	struct guest_probe probe = run_at(start);

	report(absent, &probe, start,
		probe.out.rax == KVM_CALL_VAPIC_POLL_IRQ && is_stopped(&probe, VECTOR_PF, FETCH) &&
			distance(&probe, start) == 0 && probe.cr2 == start + count);
	start = split_vmcall(count, pages[1]);
	probe = run_at(start);
	report(present, &probe, start,
		probe.out.rax == 0 && guest_probe_is_done(&probe) &&
			distance(&probe, start) == sizeof(vmcall_end));
}

static void check_canonical_end(void)
{
	const uint64_t start =
		address_ends_map(ADDRESS_ENDS_PAGES - 1, pages[0]) + PAGE_BYTES - VMCALL_BYTES;
	struct guest_probe probe;

	memcpy(&pages[0][PAGE_BYTES - VMCALL_BYTES], vmcall_end, VMCALL_BYTES);
	probe = run_at(start);
	report("last_bytes_below_the_canonical_hole", &probe, start,
		probe.out.rax == 0 && is_stopped(&probe, VECTOR_GP, 0) &&
			distance(&probe, start) == VMCALL_BYTES);
	memcpy(&pages[0][PAGE_BYTES - VMCALL_BYTES + 1], vmcall_end, VMCALL_BYTES - 1);
	probe = run_at(start + 1);
	report("across_the_canonical_hole", &probe, start + 1,
		probe.out.rax == KVM_CALL_VAPIC_POLL_IRQ && is_stopped(&probe, VECTOR_GP, 0) &&
			distance(&probe, start + 1) == 0);
	address_ends_map(ADDRESS_ENDS_PAGES - 1, NULL);
}

static void check_end_of_4g(void)
{
	const struct guest_probe probe =
		address_ends_run_before_4g(CODE_VMCALL, KVM_CALL_VAPIC_POLL_IRQ);

	report("last_bytes_below_4g", &probe, 0,
		probe.out.rax == 0 && guest_probe_is_done(&probe) && distance(&probe, 0) == 2);
}

/* A far jump to VMCALL in a segment whose last byte is the VMCALL's byte `last_byte`. */
static struct guest_probe run_in_limited_segment(unsigned last_byte)
{
	const uint64_t limit = LIMIT_CODE + last_byte;
	uint8_t jump[] = {0xea, 0, 0, 0, 0, SELECTOR_TASK, 0};
	struct guest_probe probe = guest_probe_make(PROBE_COMPATIBILITY, jump, sizeof(jump));
	const uint32_t target = LIMIT_CODE;

	memcpy(&jump[1], &target, sizeof(target));
	memcpy((void *)(uintptr_t)LIMIT_CODE, vmcall_end, sizeof(vmcall_end));
	guest_segments_set(SELECTOR_TASK, DESCRIPTOR_CODE32_BYTES | (limit & LIMIT_LOW_MASK) |
						  limit >> LIMIT_HIGH_SHIFT << LIMIT_HIGH_POSITION);
	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	guest_probe_run(&probe);
	return probe;
}

static void check_segment_limit(void)
{
	struct guest_probe probe = run_in_limited_segment(VMCALL_BYTES - 1);

	report("end_of_segment", &probe, LIMIT_CODE,
		probe.out.rax == 0 && is_stopped(&probe, VECTOR_GP, 0) &&
			distance(&probe, LIMIT_CODE) == VMCALL_BYTES);
	probe = run_in_limited_segment(VMCALL_BYTES - 2);
	report("across_the_end_of_segment", &probe, LIMIT_CODE,
		probe.out.rax == KVM_CALL_VAPIC_POLL_IRQ && is_stopped(&probe, VECTOR_GP, 0) &&
			distance(&probe, LIMIT_CODE) == 0);
}

/* The last bytes of the 64 KiB that 16-bit code can reach: IP has 32 bits there too. */
static void check_end_of_64k(enum guest_probe_mode mode)
{
	/* jmp 0xfffd */
	struct guest_probe probe = guest_probe_make(mode, PROBE_CODE("\xe9\xfa\xff"));
	uint8_t *last = (uint8_t *)(uintptr_t)(GUEST_LOW_BASE + 0x10000 - VMCALL_BYTES);

	memcpy(last, vmcall_end, VMCALL_BYTES);
	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	guest_probe_run(&probe);
	case_begin("edge", guest_probe_mode_name(mode), "end_of_64k");
	case_value("rax", probe.out.rax);
	case_value("rip", (uint64_t)probe.rip_offset);
	case_exception(probe.vector, probe.error_code);
	case_end(probe.out.rax == result_in(mode, 0) && is_stopped(&probe, VECTOR_GP, 0));
}

void conformance_edges(void)
{
	check_end_of_page();
	check_across_pages(1, "across_pages_1_2_second_not_present", "across_pages_1_2");
	check_across_pages(2, "across_pages_2_1_second_not_present", "across_pages_2_1");
	check_canonical_end();
	check_end_of_4g();
	check_segment_limit();
	check_end_of_64k(PROBE_PROTECTED16);
	check_end_of_64k(PROBE_REAL);
	check_end_of_64k(PROBE_VIRTUAL8086);
}
