/* SPDX-License-Identifier: MIT */
#include "tests/host/vcpu_fixture.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "fake_scheduler.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, ENTRIES = 512, PRESENT_WRITABLE_USER = 7 };

static void set_segments(uint32_t code, uint32_t data, uint32_t limit)
{
	static const uint32_t selectors[] = {VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_CS_SELECTOR,
		VMCS_GUEST_SS_SELECTOR, VMCS_GUEST_DS_SELECTOR, VMCS_GUEST_FS_SELECTOR,
		VMCS_GUEST_GS_SELECTOR};

	/* The four fields of a segment lie side by side in each width: two encodings apart. */
	for (uint32_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		fake_vmcs_set(selectors[i], i == 1 ? 8 : 16);
		fake_vmcs_set(VMCS_GUEST_ES_BASE + 2 * i, 0);
		fake_vmcs_set(VMCS_GUEST_ES_LIMIT + 2 * i, limit);
		fake_vmcs_set(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * i, i == 1 ? code : data);
	}
	fake_vmcs_set(VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b);
}

static void set_mode(struct vcpu_fixture *f, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	f->vcpu.is_long_mode = (efer & EFER_LMA) != 0;
	fake_vmcs_set(VMCS_GUEST_CR0, cr0 | CR0_ET | CR0_NE);
	fake_vmcs_set(VMCS_CR0_READ_SHADOW, cr0 | CR0_ET);
	fake_vmcs_set(VMCS_GUEST_CR4, cr4 | CR4_VMXE | CR4_MCE);
	fake_vmcs_set(VMCS_CR4_READ_SHADOW, cr4);
	fake_vmcs_set(VMCS_GUEST_IA32_EFER, efer);
	fake_vmcs_set(VMCS_GUEST_RIP, VCPU_FIXTURE_RIP);
	fake_vmcs_set(VMCS_GUEST_RSP, VCPU_FIXTURE_RSP);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	f->vcpu.controls.entry = f->vcpu.is_long_mode ? (uint32_t)ENTRY_IA32E_MODE_GUEST : 0;
	fake_vmcs_set(VMCS_VM_ENTRY_CONTROLS, f->vcpu.controls.entry);
}

void vcpu_fixture_64bit(struct vcpu_fixture *f)
{
	set_segments(0xa09b, 0xc093, UINT32_MAX);
	set_mode(f, CR0_PE | CR0_PG | CR0_WP, CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE);
}

void vcpu_fixture_compatibility(struct vcpu_fixture *f)
{
	vcpu_fixture_64bit(f);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xc09b);
}

void vcpu_fixture_32bit(struct vcpu_fixture *f)
{
	set_segments(0xc09b, 0xc093, UINT32_MAX);
	set_mode(f, CR0_PE, 0, 0);
}

void vcpu_fixture_real_mode(struct vcpu_fixture *f)
{
	set_segments(0x9b, 0x93, 0xffff);
	set_mode(f, 0, 0, 0);
}

void vcpu_fixture_set_cpl(struct vcpu_fixture *f, unsigned cpl)
{
	(void)f;
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS,
		bits_put(fake_vmcs_get(VMCS_GUEST_CS_ACCESS_RIGHTS), 6, 5, cpl));
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS,
		bits_put(fake_vmcs_get(VMCS_GUEST_SS_ACCESS_RIGHTS), 6, 5, cpl));
}

uint64_t *vcpu_fixture_page(struct vcpu_fixture *f, uint64_t linear)
{
	assert_true(linear < MIB(2));
	return (uint64_t *)(void *)(f->ram + VCPU_FIXTURE_PML4 + 3 * PAGE) + linear / PAGE;
}

void vcpu_fixture_map_identity(struct vcpu_fixture *f)
{
	uint64_t *tables = (uint64_t *)(void *)(f->ram + VCPU_FIXTURE_PML4);

	for (size_t level = 0; level < 3; level++) {
		tables[level * ENTRIES] =
			(VCPU_FIXTURE_PML4 + (level + 1) * PAGE) | PRESENT_WRITABLE_USER;
	}
	for (uint64_t i = 0; i < ENTRIES; i++) {
		*vcpu_fixture_page(f, i * PAGE) = i * PAGE | PRESENT_WRITABLE_USER;
	}
	fake_vmcs_set(VMCS_GUEST_CR3, VCPU_FIXTURE_PML4);
}

void vcpu_fixture_revive(struct vcpu_fixture *f)
{
	f->vm.end = VM_END_NONE;
	f->vm.is_ending = false;
	f->vcpu.after_call = VMX_RESUME_CALL;
	f->vcpu.deferred_requests = 0;
	memset(&f->vcpu.posted, 0, sizeof(f->vcpu.posted));
}

