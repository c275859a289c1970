/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/exit_machine.h"

#include "cpu/cpuid.h"
#include "cpu/gdt.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "cpu_models.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "hypercall/hypercall.h"
#include "tests/fuzz/exit_stand_ins.h"
#include "tests/fuzz/require.h"
#include "vm/vcpu_posted.h"
#include "vm/vm_memory.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 4096, VMCS_FIRST_CONTENT = 0xa5, SVR_ENABLED = 0x1ff, LDR_LOW = 24 };

struct machine machine;
static struct gdt_cpu gdt;

/* --- VMCS regions --- */

static const struct {
	uint32_t field;
	const char *name;
} fields[] = {
#define VMCS_FIELD(width, name, encoding) {encoding, #name},
#include "vmx/vmcs_fields.def"
#undef VMCS_FIELD
};

_Static_assert(ARRAY_COUNT(fields) <= MACHINE_FIELDS_MAX, "tests/fuzz/exit_machine.h");

static uint64_t regions[MACHINE_VCPUS][MACHINE_FIELDS_MAX];
static uint64_t *slots[MACHINE_FIELDS_MAX];
static int current_region; /* -1: none. */

const char *machine_field(size_t index, uint32_t *field)
{
	*field = fields[index].field;
	return fields[index].name;
}

size_t machine_field_count(void)
{
	return ARRAY_COUNT(fields);
}

static UNTRACED void find_slots(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		slots[i] = fake_vmcs_slot(fields[i].field);
	}
}

UNTRACED void machine_vmcs_save(uint64_t values[MACHINE_FIELDS_MAX])
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		values[i] = *slots[i];
	}
}

UNTRACED void machine_vmcs_load(const uint64_t values[MACHINE_FIELDS_MAX])
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		*slots[i] = values[i];
	}
}

static int region_of(hpa_t region)
{
	for (int i = 0; i < MACHINE_VCPUS; i++) {
		if (region.value == hpa_of(machine.vcpus[i]->pages.vmcs).value) {
			return i;
		}
	}
	return -1;
}

static void load_region(hpa_t region)
{
	if (current_region >= 0) {
		machine_vmcs_save(regions[current_region]);
	}
	current_region = region_of(region);
	require(current_region >= 0);
	machine_vmcs_load(regions[current_region]);
}

const struct vcpu *machine_current_vmcs(void)
{
	return current_region < 0 ? NULL : machine.vcpus[current_region];
}

/* --- The processor --- */

/* All features; what Trivet does not stand behind it has to mask. */
/* Of the fake CPU: MPX and AMX are among them, which guests do not get. */
#define ALL_COMPONENTS (BITS_MASK(7, 0) | BIT(9) | BIT(17) | BIT(18))

static void set_cpuid(uint64_t components)
{
	const struct cpuid_result all = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};

	fake_cpuid_set(CPUID_LEAF_FEATURES, 0,
		(struct cpuid_result){0x306c3, 0, (uint32_t)~CPUID_1_ECX_HYPERVISOR, UINT32_MAX});
	fake_cpuid_set(7, 0, (struct cpuid_result){0, UINT32_MAX, UINT32_MAX, UINT32_MAX});
	fake_xsave_install(components);
	fake_cpuid_set(CPUID_LEAF_EXTENDED_FEATURES, 0, all);
}

