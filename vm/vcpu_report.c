/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "cpu/log.h"
#include "lib/format.h"
#include "vm/guest_code.h"
#include "vm/vcpu.h"
#include "vmx/vmcs.h"

enum {
	CODE_BYTES_SHOWN = 15,
	CODE_TEXT_MAX = 3 * CODE_BYTES_SHOWN + 1,
	LINE_MAX = 200,
	REGISTERS_PER_LINE = 4,
};

static const char *const register_names[REGISTER_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
	"rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};

static const struct {
	const char *name;
	enum vmcs_field_16 selector;
	enum vmcs_field_natural base;
	enum vmcs_field_32 limit;
	enum vmcs_field_32 access_rights;
} segments[] = {
	{"cs", VMCS_GUEST_CS_SELECTOR, VMCS_GUEST_CS_BASE, VMCS_GUEST_CS_LIMIT,
		VMCS_GUEST_CS_ACCESS_RIGHTS},
	{"ss", VMCS_GUEST_SS_SELECTOR, VMCS_GUEST_SS_BASE, VMCS_GUEST_SS_LIMIT,
		VMCS_GUEST_SS_ACCESS_RIGHTS},
	{"ds", VMCS_GUEST_DS_SELECTOR, VMCS_GUEST_DS_BASE, VMCS_GUEST_DS_LIMIT,
		VMCS_GUEST_DS_ACCESS_RIGHTS},
	{"es", VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_ES_BASE, VMCS_GUEST_ES_LIMIT,
		VMCS_GUEST_ES_ACCESS_RIGHTS},
	{"fs", VMCS_GUEST_FS_SELECTOR, VMCS_GUEST_FS_BASE, VMCS_GUEST_FS_LIMIT,
		VMCS_GUEST_FS_ACCESS_RIGHTS},
	{"gs", VMCS_GUEST_GS_SELECTOR, VMCS_GUEST_GS_BASE, VMCS_GUEST_GS_LIMIT,
		VMCS_GUEST_GS_ACCESS_RIGHTS},
	{"ldtr", VMCS_GUEST_LDTR_SELECTOR, VMCS_GUEST_LDTR_BASE, VMCS_GUEST_LDTR_LIMIT,
		VMCS_GUEST_LDTR_ACCESS_RIGHTS},
	{"tr", VMCS_GUEST_TR_SELECTOR, VMCS_GUEST_TR_BASE, VMCS_GUEST_TR_LIMIT,
		VMCS_GUEST_TR_ACCESS_RIGHTS},
};

static void report_registers(const struct vcpu *vcpu, const char *source)
{
	for (unsigned first = 0; first < REGISTER_COUNT; first += REGISTERS_PER_LINE) {
		char line[LINE_MAX] = "";
		size_t used = 0;

		for (unsigned i = first; i < first + REGISTERS_PER_LINE; i++) {
			used += format(line + used, sizeof(line) - used, "%s%s=0x%016lx",
				i == first ? "" : " ", register_names[i],
				vcpu_get_register(vcpu, i));
		}
		log_info(source, "%s", line);
	}
}

static void report_code(struct vcpu *vcpu, const char *source)
{
	uint8_t bytes[CODE_BYTES_SHOWN];
	char text[CODE_TEXT_MAX];
	const size_t count = guest_code_read(vcpu, bytes, sizeof(bytes));

	guest_code_format(bytes, count, text, sizeof(text));
	log_info(source, "code at rip: %s", count == 0 ? "not readable" : text);
}

void vcpu_report_state(struct vcpu *vcpu)
{
	const char *source = vcpu->vm->is_smp ? vcpu->name : vcpu->vm->config->name;

	vcpu_check_current(vcpu);
	log_info(source, "rip=0x%016lx rflags=%#lx activity=%#x interruptibility=%#x",
		vmcs_read_natural(VMCS_GUEST_RIP), vmcs_read_natural(VMCS_GUEST_RFLAGS),
		vmcs_read32(VMCS_GUEST_ACTIVITY_STATE),
		vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE));
	report_registers(vcpu, source);
	log_info(source, "cr0=%#lx cr2=%#lx cr3=%#lx cr4=%#lx efer=%#lx",
		vmcs_read_natural(VMCS_GUEST_CR0), insn_read_cr2(),
		vmcs_read_natural(VMCS_GUEST_CR3), vmcs_read_natural(VMCS_GUEST_CR4),
		vmcs_read64(VMCS_GUEST_IA32_EFER));
	for (size_t i = 0; i < ARRAY_COUNT(segments); i++) {
		log_info(source, "%-4s selector=0x%04x base=0x%016lx limit=0x%08x access=0x%05x",
			segments[i].name, vmcs_read16(segments[i].selector),
			vmcs_read_natural(segments[i].base), vmcs_read32(segments[i].limit),
			vmcs_read32(segments[i].access_rights));
	}
	log_info(source, "gdtr base=%#lx limit=%#x idtr base=%#lx limit=%#x",
		vmcs_read_natural(VMCS_GUEST_GDTR_BASE), vmcs_read32(VMCS_GUEST_GDTR_LIMIT),
		vmcs_read_natural(VMCS_GUEST_IDTR_BASE), vmcs_read32(VMCS_GUEST_IDTR_LIMIT));
	report_code(vcpu, source);
}
