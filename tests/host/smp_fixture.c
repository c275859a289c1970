/* SPDX-License-Identifier: MIT */
#include "tests/host/smp_fixture.h"

#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "fake_scheduler.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	SVR = 0xf0,
	LDR = 0xd0,
	SVR_ENABLED = 0x1ff,
	LDR_LOW = 24,
	XSAVE_ALIGNMENT = 64
};

static uint8_t *page(void)
{
	uint8_t *bytes = aligned_alloc(PAGE, PAGE);

	assert_non_null(bytes);
	memset(bytes, 0, PAGE);
	return bytes;
}

static void create_apic(struct vcpu *vcpu)
{
	const struct virtual_apic_config config = {.id = vcpu->id,
		.physical_address_bits = 40,
		.is_bootstrap = vcpu->id == 0,
		.has_x2apic = true};

	vcpu->apic.page = vcpu->pages.apic;
	assert_int_equal(virtual_apic_create(&vcpu->apic, config, (struct virtual_apic_rate){1, 1}),
		STATUS_OK);
	(void)virtual_apic_mmio_write(&vcpu->apic, SVR, SVR_ENABLED, 0);
	(void)virtual_apic_mmio_write(&vcpu->apic, LDR, 1u << (LDR_LOW + vcpu->id), 0);
}

static void create_vcpu(struct smp_fixture *f, uint32_t id)
{
	struct vcpu *vcpu = &f->vcpus[id];

	vcpu->vm = &f->vm;
	vcpu->id = id;
	snprintf(vcpu->name, sizeof(vcpu->name), "vm0/vcpu%u", id);
	vcpu->capability = &f->capability;
	vcpu->xsave_layout = &fake_xsave_layout;
	vcpu->scheduler = &f->scheduler;
	vcpu->vpid = (uint16_t)(id + 1);
	vcpu->pages.apic = (uint32_t *)(void *)page();
	vcpu->pages.vmcs = (uint32_t *)(void *)page();
	/* Not a byte more than it needs: AddressSanitizer sees one that is written behind it. */
	assert_int_equal(posix_memalign((void **)&vcpu->pages.xsave, XSAVE_ALIGNMENT,
				 fake_xsave_layout.area_bytes),
		0);
	memset(vcpu->pages.xsave, 0, fake_xsave_layout.area_bytes);
	vcpu->wake_tsc = UINT64_MAX;
	vcpu->timer.event_tsc = UINT64_MAX;
	vcpu->timer.host_tsc = UINT64_MAX;
	vcpu->timer.refresh_tsc = UINT64_MAX;
	vcpu->controls.pin = (uint32_t)PIN_VIRTUAL_NMIS;
	create_apic(vcpu);
	f->vm.vcpus[id] = vcpu;
}

int smp_fixture_set_up(void **state)
{
	struct smp_fixture *f = aligned_alloc(_Alignof(struct smp_fixture), sizeof(*f));

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	fake_insn_reset();
	fake_log_clear();
	fake_scheduler_clear();
	snprintf(f->config.name, sizeof(f->config.name), "vm0");
	f->config.vcpu_count = SMP_VCPUS;
	f->vm.config = &f->config;
	f->vm.is_smp = true;
	f->vm.memory_lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_MEMORY);
	f->vm.platform_lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_PLATFORM);
	f->vm.vcpu_count = SMP_VCPUS;
	f->vm.platform.vm = &f->vm;
	f->vm.platform.next_event_tsc = UINT64_MAX;
	f->vm.ept.pml4 = (void *)f->ram;
	f->scheduler.loop_tsc = UINT64_MAX;
	assert_int_equal(guest_memory_add(&f->vm.memory, (struct guest_memory_region){gpa(0),
								 sizeof(f->ram), f->ram, false}),
		STATUS_OK);
	for (uint32_t id = 0; id < SMP_VCPUS; id++) {
		create_vcpu(f, id);
	}
	for (uint32_t id = SMP_VCPUS; id-- != 0;) {
		smp_fixture_turn(&f->vcpus[id]);
		smp_fixture_set_if(true);
	}
	*state = f;
	return 0;
}

int smp_fixture_tear_down(void **state)
{
	struct smp_fixture *f = *state;

	for (uint32_t id = 0; id < SMP_VCPUS; id++) {
		free(f->vcpus[id].pages.apic);
		free(f->vcpus[id].pages.vmcs);
		free(f->vcpus[id].pages.xsave);
	}
	free(f);
	return 0;
}

void smp_fixture_turn(struct vcpu *vcpu)
{
	fake_vmcs_load(vcpu->pages.vmcs);
}

void smp_fixture_clear_posted(struct smp_fixture *f)
{
	for (uint32_t id = 0; id < SMP_VCPUS; id++) {
		memset(&f->vcpus[id].posted, 0, sizeof(f->vcpus[id].posted));
	}
}

void smp_fixture_set_if(bool is_enabled)
{
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | (is_enabled ? RFLAGS_IF : 0));
}
