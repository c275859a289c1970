/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_switch.c tests/host/smp_fixture.c vm/guest_memory.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c */
#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/host/smp_fixture.h"
#include "vm/msr_policy.h"

enum { DR6 = 6, FCW_OFFSET = 0, MXCSR_OFFSET = 24, XSAVE_HEADER = 512 };

/* The MSRs have a test of their own: here they count as one. */
static uint64_t msr;

void msr_policy_save(const struct control_set *controls, uint64_t values[VCPU_SAVED_MSRS])
{
	(void)controls;
	values[0] = msr;
}

void msr_policy_restore(const struct control_set *controls, const uint64_t values[VCPU_SAVED_MSRS])
{
	(void)controls;
	msr = values[0];
}

/* Gives the CPU a state of its own for each `first`. */
static void fill_cpu(uint64_t first)
{
	for (unsigned i = 0; i < FAKE_COMPONENT_COUNT; i++) {
		fake_cpu.components[i] = first + i;
	}
	for (unsigned i = 0; i < VCPU_DEBUG_ADDRESSES; i++) {
		fake_cpu.dr[i] = first + 10 + i;
	}
	fake_cpu.dr[DR6] = first + 20;
	fake_cpu.cr2 = first + 30;
	msr = first + 40;
}

static void expect_cpu(uint64_t first, unsigned components)
{
	for (unsigned i = 0; i < components; i++) {
		assert_int_equal(fake_cpu.components[i], first + i);
	}
	for (unsigned i = 0; i < VCPU_DEBUG_ADDRESSES; i++) {
		assert_int_equal(fake_cpu.dr[i], first + 10 + i);
	}
	assert_int_equal(fake_cpu.dr[DR6], first + 20);
	assert_int_equal(fake_cpu.cr2, first + 30);
	assert_int_equal(msr, first + 40);
}

#define AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define ALL    (XCR0_X87 | XCR0_SSE | XCR0_AVX | AVX512 | XCR0_PKRU)

/* Of the area that XSAVE has for them. */
static void expect_components(uint64_t first, uint64_t components)
{
	for (unsigned i = 0; i < FAKE_COMPONENT_COUNT; i++) {
		if ((components & BIT(i)) != 0) {
			assert_int_equal(fake_cpu.components[i], first + i);
		}
	}
}

static void start(struct smp_fixture *f, uint64_t xcr0_allowed)
{
	fake_cpu.xcr0 = xcr0_allowed;
	for (uint32_t id = 0; id < SMP_VCPUS; id++) {
		f->vcpus[id].xcr0_allowed = xcr0_allowed;
		vcpu_reset_saved(&f->vcpus[id]);
	}
}

