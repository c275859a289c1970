/* SPDX-License-Identifier: MIT */
#include "vm/vcpu_timer.h"

#include "cpu/host_timer.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum { REFRESH_SHIFT = 3 }; /* An eighth. */

/* Far beyond what the timer can count: preemption_timer_value() cuts it off, and does not wrap. */
#define TICKS_MAX BIT(62)

/* The guest's event, or when others want the CPU. */
static uint64_t next_due(const struct vcpu_timer *timer)
{
	return timer->event_tsc < timer->host_tsc ? timer->event_tsc : timer->host_tsc;
}

void vcpu_timer_refresh(struct vcpu *vcpu)
{
	struct vcpu_timer *timer = &vcpu->timer;
	const uint64_t now = insn_rdtsc();
	const uint64_t due = next_due(timer);
	const uint64_t left = due > now ? due - now : 0;
	const uint64_t ticks = left < TICKS_MAX ? left : TICKS_MAX;

	vcpu_check_current(vcpu);
	timer->refresh_tsc = now + (ticks >> REFRESH_SHIFT);
	vmcs_write32(
		VMCS_VMX_PREEMPTION_TIMER_VALUE, preemption_timer_value(now, ticks, timer->rate));
}

void vcpu_timer_change(struct vcpu *vcpu, uint64_t tsc)
{
	vcpu->timer.event_tsc = tsc;
	vcpu_timer_load(vcpu);
}

void vcpu_timer_load(struct vcpu *vcpu)
{
	if (vcpu->timer.is_preemption) {
		vcpu_timer_refresh(vcpu);
	} else {
		host_timer_set(next_due(&vcpu->timer));
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

	*timer = (struct vcpu_timer){
		.event_tsc = HOST_TIMER_NEVER,
		.host_tsc = timer->host_tsc,
		.refresh_tsc = UINT64_MAX,
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
	if (vcpu->id == 0) {
		log_info(vcpu->vm->config->name, "timer: %s",
			timer->is_preemption ? "VMX-preemption timer" : "the host's local APIC");
	}
}
