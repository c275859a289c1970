/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/advance_rip.c exits/exit.c exits/exit_again.c exits/mov_operand.c
 * cpu/xsave_layout.c vmx/itlb_multihit.c exits/exit_apic.c exits/exit_cpuid.c exits/exit_cr.c
 * exits/exit_ept.c exits/exit_event.c exits/exit_hlt.c exits/exit_io.c exits/exit_msr.c
 * exits/exit_simple.c exits/exit_table.c exits/exit_xsetbv.c exits/io_segment.c exits/io_string.c
 * exits/mmio.c exits/mov_decode.c exits/virtual_cr.c exits/vmcall.c exits/vmmcall.c
 * hypercall/batch.c hypercall/counters.c hypercall/cpuid_leaves.c hypercall/guest_control.c
 * hypercall/kvm_calls.c hypercall/kvm_msrs.c hypercall/native_calls.c hypercall/policy.c
 * hypercall/table.c devices/debug_exit.c devices/i8042.c devices/ioapic.c devices/pci_config.c
 * devices/pic8259.c devices/pit8254.c devices/pit8254_counter.c devices/reset_control.c
 * devices/rtc_mc146818.c devices/uart16550.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c vm/cpuid_policy.c vm/cpuid_topology.c vm/event.c vm/guest_code.c
 * vm/guest_console.c vm/guest_input.c vm/guest_paging.c vm/guest_state.c vm/guest_store.c
 * vm/host_state.c vm/memory_layout.c vm/msr_mtrr.c vm/msr_policy.c vm/port_bus.c
 * vm/posted_interrupts.c vm/pv_eoi.c vm/run_queue.c vm/scheduler.c vm/steal_time.c
 * vm/tick_histogram.c vm/vcpu.c vm/vcpu_apicv.c vm/vcpu_apicv_mode.c vm/vcpu_halt.c
 * vm/vcpu_init.c vm/vcpu_interrupts.c vm/vcpu_ipi.c vm/vcpu_loop.c vm/vcpu_post.c
 * vm/vcpu_posted.c vm/vcpu_report.c vm/vcpu_shootdown.c vm/vcpu_startup.c vm/vcpu_switch.c
 * vm/vcpu_timer.c vm/vm.c vm/vm_devices.c vm/vm_memory.c vm/vm_platform.c vm/vm_report.c
 * vmx/apic_controls.c vmx/capability.c vmx/control_set.c vmx/controls.c vmx/entry_check.c
 * vmx/entry_check_activity.c vmx/entry_check_controls.c vmx/entry_check_guest.c
 * vmx/entry_check_host.c vmx/entry_check_misc.c vmx/entry_check_msr_loading.c
 * vmx/entry_check_segments.c vmx/entry_check_shared.c vmx/entry_check_transitions.c vmx/ept.c
 * vmx/ept_audit.c vmx/ept_edit.c vmx/ept_table.c vmx/exit_qualification.c vmx/exit_reason.c
 * vmx/instruction_error.c vmx/operation.c vmx/preemption_timer.c vmx/requirements.c
 * vmx/vmcs_names.c lib/calendar.c lib/format.c lib/scaled_time.c lib/status.c lib/tick_rate.c
 * devices/acpi_pm.c cpu/page_alloc.c cpu/page_ranges.c cpu/tsc.c cpu/wall_clock.c cpu/host_timer.c
 * cpu/local_apic.c boot/guest_block.c tests/fuzz/exit_machine.c tests/fuzz/exit_memory.c
 * tests/fuzz/exit_stand_ins.c tests/fuzz/exit_shadow.c tests/fuzz/exit_shadow_vmcs.c
 * tests/fuzz/exit_state.c tests/fuzz/exit_fields.c tests/fuzz/exit_recipes.c */
#include "cpu/registers.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "tests/fuzz/exit_input.h"
#include "tests/fuzz/exit_machine.h"
#include "tests/fuzz/exit_shadow.h"
#include "tests/fuzz/exit_stand_ins.h"
#include "tests/fuzz/require.h"
#include "tests/host/random_numbers.h"
#include "vm/vcpu_posted.h"
#include "vmx/control_bits.h"
#include "vmx/exit_reason.h"
#include "vmx/vmcs.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Guests make any VM exits in any state: the scheduler, the switch between vCPUs and the handling
 * are the hypervisor's own. Before each VM entry the VMCS must pass the SDM's checks, and after
 * each exit nothing has changed but what exit_shadow.h lists. With EXIT_TRACE set in the
 * environment each exit is printed, for a run of one input under a debugger.
 */
enum { EXITS = 12 /* At least. */, IDLE_MAX = 64, MILLISECOND_TICKS = 1000000, STEP_TICKS = 1000 };

static const uint8_t *input;
static size_t input_left;
static size_t exits_left;
static struct random_numbers numbers;
static bool is_over;
static bool is_tracing;

/* --- What comes between the hypervisor and the VMCS --- */

/* The VMCS that is accessed is that of the vCPU whose turn it is. */
static void check_vmcs_owner(bool is_write)
{
	const struct vcpu *vcpu = machine_current_vmcs();

	(void)is_write;
	require(vcpu != NULL && vcpu->pages.vmcs == machine.cpu.vmcs);
}

