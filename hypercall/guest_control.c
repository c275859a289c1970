/* SPDX-License-Identifier: MIT */
/* The calls by which one guest starts, stops and lists others. */
#include "hypercall/guest_control.h"

#include "hypercall/hypercall.h"
#include "lib/string.h"

_Static_assert(sizeof(struct trivet_guest_info) == TRIVET_GUEST_INFO_BYTES, "hypercall/abi.h");
_Static_assert(offsetof(struct trivet_guest_info, memory_bytes) == 56, "the same in every mode");
_Static_assert((int)TRIVET_GUEST_NAME_BYTES == (int)VM_NAME_MAX, "names fit with their NUL");

/* Returns 0 if the guest may make these calls, and somebody serves them. */
static unsigned refusal(const struct vcpu *vcpu)
{
	if (!vcpu->vm->config->may_manage) {
		return TRIVET_EPERM;
	}
	return vcpu->vm->manager == NULL ? TRIVET_ENOSYS : 0;
}

static bool is_name_ended(const char *name)
{
	for (size_t i = 0; i < TRIVET_GUEST_NAME_BYTES; i++) {
		if (name[i] == '\0') {
			return true;
		}
	}
	return false;
}

uint64_t hypercall_native_guest_control(struct vcpu *vcpu, struct hypercall call)
{
	const uint64_t operation = hypercall_argument(call, 0);
	const gpa_t address = gpa(hypercall_argument(call, 1));
	const unsigned refused = refusal(vcpu);
	char name[TRIVET_GUEST_NAME_BYTES];

	if (refused != 0) {
		return hypercall_error(refused);
	}
	if (operation < TRIVET_GUEST_START || operation > TRIVET_GUEST_RESTART) {
		return hypercall_error(TRIVET_EINVAL);
	}
	if (guest_memory_read(&vcpu->vm->memory, address, name, sizeof(name)) != STATUS_OK) {
		return hypercall_error(TRIVET_EFAULT);
	}
	if (!is_name_ended(name)) {
		return hypercall_error(TRIVET_ENOENT);
	}
	return hypercall_error(vcpu->vm->manager->control(vcpu, (unsigned)operation, name));
}

uint64_t hypercall_native_guest_list(struct vcpu *vcpu, struct hypercall call)
{
	const uint64_t address = hypercall_argument(call, 0);
	const uint64_t room = hypercall_argument(call, 1);
	const struct guest_manager *manager = vcpu->vm->manager;
	const unsigned refused = refusal(vcpu);
	uint64_t count;
	uint64_t fitting;

	if (refused != 0) {
		return hypercall_error(refused);
	}
	count = manager->count();
	fitting = room < count ? room : count;
	if (!guest_memory_is_writable(
		    &vcpu->vm->memory, gpa(address), fitting * sizeof(struct trivet_guest_info))) {
		return hypercall_error(TRIVET_EFAULT);
	}
	for (uint64_t i = 0; i < fitting; i++) {
		struct trivet_guest_info info = {0};

		if (!manager->get(i, vcpu, &info)) {
			break;
		}
		if (guest_memory_write(&vcpu->vm->memory, gpa(address + i * sizeof(info)), &info,
			    sizeof(info)) != STATUS_OK) {
			return hypercall_error(TRIVET_EFAULT);
		}
	}
	return count;
}
