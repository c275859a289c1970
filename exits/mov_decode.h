/* SPDX-License-Identifier: MIT */
#ifndef EXITS_MOV_DECODE_H
#define EXITS_MOV_DECODE_H

#include "lib/status.h"
#include "lib/types.h"
#include "vmx/exit_qualification.h"

/* SDM Vol. 2A "Instruction Format": an instruction longer than this is a #GP. */
enum { INSTRUCTION_BYTES_MAX = 15 };

/* How many general-purpose registers there are, in the order of their ModRM numbers. */
enum { MOV_REGISTER_COUNT = 16 };

/* The code segment's default operand and address size: SDM Vol. 1 "Modes of Operation". */
enum mov_mode {
	MOV_MODE_16_BIT, /* Real-address mode, virtual-8086 mode, and CS.D = 0. */
	MOV_MODE_32_BIT, /* CS.D = 1 outside 64-bit mode. */
	MOV_MODE_64_BIT, /* IA32_EFER.LMA = 1 and CS.L = 1. */
};

enum mov_kind {
	MOV_KIND_LOAD,            /* Memory to register: MOV, MOVZX, MOVSX, MOVSXD. */
	MOV_KIND_STORE_REGISTER,  /* Register to memory. */
	MOV_KIND_STORE_IMMEDIATE, /* Immediate to memory. */
	MOV_KIND_STRING,          /* MOVS or STOS; the caller decides what becomes of it. */
};

/* In the place of a register number: there is none. */
enum { MOV_NO_REGISTER = 0xff };

/* The memory operand, as it is encoded. For MOVS and STOS it means nothing. */
struct mov_address {
	enum segment_register segment;
	uint8_t size_bytes; /* The address size: 2, 4 or 8. */
	uint8_t base;       /* Register numbers, or MOV_NO_REGISTER. */
	uint8_t index;
	uint8_t scale; /* The index counts 1, 2, 4 or 8 times. */
	bool is_rip_relative;
	uint64_t displacement; /* Sign-extended; an absolute address of "moffs" is not. */
};

/* One decoded instruction. Sizes are in bytes: 1, 2, 4 or 8. */
struct mov_instruction {
	enum mov_kind kind;
	bool is_write;           /* Memory is written; MOVS, which also reads, counts as a write. */
	bool is_move_string;     /* MOVS: the address touched may be its source's. */
	bool has_repeat;         /* STRING alone: a REP or REPNE prefix is there. */
	bool is_high_byte;       /* The register is bits 15:8 (AH CH DH BH) of register_number. */
	bool is_sign_extended;   /* LOAD alone: to register_size; else zero-extended. */
	uint8_t access_size;     /* Of the access to memory. */
	uint8_t register_size;   /* Of the register operand; access_size where there is none. */
	uint8_t register_number; /* 0 to 15: RAX RCX RDX RBX RSP RBP RSI RDI R8 ... R15. */
	uint8_t length;          /* 1 to INSTRUCTION_BYTES_MAX. */
	uint64_t immediate;      /* STORE_IMMEDIATE alone: sign-extended to 64 bits. */
	struct mov_address address;
};

/*
 * Decodes the instruction at bytes[0] that touched an unmapped guest-physical address:
 * MOV (88 89 8A 8B A0-A3 C6/0 C7/0), MOVZX and MOVSX (0F B6 B7 BE BF), MOVSXD (63, 64-bit mode),
 * MOVS (A4 A5) and STOS (AA AB), with every prefix and form of address. byte_count may be less or
 * more than the instruction's length; no byte at or behind bytes[byte_count] or
 * bytes[INSTRUCTION_BYTES_MAX] is read.
 *
 * Returns STATUS_OK; STATUS_TRUNCATED if the instruction goes on behind byte_count;
 * STATUS_UNSUPPORTED for any other instruction, a register operand, a LOCK prefix (#UD), or more
 * than INSTRUCTION_BYTES_MAX bytes (#GP). *instruction is valid with STATUS_OK alone.
 * Context: any; pure. Source: SDM Vol. 2A "Instruction Format", Vol. 2 "MOV", "MOVZX",
 * "MOVSX/MOVSXD", "MOVS", "STOS".
 */
must_use enum status mov_decode(const uint8_t *bytes, size_t byte_count, enum mov_mode mode,
	struct mov_instruction *instruction);

/*
 * Returns what register_number holds after a LOAD: old_value is the whole register before it,
 * value_read what memory gave (bits above access_size are ignored). 32-bit results zero-extend,
 * smaller ones leave the register's other bits. Context: any; pure. Source: SDM Vol. 1
 * "General-Purpose Registers in 64-Bit Mode".
 */
uint64_t mov_load_result(
	const struct mov_instruction *instruction, uint64_t old_value, uint64_t value_read);

/*
 * Returns the offset in its segment that an operand lies at, cut to the address size. base and
 * index are what those registers hold (anything where there is none); next_rip is the RIP after the
 * instruction. Context: any; pure. Source: SDM Vol. 1 "Specifying an Offset".
 */
uint64_t mov_address_offset(
	const struct mov_address *address, uint64_t base, uint64_t index, uint64_t next_rip);

/*
 * Returns what a STORE writes, zero above access_size. registers are in ModRM order.
 * Context: any; pure.
 */
uint64_t mov_store_value(
	const struct mov_instruction *instruction, const uint64_t registers[MOV_REGISTER_COUNT]);

#endif
