/* SPDX-License-Identifier: MIT */
/* The exits that a guest makes, each near enough to what means something for its whole handling to
 * be reached: random numbers alone rarely are an MSR, a port or an instruction. */
#include "tests/fuzz/exit_input.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "devices/virtual_apic.h"
#include "fake_insn.h"
#include "hypercall/abi.h"
#include "hypercall/hypercall.h"
#include "tests/fuzz/exit_machine.h"
#include "vm/vcpu_posted.h"
#include "vmx/control_bits.h"
#include "vmx/exit_qualification.h"
#include "vmx/exit_reason.h"
#include "vmx/vmcs.h"

#include <string.h>

#define EPT_VIOLATION_FETCH BIT(2)

enum {
	KVM_CALLS = 14,
	BATCH_ARGUMENT_PAGE = 8,
	PAGE = 4096,
	APIC_PAGE = 0xfee00000,
	IOAPIC_PAGE = 0xfec00000,
	QUALIFICATION_PORT_SHIFT = 16,
	KICK_VECTOR = 0xf1,
	FIRST_VECTOR = 0x20,
	LVT_TSC_DEADLINE = 2 << 17,
};

/* Reasons without a table of their own, of which some come more often than a random number. */
static const struct {
	uint32_t reason;
	bool needs_cpl_0;
	bool may_vector;
} plain_reasons[] = {
	{EXIT_REASON_INTERRUPT_WINDOW, false, false},
	{EXIT_REASON_NMI_WINDOW, false, false},
	{EXIT_REASON_PREEMPTION_TIMER, false, false},
	{EXIT_REASON_TPR_BELOW_THRESHOLD, false, false},
	{EXIT_REASON_PAUSE, false, false},
	{EXIT_REASON_HLT, true, false},
	{EXIT_REASON_INVD, true, false},
	{EXIT_REASON_WBINVD, true, false},
	{EXIT_REASON_RDPMC, false, false},
	{EXIT_REASON_VMXON, true, false},
	{EXIT_REASON_MONITOR, true, false},
	{EXIT_REASON_GETSEC, false, false},
	{EXIT_REASON_TASK_SWITCH, false, true},
	{EXIT_REASON_TRIPLE_FAULT, false, false},
	{EXIT_REASON_EPT_MISCONFIGURATION, false, true},
	{EXIT_REASON_XSAVES, true, false},
	{EXIT_REASON_VMFUNC, false, false},
	{EXIT_REASON_INIT, false, false},
	{EXIT_REASON_SIPI, false, false},
	{EXIT_REASON_PML_FULL, false, true},
};

static const uint32_t msrs[] = {MSR_IA32_APIC_BASE, MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC,
	MSR_IA32_EFER, MSR_IA32_DEBUGCTL, MSR_IA32_MISC_ENABLE, MSR_IA32_MTRR_DEF_TYPE,
	MSR_IA32_MTRR_PHYSBASE0, MSR_IA32_MTRR_PHYSBASE0 + 15, MSR_IA32_MTRR_FIX64K_00000,
	MSR_IA32_MTRR_FIX4K_F8000, MSR_IA32_MTRRCAP, MSR_IA32_BIOS_SIGN_ID, MSR_IA32_MCG_STATUS,
	MSR_IA32_FEATURE_CONTROL, MSR_IA32_XSS, MSR_KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW,
	MSR_KVM_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN,
	MSR_KVM_POLL_CONTROL, MSR_IA32_PAT, MSR_IA32_SYSENTER_CS};

static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x60,
	0x61, 0x64, 0x70, 0x71, 0x92, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0xcf8,
	0xcf9, 0xcfc, 0x600, 0x604, 0x608, 0xf4};