static void two_vcpus_have_each_their_own(void **state)
{
	struct smp_fixture *f = *state;

	start(f, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	vcpu_restore(&f->vcpus[0]);
	fake_cpu.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	fill_cpu(1000);
	vcpu_save(&f->vcpus[0]);
	vcpu_restore(&f->vcpus[1]);
	fake_cpu.xcr0 = XCR0_X87 | XCR0_SSE;
	fill_cpu(2000);
	vcpu_save(&f->vcpus[1]);
	vcpu_restore(&f->vcpus[0]);
	assert_int_equal(fake_cpu.xcr0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	expect_cpu(1000, 3);
	vcpu_save(&f->vcpus[0]);
	vcpu_restore(&f->vcpus[1]);
	assert_int_equal(fake_cpu.xcr0, XCR0_X87 | XCR0_SSE);
	expect_cpu(2000, 3);
}

/* What the guest has switched off comes back as it was when it switches it on. */
static void a_narrower_xcr0_loses_no_component(void **state)
{
	struct smp_fixture *f = *state;

	start(f, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	fill_cpu(1000);
	fake_cpu.xcr0 = XCR0_X87;
	vcpu_save(&f->vcpus[0]);
	assert_int_equal(fake_cpu.xsave_mask, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	vcpu_restore(&f->vcpus[1]);
	fake_cpu.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	fill_cpu(2000);
	vcpu_save(&f->vcpus[1]);
	vcpu_restore(&f->vcpus[0]);
	assert_int_equal(fake_cpu.xcr0, XCR0_X87);
	expect_cpu(1000, 3);
}

/* SDM Vol. 1 "XSAVE Area": AVX-512 and PKRU make it 2,696 bytes long. */
static void all_components_are_kept_and_nothing_else_is_written(void **state)
{
	static struct vcpu before;
	struct smp_fixture *f = *state;

	start(f, ALL);
	fill_cpu(1000);
	before = f->vcpus[0];
	vcpu_save(&f->vcpus[0]);
	before.saved = f->vcpus[0].saved;
	assert_memory_equal(&before, &f->vcpus[0], sizeof(before));
	vcpu_restore(&f->vcpus[1]);
	for (unsigned i = 0; i < FAKE_COMPONENT_COUNT; i++) {
		assert_true((ALL & BIT(i)) == 0 || fake_cpu.components[i] == 0);
	}
	fake_cpu.xcr0 = ALL;
	fill_cpu(2000);
	vcpu_save(&f->vcpus[1]);
	vcpu_restore(&f->vcpus[0]);
	expect_components(1000, ALL);
	vcpu_save(&f->vcpus[0]);
	vcpu_restore(&f->vcpus[1]);
	expect_components(2000, ALL);
}

/* No vCPU sees what another left: not in components that it has switched off either. */
static void a_fresh_vcpu_finds_initial_states(void **state)
{
	struct smp_fixture *f = *state;

	start(f, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	fill_cpu(1000);
	fake_cpu.xcr0 = XCR0_X87 | XCR0_SSE;
	vcpu_restore(&f->vcpus[1]);
	assert_int_equal(fake_cpu.xcr0, XCR0_X87);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fake_cpu.components[i], 0);
	}
	assert_int_equal(fake_cpu.dr[0] | fake_cpu.dr[3] | fake_cpu.cr2 | msr, 0);
	assert_int_equal(fake_cpu.dr[DR6], DR6_FIXED1);
}

static void without_xsave_it_is_fxsave(void **state)
{
	struct smp_fixture *f = *state;

	start(f, 0);
	fill_cpu(1000);
	vcpu_save(&f->vcpus[0]);
	vcpu_restore(&f->vcpus[1]);
	fill_cpu(2000);
	vcpu_save(&f->vcpus[1]);
	vcpu_restore(&f->vcpus[0]);
	expect_cpu(1000, 2);
	assert_int_equal(fake_cpu.fxsave_count, 2);
	assert_int_equal(fake_cpu.fxrstor_count, 2);
	assert_int_equal(fake_cpu.xsave_count + fake_cpu.xrstor_count, 0);
}

/* SDM Vol. 1 "FXSAVE Area": what FXRSTOR makes of it is what FNINIT and a reset leave. */
static void a_reset_is_in_the_area_for_fxrstor(void **state)
{
	struct smp_fixture *f = *state;
	const uint8_t *area = f->vcpus[0].pages.xsave;

	start(f, 0);
	assert_int_equal(area[FCW_OFFSET] | area[FCW_OFFSET + 1] << 8, 0x37f);
	assert_int_equal(area[MXCSR_OFFSET] | area[MXCSR_OFFSET + 1] << 8, 0x1f80);
}

/* A guest that begins again has nothing of its former life. */
static void a_reset_clears_the_whole_area(void **state)
{
	struct smp_fixture *f = *state;
	uint32_t sum = 0;

	start(f, ALL);
	fill_cpu(1000);
	vcpu_save(&f->vcpus[0]);
	vcpu_reset_saved(&f->vcpus[0]);
	for (uint32_t i = XSAVE_HEADER; i < fake_xsave_layout.area_bytes; i++) {
		sum += f->vcpus[0].pages.xsave[i];
	}
	assert_int_equal(sum, 0);
	vcpu_restore(&f->vcpus[0]);
	assert_int_equal(fake_cpu.xcr0, XCR0_X87);
	for (unsigned i = 0; i < FAKE_COMPONENT_COUNT; i++) {
		assert_true((ALL & BIT(i)) == 0 || fake_cpu.components[i] == 0);
	}
}

static void debug_state_is_reset_on_the_cpu(void **state)
{
	(void)state;
	fill_cpu(1000);
	vcpu_reset_debug_state();
	assert_int_equal(fake_cpu.dr[0] | fake_cpu.dr[1] | fake_cpu.dr[2] | fake_cpu.dr[3], 0);
	assert_int_equal(fake_cpu.dr[DR6], DR6_FIXED1);
	assert_int_equal(fake_cpu.cr2, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(two_vcpus_have_each_their_own),
		WITH_SMP(a_narrower_xcr0_loses_no_component),
		WITH_SMP(all_components_are_kept_and_nothing_else_is_written),
		WITH_SMP(a_fresh_vcpu_finds_initial_states),
		WITH_SMP(without_xsave_it_is_fxsave),
		WITH_SMP(a_reset_is_in_the_area_for_fxrstor),
		WITH_SMP(a_reset_clears_the_whole_area),
		WITH_SMP(debug_state_is_reset_on_the_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
