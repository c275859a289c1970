/* SPDX-License-Identifier: MIT */
#include "cpu/log.h"
#include "cpu/tsc.h"
#include "hypercall/dispatch.h"
#include "hypercall/hypercall.h"
#include "hypercall/kvm_msrs.h"
#include "lib/bits.h"

_Static_assert((int)HYPERCALL_ROW_COUNT == (int)VCPU_HYPERCALL_ROWS, "a counter for each row");
_Static_assert(HYPERCALL_ROW_COUNT <= 64, "vm_config.refused_calls has a bit for each");
_Static_assert(TRIVET_CALL_GUEST_LIST - TRIVET_CALL_BASE == HYPERCALL_NATIVE_COUNT - 1,
	"all native calls of abi.h");

/* Only what works to the end. */
#define FEATURES_ALWAYS                                                                            \
	(KVM_FEATURE_NOP_IO_DELAY | KVM_FEATURE_STEAL_TIME | KVM_FEATURE_PV_EOI |                  \
		KVM_FEATURE_PV_UNHALT | KVM_FEATURE_PV_TLB_FLUSH | KVM_FEATURE_PV_SEND_IPI |       \
		KVM_FEATURE_POLL_CONTROL | KVM_FEATURE_PV_SCHED_YIELD)
#define FEATURES_OF_CLOCK (KVM_FEATURE_CLOCKSOURCE | KVM_FEATURE_CLOCKSOURCE2)

#define HYPERCALL_KVM(number, NAME, name, function, feature, arguments, text)                      \
	[number] = {#name, number, HYPERCALL_ABI_KVM, feature, function},
#define HYPERCALL_NATIVE(number, NAME, name, function, arguments, text)                            \
	[HYPERCALL_NATIVE_FIRST + (number)] = {                                                    \
		#name, TRIVET_CALL_##NAME, HYPERCALL_ABI_NATIVE, 0, function},

const struct hypercall_row hypercall_table[HYPERCALL_ROW_COUNT] = {
#include "hypercall/hypercalls.def"
	[HYPERCALL_UNKNOWN] = {"unknown", UINT64_MAX, HYPERCALL_ABI_NONE, 0, hypercall_not_served},
};

uint64_t hypercall_not_served(struct vcpu *vcpu, struct hypercall call)
{
	(void)vcpu;
	(void)call;
	return hypercall_error(TRIVET_ENOSYS);
}

uint64_t hypercall_refused(struct vcpu *vcpu, struct hypercall call)
{
	/* In a batch the number is read once more here, and may be another one by now. */
	const size_t row = hypercall_row(call);
	const bool is_refused = (vcpu->vm->config->refused_calls & BIT(row)) != 0;

	if (is_refused && (vcpu->refused_calls_logged & BIT(row)) == 0) {
		vcpu->refused_calls_logged |= BIT(row);
		log_warn(vcpu->vm->config->name, "hypercall refused by hypercalls=: %s",
			hypercall_table[row].name);
	}
	return hypercall_error(TRIVET_EPERM);
}

static vcpu_hypercall_function function_of(const struct vcpu *vcpu, size_t row)
{
	const struct hypercall_row *call = &hypercall_table[row];

	if ((vcpu->vm->config->refused_calls & BIT(row)) != 0) {
		return hypercall_refused;
	}
	if ((call->feature & ~vcpu->kvm_features) != 0) {
		return hypercall_not_served;
	}
	return call->function;
}

/*
 * Stands in for every call's function where the VM's calls are traced: others pay nothing. In a
 * batch it reads the number once more: what is allowed, made and traced is this one.
 */
static uint64_t trace_call(struct vcpu *vcpu, struct hypercall call)
{
	const uint64_t number = hypercall_number(call);
	const uint64_t result =
		function_of(vcpu, hypercall_row_of_number(number))(vcpu, call) & call.mask;

	trace_put(&vcpu->trace,
		&(const struct trace_record){insn_rdtsc(), TRACE_CALL, {number, result}});
	return result;
}

/* A VM that may make none of KVM's calls has none of its MSRs either. */
static uint32_t features_of(const struct vm *vm)
{
	const uint64_t kvm_rows = BIT(HYPERCALL_KVM_COUNT) - 1;

	if ((vm->config->refused_calls & kvm_rows) == kvm_rows) {
		return 0;
	}
	if (tsc_hz() == 0) {
		return FEATURES_ALWAYS;
	}
	return FEATURES_ALWAYS | FEATURES_OF_CLOCK |
	       (kvm_clock_is_stable(vm) ? KVM_FEATURE_CLOCKSOURCE_STABLE : 0);
}

void hypercall_init(struct vcpu *vcpu)
{
	vcpu->kvm_features = features_of(vcpu->vm);
	vcpu->refused_calls_logged = 0;
	for (size_t row = 0; row < HYPERCALL_ROW_COUNT; row++) {
		vcpu->hypercall_functions[row] =
			vcpu->vm->config->is_tracing_calls ? trace_call : function_of(vcpu, row);
	}
}