static void set_msrs(void)
{
	static const uint32_t zero[] = {MSR_IA32_STAR, MSR_IA32_LSTAR, MSR_IA32_CSTAR,
		MSR_IA32_FMASK, MSR_IA32_KERNEL_GS_BASE, MSR_IA32_TSC_AUX, MSR_IA32_FS_BASE,
		MSR_IA32_GS_BASE, MSR_IA32_TSC_DEADLINE, 0x80b, 0x830, 0x832, 0x838, 0x83e};

	for (size_t i = 0; i < ARRAY_COUNT(zero); i++) {
		fake_msr_set(zero[i], 0);
	}
	fake_msr_set(MSR_IA32_PAT, PAT_RESET_VALUE);
	fake_msr_set(MSR_IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
	fake_msr_set(MSR_IA32_APIC_BASE, 0xfee00000 | APIC_BASE_EN | APIC_BASE_EXTD);
}

static void install_cpu(const struct machine_choice *choice)
{
	static const char *const models[] = {
		"corei7_haswell_4770", "corei7_ivy_bridge_3770k", "corei7_skylake_x", "corei3_cnl"};

	cpu_model_install(cpu_model_find(models[choice->model % ARRAY_COUNT(models)]));
	fake_cpuid_set(0, 0,
		(struct cpuid_result){
			.eax = 0x16, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69});
	set_cpuid((choice->more & MACHINE_MORE_FEW_COMPONENTS) != 0 ? XCR0_X87 | XCR0_SSE | XCR0_AVX
								    : ALL_COMPONENTS);
	set_msrs();
	fake_cpu.cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_WP | CR0_ET;
	fake_cpu.cr4 = CR4_PAE | CR4_VMXE | CR4_MCE | CR4_OSXSAVE;
	fake_cpu.cr3 = 0x2000;
	fake_cpu.xcr0 = XCR0_X87;
	fake_cpu.tsc = 1000000;
	memset(&gdt, 0, sizeof(gdt));
	machine.cpu = (struct cpu){.self = &machine.cpu,
		.gdt = &gdt,
		.apic_base = 0xfee00000 | APIC_BASE_EN | APIC_BASE_EXTD,
		.timer.kind = HOST_TIMER_TSC_DEADLINE};
	fake_this_cpu = &machine.cpu;
	vmx_capability_read(&machine.capability);
	xsave_layout_read(&machine.xsave_layout);
	if ((choice->apic & MACHINE_APIC_POSTING) != 0) {
		machine.capability.pin.allowed1 |= (uint32_t)PIN_PROCESS_POSTED_INTERRUPTS;
	}
}

/* --- The guests --- */

static void fill_table(
	uint8_t *ram, uint32_t table, size_t entry_bytes, uint32_t first_entry, uint64_t value)
{
	memcpy(ram + table + first_entry * entry_bytes, &value, entry_bytes);
}

static void fill_leaves(uint8_t *ram, uint32_t table, size_t entry_bytes)
{
	for (uint32_t i = 0; i < MACHINE_RAM_PAGES; i++) {
		fill_table(ram, table, entry_bytes, i, (uint64_t)i * PAGE | 7);
	}
}

/* Present, writable, for the user. Of the 64-bit tables the last two serve PAE paging too. */
void machine_write_tables(uint8_t *ram)
{
	const uint32_t t = MACHINE_TABLES_64_BIT;

	memset(ram + t, 0, MACHINE_RAM_BYTES - t);
	fill_table(ram, t, 8, 0, (t + PAGE) | 7);
	fill_table(ram, t + PAGE, 8, 0, (t + 2 * PAGE) | 7);
	fill_table(ram, t + 2 * PAGE, 8, 0, (t + 3 * PAGE) | 7);
	fill_leaves(ram, t + 3 * PAGE, 8);
	fill_table(ram, MACHINE_TABLES_PAE, 8, 0, (t + 2 * PAGE) | 1);
	fill_table(ram, MACHINE_TABLES_32_BIT, 4, 0, (MACHINE_TABLES_32_BIT + PAGE) | 7);
	fill_leaves(ram, MACHINE_TABLES_32_BIT + PAGE, 4);
}

static unsigned guest_of(const struct vm *vm)
{
	return vm == &machine.blocks[0]->vm ? 0 : 1;
}

static void left(struct vm *vm)
{
	machine.has_left[guest_of(vm)] = true;
}

static void make_vm(unsigned guest)
{
	const struct vm_config *config = &machine.configs[guest];
	struct vm *vm = &machine.blocks[guest]->vm;

	vm->config = config;
	vm->is_smp = config->vcpu_count > 1;
	vm->memory_lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_MEMORY);
	vm->platform_lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_PLATFORM);
	vm->left = left;
	vm->console.name = config->name;
	vm->manager = &exit_stand_in_manager;
	vm->input.take = exit_stand_in_typed;
	vm_attach_devices(vm);
}