static const struct {
	uint8_t length;
	uint8_t bytes[10];
} instructions[] = {
	{2, {0x8b, 0x03}},                               /* mov eax, [rbx] */
	{2, {0x89, 0x03}},                               /* mov [rbx], eax */
	{6, {0xc7, 0x03, 0xff, 0x01, 0x00, 0x00}},       /* mov dword [rbx], 0x1ff */
	{3, {0x0f, 0xb6, 0x03}},                         /* movzx eax, byte [rbx] */
	{3, {0x48, 0x89, 0x23}},                         /* mov [rbx], rsp */
	{2, {0x88, 0x23}},                               /* mov [rbx], ah */
	{2, {0x8b, 0x23}},                               /* mov esp, [rbx] */
	{7, {0x64, 0x67, 0x66, 0x8b, 0x44, 0x8b, 0x10}}, /* with prefixes and SIB */
	{2, {0xf3, 0xab}},                               /* rep stosd */
	{3, {0xf0, 0x01, 0x03}},                         /* lock add [rbx], eax */
	{3, {0x0f, 0x01, 0xd9}},                         /* vmmcall */
	{5, {0x65, 0x67, 0x0f, 0x01, 0xd9}},             /* vmmcall with prefixes */
	{2, {0x0f, 0x0b}},                               /* ud2 */
};

static void put_instruction(struct vcpu *vcpu, size_t index)
{
	index %= ARRAY_COUNT(instructions);
	exit_put_code(vcpu, instructions[index].bytes, instructions[index].length);
}

/* --- One function for each kind --- */

/* Any reason, failed entries too; a machine check is the machine's end and no guest's doing. */
static void any(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason =
		(op->instruction_info & 1) != 0
			? op->error_code
			: op->error_code % (EXIT_REASON_COUNT + 4) |
				  (op->instruction_info & (uint32_t)EXIT_REASON_ENTRY_FAILURE);
	op->flags |= OP_WILD;
}

static void plain(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	const size_t row = op->instruction_info % ARRAY_COUNT(plain_reasons);

	(void)vcpu;
	event->reason = plain_reasons[row].reason;
	event->needs_cpl_0 = plain_reasons[row].needs_cpl_0;
	event->may_vector = plain_reasons[row].may_vector;
}

/* Arguments of calls that are addresses lie in RAM or right behind it. */
static void aim_arguments(struct exit_op *op)
{
	op->registers[REGISTER_RBX] %= MACHINE_RAM_BYTES + PAGE;
	op->registers[REGISTER_RCX] %= (uint64_t)TRIVET_LOG_MAX + 2;
}

static void native_call(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason = EXIT_REASON_VMCALL;
	op->registers[REGISTER_RAX] =
		TRIVET_CALL_BASE + op->registers[REGISTER_RAX] % (HYPERCALL_NATIVE_COUNT + 1);
	if ((op->instruction_info & 1) != 0) {
		aim_arguments(op);
	}
}

static void kvm_call(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason = EXIT_REASON_VMCALL;
	op->registers[REGISTER_RAX] %= KVM_CALLS;
	if ((op->instruction_info & 1) != 0) {
		/* A processor that is there; as a bitmap, both. */
		op->registers[REGISTER_RBX] &= 3;
		op->registers[REGISTER_RCX] &= 3;
		op->registers[REGISTER_RDX] &= 1;
	}
}

/* INIT or STARTUP to the other processor, the way that an operating system starts it. */
static void start_other(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	const uint32_t mode =
		(op->instruction_info & 1) != 0 ? VIRTUAL_APIC_INIT : VIRTUAL_APIC_STARTUP;

	event->reason = EXIT_REASON_VMCALL;
	op->registers[REGISTER_RAX] = 10; /* SEND_IPI. */
	op->registers[REGISTER_RBX] = BIT(1 - vcpu->id % 2);
	op->registers[REGISTER_RCX] = 0;
	op->registers[REGISTER_RDX] = 0;
	op->registers[REGISTER_RSI] = mode << 8 | (op->interruption % 16);
	op->mode = (op->mode & ~OP_USER) | (op->mode == 0 ? EXIT_MODE_64_BIT : 0);
}

