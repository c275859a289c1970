/* SPDX-License-Identifier: MIT */
#include "fake_vm.h"
#include "vm/vcpu.h"

unsigned fake_report_count;

void vcpu_report_state(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_report_count++;
}