/* As an operating system leaves it: enabled, with a logical ID, LINT0 open to the PIC. */
static void enable_apic(struct vcpu *vcpu)
{
	(void)virtual_apic_mmio_write(&vcpu->apic, VIRTUAL_APIC_SVR, SVR_ENABLED, 0);
	(void)virtual_apic_mmio_write(&vcpu->apic, VIRTUAL_APIC_LDR, 1u << (LDR_LOW + vcpu->id), 0);
}

static void make_vcpus(unsigned guest)
{
	struct guest_block *block = machine.blocks[guest];
	struct vm *vm = &block->vm;

	vm->start_tsc = insn_rdtsc();
	for (unsigned id = 0; id < vm->config->vcpu_count; id++) {
		struct vcpu *vcpu = &block->vcpu_blocks[id]->vcpu;

		vcpu->start = machine.start;
		vcpu_create(vcpu);
		hypercall_init(vcpu);
		if (!machine.is_apic_off) {
			enable_apic(vcpu);
		}
		vm->vcpus[id] = vcpu;
	}
	vm->vcpu_count = vm->config->vcpu_count;
	vm->live_count = vm->vcpu_count;
	for (unsigned id = 0; id < vm->vcpu_count; id++) {
		scheduler_place(machine.scheduler, vm->vcpus[id], vm->config->weight);
	}
	scheduler_start(vm->vcpus[0]);
}

static void make_configs(const struct machine_choice *choice)
{
	for (unsigned i = 0; i < MACHINE_VMS; i++) {
		struct vm_config *config = &machine.configs[i];

		*config = (struct vm_config){
			.memory_size_bytes = MACHINE_RAM_BYTES,
			.vcpu_count = i == 0 ? 2 : 1,
			.weight = RUN_WEIGHT_DEFAULT,
			.populate = (choice->guest & MACHINE_GUEST_TOUCH) != 0 ? VM_POPULATE_TOUCH
									       : VM_POPULATE_BOOT,
			.vmmcall = (choice->guest & MACHINE_GUEST_VMMCALL_UD) != 0
					   ? VM_VMMCALL_UD
					   : VM_VMMCALL_PATCH,
			.is_tracing_calls = (choice->guest & MACHINE_GUEST_TRACE) != 0,
			.may_manage = (choice->guest & MACHINE_GUEST_MANAGE) != 0,
			.refused_calls = (choice->guest & MACHINE_GUEST_REFUSES) != 0
						 ? choice->refused_calls
						 : 0,
		};
		snprintf(config->name, sizeof(config->name), "%c", 'a' + (int)i);
	}
}

/* As boot/guest_ram.c takes it: the arena is zero. */
static hpa_t take_ram(void)
{
	struct page_alloc_ram ram;

	require(page_alloc_take_ram(&machine.pages, MACHINE_RAM_BYTES,
			MACHINE_RAM_BYTES >= PAGE_SIZE_2M ? PAGE_SIZE_2M : PAGE_SIZE_4K,
			&ram) == STATUS_OK);
	return ram.base;
}

static void make_guests(const struct machine_choice *choice)
{
	machine.context = (struct run_context){.pages = &machine.pages,
		.capability = &machine.capability,
		.xsave_layout = &machine.xsave_layout,
		.apic_choice = (enum apic_choice)((choice->apic & 3) % 3),
		.timer_choice = (choice->apic & MACHINE_HOST_TIMER) != 0 ? TIMER_HOST : TIMER_AUTO};
	for (unsigned i = 0; i < MACHINE_VMS; i++) {
		const unsigned count = machine.configs[i].vcpu_count;

		machine.blocks[i] =
			guest_block_take(&machine.context, count, (uint16_t)(1 + 2 * i));
		require(machine.blocks[i] != NULL);
		for (unsigned id = 0; id < count; id++) {
			machine.vcpus[2 * i + id] = &machine.blocks[i]->vcpu_blocks[id]->vcpu;
		}
	}
	for (unsigned i = 0; i < MACHINE_VMS; i++) {
		struct vm *vm = &machine.blocks[i]->vm;

		make_vm(i);
		vm->memory_base = take_ram();
		require(vm_memory_create(vm, &machine.pages, &machine.capability,
				(choice->more & MACHINE_MORE_LARGE_PAGES) != 0
					? LARGE_PAGES_EXECUTABLE
					: LARGE_PAGES_SPLIT) == STATUS_OK);
		machine_write_tables(hpa_pointer(vm->memory_base));
		make_vcpus(i);
	}
}