uint32_t vcpu_fixture_injected(void)
{
	return (uint32_t)fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO);
}

static struct vmx_capability capability_of_haswell(void)
{
	return (struct vmx_capability){
		.has_vmx = true,
		.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
		.cr0_fixed1 = UINT32_MAX,
		.cr4_fixed0 = CR4_VMXE,
		.cr4_fixed1 = 0x1727ff,
		.ept_vpid_cap = 0x00000f0106334141,
		.physical_address_bits = 40,
		.linear_address_bits = 48,
	};
}

static void create_apic(struct vcpu *vcpu)
{
	vcpu->apic.page = vcpu->pages.apic = aligned_alloc(PAGE, PAGE);
	assert_non_null(vcpu->apic.page);
	memset(vcpu->apic.page, 0, PAGE);
	vcpu->apic.page[VIRTUAL_APIC_LVT_TIMER / sizeof(uint32_t)] = VIRTUAL_APIC_LVT_MASKED;
	vcpu->apic.base = VIRTUAL_APIC_BASE_DEFAULT | VIRTUAL_APIC_BASE_EN | VIRTUAL_APIC_BASE_BSP;
	vcpu->apic.config.physical_address_bits = 40;
	vcpu->apic.config.has_x2apic = true;
	vcpu->apic.config.is_bootstrap = true;
	vcpu->apic.timer.deadline = VIRTUAL_APIC_NO_DEADLINE;
	vcpu->apic.timer.rate = (struct virtual_apic_rate){1, 1};
}

int vcpu_fixture_set_up(void **state)
{
	struct vcpu_fixture *f = aligned_alloc(_Alignof(struct vcpu_fixture), sizeof(*f));

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	fake_insn_reset();
	fake_log_clear();
	fake_scheduler_clear();
	f->ram = calloc(1, VCPU_FIXTURE_RAM);
	assert_non_null(f->ram);
	snprintf(f->config.name, sizeof(f->config.name), "vm0");
	f->config.memory_size_bytes = VCPU_FIXTURE_RAM;
	f->config.vcpu_count = 1;
	f->vm.config = &f->config;
	f->vm.memory_base = hpa_of(f->ram);
	assert_int_equal(guest_memory_add(&f->vm.memory, (struct guest_memory_region){gpa(0),
								 VCPU_FIXTURE_RAM, f->ram, false}),
		STATUS_OK);
	f->capability = capability_of_haswell();
	f->vm.vcpus[0] = &f->vcpu;
	f->vm.vcpu_count = 1;
	f->vm.platform.vm = &f->vm;
	f->vm.platform.next_event_tsc = UINT64_MAX;
	f->vcpu.vm = &f->vm;
	snprintf(f->vcpu.name, sizeof(f->vcpu.name), "vm0/vcpu0");
	f->vcpu.scheduler = &f->scheduler;
	f->scheduler.loop_tsc = UINT64_MAX;
	f->vcpu.wake_tsc = UINT64_MAX;
	f->vcpu.capability = &f->capability;
	f->vcpu.xsave_layout = &fake_xsave_layout;
	f->vcpu.vpid = 1;
	f->vcpu.is_set_up = true;
	f->vcpu.pages.vmcs = fake_vmcs_region;
	create_apic(&f->vcpu);
	f->vcpu.timer.event_tsc = UINT64_MAX;
	f->vcpu.timer.refresh_tsc = UINT64_MAX;
	f->vcpu.timer.host_tsc = UINT64_MAX;
	f->vcpu.controls.pin = (uint32_t)PIN_VIRTUAL_NMIS;
	f->vcpu.controls.secondary = (uint32_t)(SECONDARY_ENABLE_VPID | SECONDARY_ENABLE_RDTSCP |
						SECONDARY_ENABLE_INVPCID);
	f->vcpu.cr0_guest_owned = CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM;
	f->vcpu.cr4_must = CR4_VMXE | CR4_MCE;
	f->vcpu.cr4_allowed = 0x1727ff & ~(CR4_VMXE | CR4_SMXE);
	f->vcpu.cr4_guest_owned = f->vcpu.cr4_allowed & ~(CR4_MCE | CR4_PAE | CR4_PCIDE);
	f->vcpu.xcr0_allowed = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	fake_vmcs_set(VMCS_LINK_POINTER, UINT64_MAX);
	vcpu_fixture_64bit(f);
	*state = f;
	return 0;
}

int vcpu_fixture_tear_down(void **state)
{
	struct vcpu_fixture *f = *state;

	free(f->vcpu.apic.page);
	free(f->ram);
	free(f);
	return 0;
}