static struct {
	struct vm *vm;
	unsigned reads_left;
	uint32_t offset;
	uint32_t value;
} race;

static void race_with_reader(void)
{
	uint8_t *ram = hpa_pointer(race.vm->memory_base);

	if (race.reads_left != 0 && --race.reads_left == 0) {
		memcpy(ram + race.offset, &race.value, sizeof(race.value));
	}
}

static uint32_t ram_offset(uint8_t page, uint16_t offset, uint32_t size_bytes)
{
	const uint32_t at = (page % MACHINE_RAM_PAGES * 4096u + offset % 4096u);

	return at <= MACHINE_RAM_BYTES - size_bytes ? at : MACHINE_RAM_BYTES - size_bytes;
}

static void prepare_race(struct vcpu *vcpu, const struct exit_op *op)
{
	race.vm = vcpu->vm;
	race.reads_left = (op->flags & OP_RACES) != 0 ? op->race_after % 16u + 1 : 0;
	race.offset = ram_offset(op->race_page, op->race_offset, sizeof(op->race_value));
	race.value = op->race_value;
}

/* --- One exit --- */

/* FNV-1a. */
static UNTRACED uint64_t hash(const uint8_t *data, size_t size)
{
	uint64_t value = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++) {
		value = (value ^ data[i]) * 0x100000001b3;
	}
	return value;
}

static UNTRACED uint32_t below(uint32_t limit)
{
	return (uint32_t)(random_next(&numbers) % limit);
}

/* Fills an object with the input's next bytes, or with random ones: then it returns false. */
static UNTRACED bool take_bytes(void *object, size_t size_bytes)
{
	uint8_t *bytes = object;

	if (input_left >= size_bytes) {
		memcpy(bytes, input, size_bytes);
		input += size_bytes;
		input_left -= size_bytes;
		return true;
	}
	for (size_t i = 0; i < size_bytes; i++) {
		bytes[i] = (uint8_t)below(UINT8_MAX + 1);
	}
	return false;
}

/* Of random operations few are wild, and most leave the mode and the state. */
static void tame(struct exit_op *op)
{
	enum { ONE_IN_WILD = 16, ONE_IN_MODES = 4, ONE_IN_STATES = 2 };

	op->flags &= below(ONE_IN_WILD) == 0 ? UINT8_MAX : (uint8_t)~OP_WILD;
	op->mode = below(ONE_IN_MODES) == 0 ? op->mode : 0;
	op->state_flags = below(ONE_IN_STATES) == 0
				  ? (uint8_t)(BIT(below(CHAR_BIT)) | BIT(below(CHAR_BIT)))
				  : 0;
}

/* From the input, and behind its end from numbers that all of its bytes decide. */
static bool take_op(struct exit_op *op)
{
	if (exits_left == 0) {
		return false;
	}
	exits_left--;
	if (!take_bytes(op, sizeof(*op))) {
		tame(op);
	}
	return true;
}

/* What an entry does: the event is delivered, which ends the shadow, and the exit finds none. */
static void enter(void)
{
	const uint64_t info = fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO);
	const uint64_t type = bits_get(info, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW);
	uint64_t blocking = fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	if ((info & INTERRUPTION_VALID) != 0) {
		blocking &= ~INTERRUPTIBILITY_SHADOW;
		blocking |= type == INTERRUPTION_NMI ? INTERRUPTIBILITY_BLOCKING_BY_NMI : 0;
		fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, blocking);
		fake_vmcs_set(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
		fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, info & ~INTERRUPTION_VALID);
	}
	fake_vmcs_set(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
}

static void write_memory(struct vcpu *vcpu, const struct exit_op *op)
{
	uint8_t *ram = hpa_pointer(vcpu->vm->memory_base);

	if ((op->flags & OP_WRITES) != 0) {
		memcpy(ram + ram_offset(op->write_page, op->write_offset, sizeof(op->bytes)),
			op->bytes, sizeof(op->bytes));
	}
	if ((op->flags & OP_CODE) != 0) {
		exit_put_code(vcpu, op->bytes, sizeof(op->bytes));
	}
}

static void write_registers(struct vcpu *vcpu, const struct exit_op *op)
{
	memcpy(vcpu->frame.registers, op->registers, sizeof(op->registers));
}

/* By a step, or until something of the guest's is due. */
static void pass_time(const struct vcpu *vcpu, const struct exit_op *op)
{
	const uint64_t event_tsc = vcpu->timer.event_tsc;

	fake_cpu.tsc += STEP_TICKS;
	if ((op->flags & OP_TIME) != 0) {
		fake_cpu.tsc += (op->length & 1) != 0 ? MILLISECOND_TICKS : 0;
		if (event_tsc < UINT64_MAX / 2 && event_tsc > fake_cpu.tsc) {
			fake_cpu.tsc = event_tsc;
		}
	}
	exit_stand_in_typed_count += (op->flags & OP_TYPED) != 0 ? 1 : 0;
}