/* Calls side by side in RAM, of the same registers as the operation's and of its bytes. */
static void batch(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	uint64_t entry[TRIVET_BATCH_ENTRY_BYTES / sizeof(uint64_t)] = {0};
	uint8_t *ram = hpa_pointer(vcpu->vm->memory_base);
	const uint32_t at = BATCH_ARGUMENT_PAGE * PAGE - 2 * TRIVET_BATCH_ENTRY_BYTES;

	event->reason = EXIT_REASON_VMCALL;
	for (size_t i = 0; i < 4; i++) {
		const uint64_t number = op->bytes[i] >> 1;

		entry[0] = (op->bytes[i] & 1) != 0 ? TRIVET_CALL_BASE + number % 11 : number % 14;
		entry[1] = op->bytes[4 + i] & 3;
		entry[2] = op->bytes[8 + i] & 3;
		entry[3] = op->bytes[12 + i];
		entry[6] = (uint64_t)(op->bytes[12 + i] % 8) << 8 | op->bytes[8 + i];
		memcpy(ram + at + i * sizeof(entry), entry, sizeof(entry));
	}
	op->registers[REGISTER_RAX] = TRIVET_CALL_BASE + 6;
	op->registers[REGISTER_RBX] = at;
	op->registers[REGISTER_RCX] = op->instruction_info % 6;
	op->mode = (op->mode & ~OP_USER) | (op->mode == 0 ? EXIT_MODE_64_BIT : 0);
}

static void cpuid(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	static const uint32_t first[] = {0, 0x40000000, 0x80000000, 0x40000200};

	(void)vcpu;
	event->reason = EXIT_REASON_CPUID;
	op->registers[REGISTER_RAX] =
		first[op->instruction_info % ARRAY_COUNT(first)] + op->error_code % 0x20;
	op->registers[REGISTER_RCX] %= 8;
}

static void choose_msr(struct exit_op *op, struct exit_event *event)
{
	const uint32_t number = op->instruction_info >> 2;

	event->needs_cpl_0 = true;
	switch (op->instruction_info & 3) {
	case 0:
		op->registers[REGISTER_RCX] = VIRTUAL_APIC_MSR_FIRST + number % 0x40;
		break;
	case 1:
		break;
	default:
		op->registers[REGISTER_RCX] = msrs[number % ARRAY_COUNT(msrs)];
	}
}

static void rdmsr(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason = EXIT_REASON_RDMSR;
	choose_msr(op, event);
}

static void wrmsr(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason = EXIT_REASON_WRMSR;
	choose_msr(op, event);
	if ((op->flags & OP_TIME) == 0) {
		op->registers[REGISTER_RDX] &= 1;
	}
	/* An address in RAM, for the MSRs that have one. */
	if ((op->interruption & 1) != 0) {
		op->registers[REGISTER_RAX] %= MACHINE_RAM_BYTES + PAGE;
		op->registers[REGISTER_RDX] = 0;
	}
}

/* A deadline is near, and is passed when time passes. */
static void deadline(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	const uint64_t tsc = fake_cpu.tsc + vcpu->tsc_offset + op->error_code % 4096;

	event->reason = EXIT_REASON_WRMSR;
	event->needs_cpl_0 = true;
	(void)virtual_apic_mmio_write(&vcpu->apic, VIRTUAL_APIC_LVT_TIMER,
		LVT_TSC_DEADLINE | (FIRST_VECTOR + op->interruption % 0xd0), tsc);
	op->registers[REGISTER_RCX] = MSR_IA32_TSC_DEADLINE;
	op->registers[REGISTER_RAX] = (uint32_t)tsc;
	op->registers[REGISTER_RDX] = tsc >> 32;
}

static void apic_base(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	static const uint32_t values[] = {0xfee00800, 0xfee00c00, 0xfee00000, 0xfec00800};

	event->reason = EXIT_REASON_WRMSR;
	event->needs_cpl_0 = true;
	op->registers[REGISTER_RCX] = MSR_IA32_APIC_BASE;
	op->registers[REGISTER_RAX] = values[op->instruction_info % ARRAY_COUNT(values)] |
				      (vcpu->id == 0 ? APIC_BASE_BSP : 0);
	op->registers[REGISTER_RDX] = 0;
}

/* A bit of CR0 or CR4, rather one that changes the mode; or none. */
static uint64_t cr_change(uint32_t number, uint32_t value)
{
	static const uint64_t cr0_bits[] = {
		CR0_PG, CR0_PE, CR0_PG | CR0_PE, CR0_CD, CR0_NW, CR0_NE};
	static const uint64_t cr4_bits[] = {
		CR4_PAE, CR4_PGE, CR4_PCIDE, CR4_SMEP, CR4_VMXE, CR4_LA57};
	const size_t row = value >> 2 & 7;

	if ((value & 3) == 0) {
		return 0;
	}
	if ((value & 3) == 1 || row >= ARRAY_COUNT(cr0_bits)) {
		return BIT(value >> 5 & 31);
	}
	return number == 4 ? cr4_bits[row] : cr0_bits[row];
}

