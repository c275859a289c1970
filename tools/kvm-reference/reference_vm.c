/* SPDX-License-Identifier: MIT */
#include "tools/kvm-reference/reference_vm.h"

#include "cpu/msr.h"
#include "lib/bits.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	CPUID_ENTRIES_MAX = 128,
	CPUID_LEAF_FEATURES = 1,
	MSR_COUNT = 2,
	RAM_SLOT = 0,
};

#define CPUID_LEAF_KVM_FEATURES  0x40000001u
#define CPUID_1_ECX_X2APIC       (1u << 21)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID_1_ECX_HYPERVISOR   (1u << 31)

/* Three pages that KVM wants for itself where a CPU cannot run real mode in a guest. */
#define KVM_TSS_ADDRESS 0xfffbd000u

/* As vm/vcpu_init.c has them; SDM Vol. 3A "Processor State After Reset", where it differs. */
#define MTRR_DEF_TYPE_ENABLED_WB (BIT(11) | MEMORY_TYPE_WB)
#define MISC_ENABLE_RESET        (BIT(0) | BIT(11) | BIT(12))

#define SEGMENT_CODE_32                                                                            \
	{                                                                                          \
		.selector = 0x08, .limit = UINT32_MAX, .type = 0xb, .present = 1, .db = 1, .s = 1, \
		.g = 1                                                                             \
	}
#define SEGMENT_DATA_32                                                                            \
	{                                                                                          \
		.selector = 0x10, .limit = UINT32_MAX, .type = 0x3, .present = 1, .db = 1, .s = 1, \
		.g = 1                                                                             \
	}
#define SEGMENT_TSS                                                                                \
	{                                                                                          \
		.limit = UINT16_MAX, .type = 0xb, .present = 1                                     \
	}
#define SEGMENT_LDT                                                                                \
	{                                                                                          \
		.limit = UINT16_MAX, .type = 0x2, .present = 1                                     \
	}
#define CR0_PE_ET    0x11u
#define RFLAGS_FIXED 0x2u

static bool fail(struct reference_vm *machine, const char *what)
{
	machine->failed = what;
	return false;
}

static bool set_ram(struct reference_vm *machine, uint64_t size_bytes)
{
	void *ram =
		mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.slot = RAM_SLOT, .memory_size = size_bytes, .userspace_addr = (uintptr_t)ram};

	if (ram == MAP_FAILED) {
		return fail(machine, "RAM");
	}
	machine->ram = ram;
	machine->ram_size_bytes = size_bytes;
	if (guest_memory_add(&machine->memory,
		    (struct guest_memory_region){
			    .guest = gpa(0), .size_bytes = size_bytes, .host = ram}) != STATUS_OK ||
		ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) {
		return fail(machine, "KVM_SET_USER_MEMORY_REGION");
	}
	return true;
}

static bool create_vm(struct reference_vm *machine, int kvm, const struct reference_guest *guest)
{
	struct kvm_enable_cap quirk = {
		.cap = KVM_CAP_DISABLE_QUIRKS2, .args = {KVM_X86_QUIRK_FIX_HYPERCALL_INSN}};
	struct kvm_pit_config pit = {.flags = 0};

	machine->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (machine->vm < 0) {
		return fail(machine, "KVM_CREATE_VM");
	}
	if (ioctl(machine->vm, KVM_SET_TSS_ADDR, KVM_TSS_ADDRESS) != 0) {
		return fail(machine, "KVM_SET_TSS_ADDR");
	}
	if (ioctl(machine->vm, KVM_CREATE_IRQCHIP, 0) != 0) {
		return fail(machine, "KVM_CREATE_IRQCHIP");
	}
	if (guest->has_pit && ioctl(machine->vm, KVM_CREATE_PIT2, &pit) != 0) {
		return fail(machine, "KVM_CREATE_PIT2");
	}
	if (guest->is_vmmcall_undefined && ioctl(machine->vm, KVM_ENABLE_CAP, &quirk) != 0) {
		return fail(machine, "KVM_CAP_DISABLE_QUIRKS2");
	}
	return set_ram(machine, guest->memory_size_bytes);
}

/* What the kernel says that it supports, with what only user space may decide. */
static void choose_features(struct kvm_cpuid2 *cpuid, int kvm, const struct reference_guest *guest)
{
	const bool has_deadline = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == CPUID_LEAF_FEATURES) {
			entry->ecx |= CPUID_1_ECX_HYPERVISOR | CPUID_1_ECX_X2APIC |
				      (has_deadline ? CPUID_1_ECX_TSC_DEADLINE : 0);
		}
		if (entry->function == CPUID_LEAF_KVM_FEATURES) {
			entry->eax &= ~guest->features_off;
		}
	}
}

