/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_init.c vm/posted_interrupts.c vm/vcpu_switch.c lib/format.c */
#include "fake_insn.h"
#include "vm/cpuid_policy.h"
#include "vm/guest_state.h"
#include "vm/host_state.h"
#include "vm/msr_policy.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_interrupts.h"
#include "vm/vcpu_timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAGE = 4096, LEFT = 0xa5, VPID = 7 };

/* --- What has tests of its own --- */

enum status control_set_make(const struct vmx_capability *capability, struct control_set *controls)
{
	(void)capability;
	(void)controls;
	return STATUS_UNSUPPORTED;
}

void guest_state_init(struct vcpu *vcpu, const struct vcpu_start *start)
{
	(void)vcpu;
	(void)start;
}

void host_state_write(const struct vmx_frame *frame, const struct gdt_cpu *cpu)
{
	(void)frame;
	(void)cpu;
}

void msr_policy_fill_bitmap(uint8_t *bitmap, const struct control_set *controls)
{
	(void)bitmap;
	(void)controls;
}

void msr_policy_save(const struct control_set *controls, uint64_t values[VCPU_SAVED_MSRS])
{
	(void)controls;
	(void)values;
}

void msr_policy_restore(const struct control_set *controls, const uint64_t values[VCPU_SAVED_MSRS])
{
	(void)controls;
	(void)values;
}

void vcpu_timer_init(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_apicv_init(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_interrupts_init(struct vcpu *vcpu)
{
	(void)vcpu;
}

void cpuid_policy_keep_constant_leaves(struct vcpu *vcpu)
{
	(void)vcpu;
}

/* --- A vCPU --- */

static struct vm_config config = {.name = "vm0"};
static struct vm vm = {.config = &config, .start_tsc = 1000};
static struct vmx_capability capability;
static uint8_t bitmaps[2 * PAGE];
static uint32_t region[PAGE / sizeof(uint32_t)];
static _Alignas(64) uint8_t xsave[PAGE];

static enum vmx_resume handle_exit(struct vmx_frame *frame)
{
	(void)frame;
	return VMX_RESUME_NOT;
}

/* All of it is what `byte` says, but what the caller of vcpu_create() sets. */
static struct vcpu *make(uint8_t byte, uint32_t id)
{
	struct vcpu *vcpu = aligned_alloc(_Alignof(struct vcpu), sizeof(*vcpu));

	assert_non_null(vcpu);
	memset(vcpu, byte, sizeof(*vcpu));
	memset((uint8_t *)vcpu + sizeof(vcpu->frame), 0,
		offsetof(struct vcpu, after_call) - sizeof(vcpu->frame));
	vcpu->frame.handle_exit = handle_exit;
	vcpu->vm = &vm;
	vcpu->capability = &capability;
	vcpu->xsave_layout = &fake_xsave_layout;
	vcpu->pages = (struct vcpu_pages){.vmcs = region, .io_bitmaps = bitmaps, .xsave = xsave};
	vcpu->start.rip = 0x100000;
	vcpu->id = id;
	vcpu->vpid = VPID;
	return vcpu;
}

/* Byte by byte: a field that is added is held to it too. */
static void nothing_is_left_of_a_former_life(void **state)
{
	(void)state;
	for (uint32_t id = 0; id < 2; id++) {
		struct vcpu *fresh = make(0, id);
		struct vcpu *again = make(LEFT, id);

		vcpu_create(fresh);
		vcpu_create(again);
		assert_memory_equal(fresh, again, sizeof(*fresh));
		assert_false(again->is_set_up || again->is_nmi_pending || again->is_kicked);
		assert_int_equal(again->deferred_requests, 0);
		assert_int_equal(again->controls.entry, 0);
		assert_null(again->scheduler);
		assert_int_equal(again->activity, id == 0 ? VCPU_ACTIVE : VCPU_WAIT_FOR_STARTUP);
		free(fresh);
		free(again);
	}
}

static void what_the_caller_has_set_stays(void **state)
{
	struct vcpu *vcpu = make(LEFT, 1);

	(void)state;
	vcpu_create(vcpu);
	assert_true(vcpu->frame.handle_exit == handle_exit);
	assert_ptr_equal(vcpu->vm, &vm);
	assert_ptr_equal(vcpu->capability, &capability);
	assert_ptr_equal(vcpu->pages.vmcs, region);
	assert_int_equal(vcpu->start.rip, 0x100000);
	assert_int_equal(vcpu->id, 1);
	assert_int_equal(vcpu->vpid, VPID);
	free(vcpu);
}

/* The scheduler asks for it before it serves anything. */
static void one_that_cannot_be_set_up_says_so(void **state)
{
	struct vcpu *vcpu = make(LEFT, 0);

	(void)state;
	fake_insn_reset();
	vcpu_create(vcpu);
	assert_int_equal(vcpu_init(vcpu, &vcpu->start), STATUS_UNSUPPORTED);
	assert_false(vcpu->is_set_up);
	assert_int_equal(fake_cpu.vmwrite_count, 0);
	free(vcpu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_of_a_former_life),
		cmocka_unit_test(what_the_caller_has_set_stays),
		cmocka_unit_test(one_that_cannot_be_set_up_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