/* What the register holds, with a few bits changed. */
static void cr_write(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	static const uint8_t numbers[] = {0, 4, 8, 3};
	const uint32_t number = numbers[op->instruction_info % ARRAY_COUNT(numbers)];
	const uint64_t old =
		number == 4 ? fake_vmcs_get(VMCS_CR4_READ_SHADOW)
			    : (fake_vmcs_get(VMCS_CR0_READ_SHADOW) & ~vcpu->cr0_guest_owned) |
				      (fake_vmcs_get(VMCS_GUEST_CR0) & vcpu->cr0_guest_owned);

	event->reason = EXIT_REASON_CR_ACCESS;
	event->needs_cpl_0 = true;
	event->qualification = number; /* MOV to CR, from RAX. */
	op->registers[REGISTER_RAX] = number == 8 ? op->registers[REGISTER_RAX] % 20
						  : old ^ cr_change(number, op->error_code) ^
							    cr_change(number, op->interruption);
}

static void cr_other(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason = EXIT_REASON_CR_ACCESS;
	event->needs_cpl_0 = true;
	event->qualification = op->qualification & 0xffff0f3f;
}

/* 3 is the size of four bytes; an exit never has 2 or more than 3. */
static uint64_t io_size(uint32_t value)
{
	static const uint8_t sizes[] = {0, 1, 3, 0};

	return sizes[value % ARRAY_COUNT(sizes)];
}

static void port(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	const uint64_t number = (op->instruction_info & 1) != 0
					? (op->error_code & 0xffff)
					: ports[op->error_code % ARRAY_COUNT(ports)];

	(void)vcpu;
	event->reason = EXIT_REASON_IO_INSTRUCTION;
	event->qualification = number << QUALIFICATION_PORT_SHIFT | io_size(op->interruption) |
			       (op->qualification & (IO_IN | IO_IMMEDIATE));
}

static void port_string(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	const uint64_t number = ports[op->error_code % ARRAY_COUNT(ports)];

	(void)vcpu;
	event->reason = EXIT_REASON_IO_INSTRUCTION;
	event->qualification = number << QUALIFICATION_PORT_SHIFT | io_size(op->interruption) |
			       IO_STRING | (op->qualification & (IO_IN | IO_REPEAT));
	/* Address sizes 0 to 2 and segments 0 to 5. */
	event->instruction_info = (op->instruction_info % 3) << 7 | (op->instruction_info >> 8) % 6
									    << 15;
	if ((op->interruption & 8) != 0) {
		op->registers[REGISTER_RSI] %= MACHINE_RAM_BYTES + PAGE;
		op->registers[REGISTER_RDI] %= MACHINE_RAM_BYTES + PAGE;
		op->registers[REGISTER_RCX] %= 2048;
	}
}

static uint64_t absent_address(const struct exit_op *op)
{
	static const uint32_t pages[] = {APIC_PAGE, IOAPIC_PAGE, APIC_PAGE, 0x40000000};
	static const uint16_t ioapic[] = {0, 0x10, 0x40};

	switch (op->instruction_info & 7) {
	case 0:
		return op->address % MACHINE_RAM_BYTES;
	case 1:
		return op->address;
	case 2:
	case 3:
		return IOAPIC_PAGE + ioapic[op->error_code % ARRAY_COUNT(ioapic)];
	default:
		return pages[op->instruction_info >> 3 & 3] + (op->error_code & 0xff0);
	}
}

static void ept_violation(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	event->reason = EXIT_REASON_EPT_VIOLATION;
	event->may_vector = true;
	event->address = absent_address(op);
	event->qualification = (op->qualification & 0x1fff) | 0x180;
	if ((op->interruption & 7) != 0) {
		/* A data access of the instruction that follows. */
		event->qualification &= ~EPT_VIOLATION_FETCH;
		put_instruction(vcpu, op->interruption >> 3);
	}
}

