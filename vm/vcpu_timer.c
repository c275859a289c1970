/* SPDX-License-Identifier: MIT */
#include "vm/vcpu_timer.h"

#include "cpu/host_timer.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "cpu/tsc.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum {
	/*
	 * So often a guest that only runs is left, for somebody who types. A guest that spins with
	 * interrupts disabled may keep the host's interrupts away (docs/bochs.md), not this.
	 */
	LOOKS_PER_SECOND = 10,
	REFRESH_SHIFT = 3, /* An eighth. */
};

void vcpu_timer_refresh(struct vcpu *vcpu)
{
	struct vcpu_timer *timer = &vcpu->timer;
	const uint64_t now = insn_rdtsc();
	const uint64_t left = timer->event_tsc > now ? timer->event_tsc - now : 0;
	const uint64_t ticks = left < timer->look_ticks ? left : timer->look_ticks;

	timer->refresh_tsc = now + (ticks >> REFRESH_SHIFT);
	vmcs_write32(
		VMCS_VMX_PREEMPTION_TIMER_VALUE, preemption_timer_value(now, ticks, timer->rate));
}

void vcpu_timer_change(struct vcpu *vcpu, uint64_t tsc)
{
	vcpu->timer.event_tsc = tsc;
	if (vcpu->timer.is_preemption) {
		vcpu_timer_refresh(vcpu);
	} else {
		host_timer_set(tsc);
	}
}

/* Whole or not at all: a timer that is not saved would begin anew at each entry. */
static void set_controls(struct vcpu *vcpu)
{
	struct control_set *controls = &vcpu->controls;

	controls->pin |= (uint32_t)PIN_VMX_PREEMPTION_TIMER;
	controls->exit |= (uint32_t)EXIT_SAVE_PREEMPTION_TIMER;
	vmcs_write32(VMCS_PIN_BASED_CONTROLS, controls->pin);
	vmcs_write32(VMCS_VM_EXIT_CONTROLS, controls->exit);
}

void vcpu_timer_init(struct vcpu *vcpu)
{
	struct vcpu_timer *timer = &vcpu->timer;

	host_timer_set(HOST_TIMER_NEVER);
	*timer = (struct vcpu_timer){
		.event_tsc = HOST_TIMER_NEVER,
		.refresh_tsc = UINT64_MAX,
		.look_ticks = tsc_hz() / LOOKS_PER_SECOND,
		.rate = (uint8_t)bits_get(vcpu->capability->misc, VMX_MISC_PREEMPTION_RATE_HIGH,
			VMX_MISC_PREEMPTION_RATE_LOW),
		/* It counts TSC ticks, but a guest that halts needs the host's. */
		.is_preemption = vcpu->timer_choice == TIMER_AUTO && host_timer_is_started() &&
				 preemption_timer_is_offered(vcpu->capability),
	};
	if (timer->is_preemption) {
		set_controls(vcpu);
		vcpu_timer_refresh(vcpu);
	}
	log_info(vcpu->vm->config->name, "timer: %s",
		timer->is_preemption ? "VMX-preemption timer" : "the host's local APIC");
}

void vcpu_timer_sleep(struct vcpu *vcpu)
{
	const struct vcpu_timer *timer = &vcpu->timer;

	if (!timer->is_preemption) {
		insn_sti_hlt_cli();
		return;
	}
	host_timer_set(timer->event_tsc);
	insn_sti_hlt_cli();
	if (insn_rdtsc() < timer->event_tsc) {
		host_timer_set(HOST_TIMER_NEVER);
	}
	vcpu_timer_refresh(vcpu);
}