static void print_exit(
	const struct vcpu *vcpu, const struct exit_op *op, const struct exit_event *event)
{
	if (is_tracing) {
		fprintf(stderr,
			"%s: %s: %s reason=%#x qualification=%#lx address=%#lx rip=%#lx rax=%#lx "
			"rcx=%#lx vectoring=%#lx\n",
			vcpu->name, exit_recipe_name(op), exit_reason_name(event->reason),
			event->reason, event->qualification, event->address,
			fake_vmcs_get(VMCS_GUEST_RIP), vcpu->frame.registers[REGISTER_RAX],
			vcpu->frame.registers[REGISTER_RCX],
			fake_vmcs_get(VMCS_IDT_VECTORING_INFO));
	}
}

/* A machine check ends the machine: it is nothing that a guest does. */
static bool is_machine_check(const struct exit_event *event)
{
	const uint64_t vector =
		bits_get(event->interruption, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW);

	return (event->reason == EXIT_REASON_EXCEPTION_OR_NMI && vector == VECTOR_MC) ||
	       bits_get(event->reason, EXIT_REASON_BASIC_HIGH, EXIT_REASON_BASIC_LOW) ==
		       EXIT_REASON_ENTRY_FAILURE_MACHINE_CHECK;
}

static enum vmx_resume handle(struct vcpu *vcpu, const struct exit_op *op, uint32_t reason)
{
	enum vmx_resume resume;
	uint64_t registers[REGISTER_COUNT];

	memcpy(registers, vcpu->frame.registers, sizeof(registers));
	prepare_race(vcpu, op);
	exit_shadow_take();
	exit_memory_was_read = race_with_reader;
	resume = vcpu->frame.handle_exit(&vcpu->frame);
	exit_memory_was_read = NULL;
	exit_shadow_check(vcpu, reason);
	require(resume == VMX_RESUME_NOT || !vm_is_ended(vcpu->vm));
	if (resume == VMX_RESUME_CALL) {
		require(registers[REGISTER_RBX] == vcpu->frame.registers[REGISTER_RBX] &&
			registers[REGISTER_RBP] == vcpu->frame.registers[REGISTER_RBP] &&
			memcmp(&registers[REGISTER_R12], &vcpu->frame.registers[REGISTER_R12],
				4 * sizeof(uint64_t)) == 0);
	}
	return resume;
}

/* What the CPU could not have done may leave what it would not enter. */
static void mend_wild(struct vcpu *vcpu, const struct exit_op *op)
{
	if ((op->flags & OP_WILD) == 0 || exit_state_is_enterable(vcpu, false)) {
		return;
	}
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	exit_state_set_mode(vcpu, EXIT_MODE_64_BIT, false);
}

static enum vmx_resume make_exit(struct vcpu *vcpu, struct exit_op *op)
{
	struct exit_event event;
	enum vmx_resume resume;

	pass_time(vcpu, op);
	exit_recipe(vcpu, op, &event);
	exit_state_apply(vcpu, op, event.needs_cpl_0);
	exit_recipe(vcpu, op, &event);
	write_memory(vcpu, op);
	write_registers(vcpu, op);
	exit_event_write(op, &event);
	print_exit(vcpu, op, &event);
	if (is_machine_check(&event)) {
		return VMX_RESUME_ALL;
	}
	resume = handle(vcpu, op, event.reason);
	mend_wild(vcpu, op);
	return resume;
}

enum vmx_result vmx_run(struct vmx_frame *frame)
{
	struct vcpu *vcpu = (struct vcpu *)(void *)frame;
	enum vmx_resume resume;
	struct exit_op op;

	require(machine_current_vmcs() == vcpu);
	do {
		require(exit_state_is_enterable(vcpu, true));
		enter();
		if (!take_op(&op)) {
			is_over = true;
			return VMX_SUCCEED;
		}
		resume = make_exit(vcpu, &op);
	} while (resume != VMX_RESUME_NOT && (op.flags & OP_LEAVES) == 0);
	return VMX_SUCCEED;
}

/* --- One input --- */

/* Nobody is ready: time passes until the first is to be woken. */
static bool pass_idle_time(void)
{
	if (machine.scheduler->wake_tsc == UINT64_MAX) {
		return false;
	}
	if (fake_cpu.tsc < machine.scheduler->wake_tsc) {
		fake_cpu.tsc = machine.scheduler->wake_tsc;
	}
	return true;
}

static void run(void)
{
	unsigned idle_left = IDLE_MAX;

	while (!is_over && idle_left != 0) {
		machine_restart_guests();
		if (!scheduler_run(machine.scheduler)) {
			idle_left = pass_idle_time() ? idle_left - 1 : 0;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine_choice choice;

	is_tracing = getenv("EXIT_TRACE") != NULL;
	is_over = false;
	exits_left = size / sizeof(struct exit_op) > EXITS ? size / sizeof(struct exit_op) : EXITS;
	numbers.state = hash(data, size);
	input = data;
	input_left = size;
	take_bytes(&choice, sizeof(choice));
	machine_start(&choice);
	fake_cpu.on_vmcs_access = check_vmcs_owner;
	run();
	return 0;
}