static void apic_access(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	event->reason = EXIT_REASON_APIC_ACCESS;
	event->may_vector = true;
	event->qualification = (op->error_code & 0xff0) | (op->qualification & 0x1000);
	if ((op->interruption & 7) == 0) {
		event->qualification = op->qualification & 0xffff;
	}
	put_instruction(vcpu, op->interruption >> 3);
}

static void apic_write(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	const uint32_t offset = op->error_code & 0x3f0;

	event->reason = EXIT_REASON_APIC_WRITE;
	event->qualification = offset;
	/* The CPU has put the value into the page already. */
	if (vcpu->apicv.level != APIC_LEVEL_SOFTWARE) {
		vcpu->pages.apic[offset / sizeof(uint32_t)] = (uint32_t)op->registers[0];
	}
}

static void eoi(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason = EXIT_REASON_VIRTUALIZED_EOI;
	event->qualification = op->qualification & 0xff;
}

static void exception(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	static const uint32_t infos[] = {
		0x80000306, 0x80000301, 0x80000501, 0x80000b11, 0x80000202};

	event->reason = EXIT_REASON_EXCEPTION_OR_NMI;
	event->interruption = infos[op->error_code % ARRAY_COUNT(infos)];
	event->may_vector = event->interruption != 0x80000202;
	event->error_code = 0;
	put_instruction(vcpu, op->interruption);
}

/* Of the host. A kick comes behind what another processor has posted. */
static void interrupt(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	if ((op->error_code & 2) != 0) {
		vcpu_post_interrupt(vcpu, (uint8_t)(FIRST_VECTOR + op->interruption % 0xd0), false);
	}
	event->reason = EXIT_REASON_EXTERNAL_INTERRUPT;
	event->interruption = (uint32_t)INTERRUPTION_VALID |
			      ((op->error_code & 1) != 0 ? KICK_VECTOR : op->error_code & 0xff);
}

static void xsetbv(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	(void)vcpu;
	event->reason = EXIT_REASON_XSETBV;
	event->needs_cpl_0 = true;
	if ((op->error_code & 7) != 0) {
		op->registers[REGISTER_RCX] = 0;
		op->registers[REGISTER_RDX] = 0;
		op->registers[REGISTER_RAX] &= 0x2ff;
	}
}

static const struct {
	const char *name;
	void (*make)(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event);
} recipes[] = {
	{"any", any},
	{"plain", plain},
	{"native call", native_call},
	{"kvm call", kvm_call},
	{"start other", start_other},
	{"batch", batch},
	{"cpuid", cpuid},
	{"rdmsr", rdmsr},
	{"wrmsr", wrmsr},
	{"deadline", deadline},
	{"apic base", apic_base},
	{"cr write", cr_write},
	{"cr other", cr_other},
	{"port", port},
	{"string port", port_string},
	{"ept violation", ept_violation},
	{"apic access", apic_access},
	{"apic write", apic_write},
	{"eoi", eoi},
	{"exception", exception},
	{"interrupt", interrupt},
	{"xsetbv", xsetbv},
};

void exit_recipe(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event)
{
	*event = (struct exit_event){
		.qualification = op->qualification,
		.address = op->address,
		.length = op->length,
		.instruction_info = op->instruction_info,
		.interruption = op->interruption,
		.error_code = op->error_code,
	};
	recipes[op->recipe % ARRAY_COUNT(recipes)].make(vcpu, op, event);
}

size_t exit_recipe_count(void)
{
	return ARRAY_COUNT(recipes);
}

const char *exit_recipe_name(const struct exit_op *op)
{
	return recipes[op->recipe % ARRAY_COUNT(recipes)].name;
}

void exit_put_code(const struct vcpu *vcpu, const void *bytes, size_t size_bytes)
{
	uint8_t *ram = hpa_pointer(vcpu->vm->memory_base);
	const bool is_64bit = vcpu->is_long_mode &&
			      (fake_vmcs_get(VMCS_GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L) != 0;
	const uint64_t at =
		fake_vmcs_get(VMCS_GUEST_RIP) + (is_64bit ? 0 : fake_vmcs_get(VMCS_GUEST_CS_BASE));

	if (range_fits(at, size_bytes, MACHINE_RAM_BYTES)) {
		memcpy(ram + at, bytes, size_bytes);
	}
}