static struct vcpu_start start_of(const struct machine_choice *choice)
{
	static const enum vcpu_start_mode modes[] = {VCPU_START_64_BIT_MODE, VCPU_START_REAL_MODE,
		VCPU_START_PROTECTED_MODE, VCPU_START_64_BIT_MODE};

	return (struct vcpu_start){
		.mode = modes[choice->guest >> MACHINE_GUEST_MODE_LOW],
		.rip = MACHINE_RIP,
		.rsp = MACHINE_RSP,
		.cr3 = MACHINE_TABLES_64_BIT,
	};
}

void machine_start(const struct machine_choice *choice)
{
	fake_log_clear();
	exit_stand_ins_reset();
	memset(&machine, 0, sizeof(machine));
	memset(machine_arena(), 0, (size_t)MACHINE_ARENA_PAGES * PAGE);
	/* No VMCS of the last input's is current. */
	fake_vmcs_reset();
	find_slots();
	memset(regions, VMCS_FIRST_CONTENT, sizeof(regions));
	current_region = -1;
	install_cpu(choice);
	page_alloc_init(&machine.pages);
	require(page_alloc_add(&machine.pages, hpa_of(machine_arena()),
			(uint64_t)MACHINE_ARENA_PAGES * PAGE) == STATUS_OK);
	tsc_set_hz(1000000000);
	(void)!wall_clock_start();
	machine.scheduler = scheduler_of(0);
	memset(machine.scheduler, 0, sizeof(*machine.scheduler));
	scheduler_init(machine.scheduler, exit_stand_in_poll);
	machine.start = start_of(choice);
	machine.restarts_left = choice->more & MACHINE_MORE_RESTARTS;
	machine.is_apic_off = (choice->more & MACHINE_MORE_APIC_OFF) != 0;
	make_configs(choice);
	make_guests(choice);
	fake_cpu.on_vmptrld = load_region;
	if ((choice->guest & MACHINE_GUEST_BOTH_START) != 0) {
		vcpu_request_startup(machine.vcpus[1], 1);
	}
}

/* As boot/managed_guest.c renews a guest: RAM, EPT and what was typed stay. */
static void clear_vm(unsigned guest)
{
	struct vm *vm = &machine.blocks[guest]->vm;
	const size_t input_end = offsetof(struct vm, input) + sizeof(vm->input);
	const struct guest_memory memory = vm->memory;
	const hpa_t memory_base = vm->memory_base;
	struct ept ept = vm->ept;

	if (vm->access_page_users != 0) {
		require(ept_unmap(&ept, gpa(VIRTUAL_APIC_BASE_DEFAULT), PAGE) == STATUS_OK);
	}
	memset(vm, 0, offsetof(struct vm, input));
	memset((uint8_t *)vm + input_end, 0, sizeof(*vm) - input_end);
	vm->memory = memory;
	vm->memory_base = memory_base;
	vm->ept = ept;
}

void machine_restart_guests(void)
{
	for (unsigned i = 0; i < MACHINE_VMS; i++) {
		if (machine.has_left[i] && machine.restarts_left != 0) {
			machine.restarts_left--;
			machine.has_left[i] = false;
			clear_vm(i);
			make_vm(i);
			machine_write_tables(hpa_pointer(machine.blocks[i]->vm.memory_base));
			make_vcpus(i);
		}
	}
}