static bool set_cpuid(struct reference_vm *machine, int kvm, const struct reference_guest *guest)
{
	struct kvm_enable_cap enforce = {.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = {1}};
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_ENTRIES_MAX * sizeof(cpuid->entries[0]));
	bool is_set = false;

	if (cpuid == NULL) {
		return fail(machine, "memory");
	}
	cpuid->nent = CPUID_ENTRIES_MAX;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) != 0) {
		machine->failed = "KVM_GET_SUPPORTED_CPUID";
		goto out;
	}
	choose_features(cpuid, kvm, guest);
	is_set = ioctl(machine->vcpu, KVM_SET_CPUID2, cpuid) == 0 &&
		 ioctl(machine->vcpu, KVM_ENABLE_CAP, &enforce) == 0;
	if (!is_set) {
		machine->failed = "KVM_SET_CPUID2";
	}
out:
	free(cpuid);
	return is_set;
}

static bool create_vcpu(struct reference_vm *machine, int kvm)
{
	int size_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run;

	machine->vcpu = ioctl(machine->vm, KVM_CREATE_VCPU, 0);
	if (machine->vcpu < 0 || size_bytes <= 0) {
		return fail(machine, "KVM_CREATE_VCPU");
	}
	run = mmap(NULL, (size_t)size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, machine->vcpu, 0);
	if (run == MAP_FAILED) {
		return fail(machine, "the run structure");
	}
	machine->run = run;
	machine->run_size_bytes = (size_t)size_bytes;
	return true;
}

bool reference_vm_create(struct reference_vm *machine, int kvm, const struct reference_guest *guest)
{
	memset(machine, 0, sizeof(*machine));
	machine->vm = -1;
	machine->vcpu = -1;
	return create_vm(machine, kvm, guest) && create_vcpu(machine, kvm) &&
	       set_cpuid(machine, kvm, guest);
}

void reference_vm_destroy(struct reference_vm *machine)
{
	if (machine->run != NULL) {
		munmap(machine->run, machine->run_size_bytes);
	}
	if (machine->vcpu >= 0) {
		close(machine->vcpu);
	}
	if (machine->vm >= 0) {
		close(machine->vm);
	}
	if (machine->ram != NULL) {
		munmap(machine->ram, machine->ram_size_bytes);
	}
}

static bool set_msrs(struct reference_vm *machine)
{
	const struct kvm_msr_entry values[MSR_COUNT] = {
		{.index = MSR_IA32_MTRR_DEF_TYPE, .data = MTRR_DEF_TYPE_ENABLED_WB},
		{.index = MSR_IA32_MISC_ENABLE, .data = MISC_ENABLE_RESET},
	};
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(values));
	bool is_set;

	if (msrs == NULL) {
		return fail(machine, "memory");
	}
	msrs->nmsrs = MSR_COUNT;
	memcpy(msrs->entries, values, sizeof(values));
	is_set = ioctl(machine->vcpu, KVM_SET_MSRS, msrs) == MSR_COUNT;
	free(msrs);
	return is_set || fail(machine, "KVM_SET_MSRS");
}

bool reference_vm_start_at(struct reference_vm *machine, const struct load_result *loaded)
{
	const struct kvm_segment data = SEGMENT_DATA_32;
	struct kvm_regs regs = {.rax = MULTIBOOT1_BOOT_MAGIC,
		.rbx = loaded->information,
		.rip = loaded->entry,
		.rflags = RFLAGS_FIXED};
	struct kvm_sregs sregs;

	if (ioctl(machine->vcpu, KVM_GET_SREGS, &sregs) != 0) {
		return fail(machine, "KVM_GET_SREGS");
	}
	sregs.cs = (struct kvm_segment)SEGMENT_CODE_32;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = (struct kvm_segment)SEGMENT_TSS;
	sregs.ldt = (struct kvm_segment)SEGMENT_LDT;
	memset(&sregs.gdt, 0, sizeof(sregs.gdt));
	memset(&sregs.idt, 0, sizeof(sregs.idt));
	sregs.cr0 = CR0_PE_ET;
	if (ioctl(machine->vcpu, KVM_SET_SREGS, &sregs) != 0) {
		return fail(machine, "KVM_SET_SREGS");
	}
	if (ioctl(machine->vcpu, KVM_SET_REGS, &regs) != 0) {
		return fail(machine, "KVM_SET_REGS");
	}
	return set_msrs(machine);
}
