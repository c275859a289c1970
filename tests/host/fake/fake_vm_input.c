/* SPDX-License-Identifier: MIT */
#include "fake_vm.h"

unsigned fake_vm_input_count;

void vm_input_arrived(struct vm *vm)
{
	(void)vm;
	fake_vm_input_count++;
}
