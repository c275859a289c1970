/* SPDX-License-Identifier: MIT */
#ifndef VMX_EXIT_QUALIFICATION_H
#define VMX_EXIT_QUALIFICATION_H

#include "lib/bits.h"
#include "lib/types.h"

/*
 * The VM-exit information fields taken apart. All functions are pure, take any value of the field,
 * and ignore its reserved bits. Register numbers are 0 to 15: RAX RCX RDX RBX RSP RBP RSI RDI R8
 * ... R15. Tables are in SDM Vol. 3C "Basic VM-Exit Information" unless named otherwise.
 */

/* Table "Exit Qualification for Control-Register Accesses". */
enum cr_access_type {
	CR_ACCESS_MOV_TO_CR = 0,
	CR_ACCESS_MOV_FROM_CR = 1,
	CR_ACCESS_CLTS = 2,
	CR_ACCESS_LMSW = 3,
};

struct cr_access {
	enum cr_access_type type;
	uint8_t cr_number;       /* 0 for CLTS and LMSW. */
	uint8_t register_number; /* MOV alone. */
	bool is_lmsw_memory;     /* LMSW alone: the operand is in memory. */
	uint16_t lmsw_source;    /* LMSW alone. */
};

struct cr_access exit_cr_access(uint64_t exit_qualification);

/* Table "Exit Qualification for MOV DR". */
struct dr_access {
	uint8_t dr_number; /* 0 to 7. */
	uint8_t register_number;
	bool is_read; /* MOV from DR. */
};

struct dr_access exit_dr_access(uint64_t exit_qualification);

/* Table "Exit Qualification for I/O Instructions". */
struct io_access {
	uint16_t port;
	uint8_t size_bytes; /* 1, 2 or 4; 0 for an encoding that the SDM does not use. */
	bool is_in;
	bool is_string;    /* INS or OUTS. */
	bool has_repeat;   /* REP prefix. */
	bool is_immediate; /* The port is in the instruction, not in DX. */
};

/* Bits of the field. */
#define IO_SIZE_HIGH 2
#define IO_SIZE_LOW  0
#define IO_IN        BIT(3)
#define IO_STRING    BIT(4)
#define IO_REPEAT    BIT(5)
#define IO_IMMEDIATE BIT(6)
#define IO_PORT_HIGH 31
#define IO_PORT_LOW  16

/* True for INS and OUTS. */
static inline bool exit_io_is_string(uint64_t exit_qualification)
{
	return (exit_qualification & IO_STRING) != 0;
}

/* Inline: every port access of a guest goes through it. */
static inline struct io_access exit_io_access(uint64_t exit_qualification)
{
	static const uint8_t sizes[] = {1, 2, 0, 4, 0, 0, 0, 0};

	return (struct io_access){
		.port = (uint16_t)bits_get(exit_qualification, IO_PORT_HIGH, IO_PORT_LOW),
		.size_bytes = sizes[bits_get(exit_qualification, IO_SIZE_HIGH, IO_SIZE_LOW)],
		.is_in = (exit_qualification & IO_IN) != 0,
		.is_string = (exit_qualification & IO_STRING) != 0,
		.has_repeat = (exit_qualification & IO_REPEAT) != 0,
		.is_immediate = (exit_qualification & IO_IMMEDIATE) != 0,
	};
}

/*
 * SDM Vol. 3C "Information for VM Exits Due to Instruction Execution", Table "Format of the VM-Exit
 * Instruction-Information Field as Used for INS and OUTS". Only where IA32_VMX_BASIC[54] is 1.
 */
enum segment_register {
	SEGMENT_ES = 0,
	SEGMENT_CS = 1,
	SEGMENT_SS = 2,
	SEGMENT_DS = 3,
	SEGMENT_FS = 4,
	SEGMENT_GS = 5,
};

struct io_string_information {
	uint8_t address_size_bytes;    /* 2, 4 or 8; 0 for an encoding that the SDM does not use. */
	enum segment_register segment; /* OUTS alone: INS always writes through ES. Values 6 and 7
					  are not used by the SDM and come as they are. */
};

struct io_string_information exit_io_string_information(uint32_t instruction_information);

/* Table "Exit Qualification for EPT Violations". */
struct ept_violation {
	bool is_read;
	bool is_write;
	bool is_fetch;
	bool was_readable; /* What the EPT entries together allow the address. */
	bool was_writable;
	bool was_executable;
	bool has_linear_address; /* The guest-linear-address field is valid. */
	/* The address is that of the data or code, not of a guest paging-structure entry. Only with
	   has_linear_address, else false. */
	bool is_final_translation;
	/* By an IRET: blocking by NMI is to be set again. Undefined where an event was being
	   delivered (IDT-vectoring information valid), and with NMI exiting but no virtual NMIs. */
	bool has_nmi_unblocking;
};

struct ept_violation exit_ept_violation(uint64_t exit_qualification);

/* Table "Exit Qualification for APIC-Access VM Exits from Linear Accesses and Guest-Physical
 * Accesses". */
enum apic_access_type {
	APIC_ACCESS_READ = 0,
	APIC_ACCESS_WRITE = 1,
	APIC_ACCESS_FETCH = 2,
	APIC_ACCESS_EVENT_DELIVERY = 3,
	APIC_ACCESS_PHYSICAL_EVENT_DELIVERY = 10,
	APIC_ACCESS_PHYSICAL = 15, /* Of a paging structure, or of no linear address. */
};

struct apic_access {
	enum apic_access_type type; /* Or a value that the SDM does not use. */
	uint16_t offset;            /* In the page; undefined for guest-physical accesses. */
};

struct apic_access exit_apic_access(uint64_t exit_qualification);

/* Table "Exit Qualification for Debug Exceptions". */
struct debug_exception {
	uint8_t breakpoints; /* Bits 3:0: B3 to B0, met even where DR7 does not enable them. */
	bool is_bus_lock;
	bool is_register_access; /* BD: the next instruction accesses a debug register. */
	bool is_single_step;     /* BS: one instruction, or one branch, was stepped. */
	bool is_in_rtm;          /* In an RTM region. */
};

struct debug_exception exit_debug_exception(uint64_t exit_qualification);

/* Table "Exit Qualification for Task Switches". */
enum task_switch_source {
	TASK_SWITCH_CALL = 0,
	TASK_SWITCH_IRET = 1,
	TASK_SWITCH_JMP = 2,
	TASK_SWITCH_TASK_GATE = 3,
};

struct task_switch {
	enum task_switch_source source;
	uint16_t tss_selector; /* Of the task switched to. */
};

struct task_switch exit_task_switch(uint64_t exit_qualification);

/*
 * SDM Vol. 3C "Information for VM Exits Due to Vectored Events" and "Information About NMI
 * Unblocking Due to IRET", Table "Format of the VM-Exit Interruption-Information Field"; the
 * IDT-vectoring information has the same layout, with its bit 12 undefined.
 */
struct interruption_information {
	bool is_valid; /* If not, nothing else holds. */
	uint8_t vector;
	uint8_t type; /* enum interruption_type, or a value that the SDM does not use. */
	bool has_error_code;
	bool has_nmi_unblocking; /* As in struct ept_violation; undefined for a double fault. */
};

struct interruption_information exit_interruption_information(uint32_t interruption_information);

#endif
