/* SPDX-License-Identifier: MIT */
#include "exits/mov_decode.h"

#include "lib/bits.h"

/* SDM Vol. 2A "Instruction Prefixes". */
enum legacy_prefix {
	PREFIX_ES = 0x26,
	PREFIX_CS = 0x2e,
	PREFIX_SS = 0x36,
	PREFIX_DS = 0x3e,
	PREFIX_FS = 0x64,
	PREFIX_GS = 0x65,
	PREFIX_OPERAND_SIZE = 0x66,
	PREFIX_ADDRESS_SIZE = 0x67,
	PREFIX_LOCK = 0xf0,
	PREFIX_REPNE = 0xf2,
	PREFIX_REP = 0xf3,
};

/* The same volume, "REX Prefixes". */
#define REX_FIXED_MASK  0xf0
#define REX_FIXED_VALUE 0x40
#define REX_W           BIT(3)
#define REX_R           BIT(2)

enum { ESCAPE_TWO_BYTE = 0x0f };

/* The same volume, "ModR/M and SIB Bytes". */
#define MODRM_MOD_HIGH 7
#define MODRM_MOD_LOW  6
#define MODRM_REG_HIGH 5
#define MODRM_REG_LOW  3
#define MODRM_RM_HIGH  2
#define MODRM_RM_LOW   0
#define SIB_BASE_HIGH  2
#define SIB_BASE_LOW   0

enum modrm_mod {
	MOD_NO_DISPLACEMENT = 0,
	MOD_DISPLACEMENT_8 = 1,
	MOD_DISPLACEMENT_16_32 = 2,
	MOD_REGISTER = 3,
};

/* Values of rm and base that mean something else than a register. */
enum {
	RM_16_DISPLACEMENT_ALONE = 6,
	RM_SIB = 4,
	RM_DISPLACEMENT_ALONE = 5, /* RIP-relative in 64-bit mode. */
	BASE_DISPLACEMENT_ALONE = 5,
};

enum { REGISTER_RAX = 0, LEGACY_HIGH_BYTE_FIRST = 4, REX_R_REGISTERS = 8, BYTE_BITS = 8 };

enum width {
	WIDTH_OPERAND, /* 16, 32 or 64 bits. */
	WIDTH_BYTE,
	WIDTH_WORD,
	WIDTH_OPERAND_AT_MOST_4, /* With REX.W: 32 bits, sign-extended. */
};

enum address_form {
	ADDRESS_MODRM,
	ADDRESS_MODRM_GROUP, /* The reg field is more opcode, and must be 0. */
	ADDRESS_OFFSET,      /* "moffs": an address as wide as the address size. */
	ADDRESS_IMPLIED,
};

struct opcode {
	uint8_t byte;
	enum mov_kind kind;
	enum address_form address;
	enum width access;
	enum width operand; /* Of the register, or of the immediate as it is encoded. */
	bool is_sign_extended;
	bool is_move_string;
	bool is_64_bit_only;
};

/* SDM Vol. 2D "One-Byte Opcode Map"; what a row leaves out is ModRM and the operand size. */
static const struct opcode one_byte_opcodes[] = {
	{.byte = 0x63,
		.kind = MOV_KIND_LOAD,
		.access = WIDTH_OPERAND_AT_MOST_4,
		.is_sign_extended = true,
		.is_64_bit_only = true},
	{.byte = 0x88,
		.kind = MOV_KIND_STORE_REGISTER,
		.access = WIDTH_BYTE,
		.operand = WIDTH_BYTE},
	{.byte = 0x89, .kind = MOV_KIND_STORE_REGISTER},
	{.byte = 0x8a, .kind = MOV_KIND_LOAD, .access = WIDTH_BYTE, .operand = WIDTH_BYTE},
	{.byte = 0x8b, .kind = MOV_KIND_LOAD},
	{.byte = 0xa0,
		.kind = MOV_KIND_LOAD,
		.address = ADDRESS_OFFSET,
		.access = WIDTH_BYTE,
		.operand = WIDTH_BYTE},
	{.byte = 0xa1, .kind = MOV_KIND_LOAD, .address = ADDRESS_OFFSET},
	{.byte = 0xa2,
		.kind = MOV_KIND_STORE_REGISTER,
		.address = ADDRESS_OFFSET,
		.access = WIDTH_BYTE,
		.operand = WIDTH_BYTE},
	{.byte = 0xa3, .kind = MOV_KIND_STORE_REGISTER, .address = ADDRESS_OFFSET},
	{.byte = 0xa4,
		.kind = MOV_KIND_STRING,
		.address = ADDRESS_IMPLIED,
		.access = WIDTH_BYTE,
		.operand = WIDTH_BYTE,
		.is_move_string = true},
	{.byte = 0xa5, .kind = MOV_KIND_STRING, .address = ADDRESS_IMPLIED, .is_move_string = true},
	{.byte = 0xaa,
		.kind = MOV_KIND_STRING,
		.address = ADDRESS_IMPLIED,
		.access = WIDTH_BYTE,
		.operand = WIDTH_BYTE},
	{.byte = 0xab, .kind = MOV_KIND_STRING, .address = ADDRESS_IMPLIED},
	{.byte = 0xc6,
		.kind = MOV_KIND_STORE_IMMEDIATE,
		.address = ADDRESS_MODRM_GROUP,
		.access = WIDTH_BYTE,
		.operand = WIDTH_BYTE},
	{.byte = 0xc7,
		.kind = MOV_KIND_STORE_IMMEDIATE,
		.address = ADDRESS_MODRM_GROUP,
		.operand = WIDTH_OPERAND_AT_MOST_4},
};

/* SDM Vol. 2D "Two-Byte Opcode Map". */
static const struct opcode two_byte_opcodes[] = {
	{.byte = 0xb6, .kind = MOV_KIND_LOAD, .access = WIDTH_BYTE},
	{.byte = 0xb7, .kind = MOV_KIND_LOAD, .access = WIDTH_WORD},
	{.byte = 0xbe, .kind = MOV_KIND_LOAD, .access = WIDTH_BYTE, .is_sign_extended = true},
	{.byte = 0xbf, .kind = MOV_KIND_LOAD, .access = WIDTH_WORD, .is_sign_extended = true},
};

/* What is read so far. Reading behind the end gives 0 and sets `status`, which stays. */
struct stream {
	const uint8_t *bytes;
	size_t limit;
	size_t position;
	enum status status;
};

struct prefixes {
	uint8_t rex; /* 0 where there is none. */
	bool has_operand_size;
	bool has_address_size;
	bool has_lock;
	bool has_repeat;
};

static uint8_t stream_byte(struct stream *stream)
{
	if (stream->position == stream->limit) {
		stream->status = stream->limit == INSTRUCTION_BYTES_MAX ? STATUS_UNSUPPORTED
									: STATUS_TRUNCATED;
		return 0;
	}
	return stream->bytes[stream->position++];
}

static uint64_t stream_little_endian(struct stream *stream, unsigned size_bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size_bytes; i++) {
		value |= (uint64_t)stream_byte(stream) << (i * BYTE_BITS);
	}
	return value;
}

static uint64_t low_bytes(uint64_t value, unsigned size_bytes)
{
	return bits_get(value, size_bytes * BYTE_BITS - 1, 0);
}

static uint64_t sign_extend(uint64_t value, unsigned size_bytes)
{
	uint64_t sign = BIT(size_bytes * BYTE_BITS - 1);

	return (low_bytes(value, size_bytes) ^ sign) - sign;
}

/* Notes one legacy prefix; false if the byte is none. */
static bool note_legacy_prefix(struct prefixes *prefixes, uint8_t byte)
{
	switch (byte) {
	case PREFIX_ES:
	case PREFIX_CS:
	case PREFIX_SS:
	case PREFIX_DS:
	case PREFIX_FS:
	case PREFIX_GS:
		return true;
	case PREFIX_OPERAND_SIZE:
		prefixes->has_operand_size = true;
		return true;
	case PREFIX_ADDRESS_SIZE:
		prefixes->has_address_size = true;
		return true;
	case PREFIX_LOCK:
		prefixes->has_lock = true;
		return true;
	case PREFIX_REPNE:
	case PREFIX_REP:
		prefixes->has_repeat = true;
		return true;
	default:
		return false;
	}
}

/* Reads all prefixes and returns the first opcode byte behind them. */
static uint8_t read_prefixes(struct stream *stream, enum mov_mode mode, struct prefixes *prefixes)
{
	for (;;) {
		uint8_t byte = stream_byte(stream);

		if (note_legacy_prefix(prefixes, byte)) {
			/* A REX prefix counts only where the opcode follows it at once. */
			prefixes->rex = 0;
		} else if (mode == MOV_MODE_64_BIT && (byte & REX_FIXED_MASK) == REX_FIXED_VALUE) {
			prefixes->rex = byte;
		} else {
			return byte;
		}
	}
}

static const struct opcode *find_opcode(const struct opcode *opcodes, size_t count, uint8_t byte)
{
	for (size_t i = 0; i < count; i++) {
		if (opcodes[i].byte == byte) {
			return &opcodes[i];
		}
	}
	return NULL;
}

static const struct opcode *read_opcode(struct stream *stream, uint8_t first_byte)
{
	if (first_byte == ESCAPE_TWO_BYTE) {
		return find_opcode(
			two_byte_opcodes, ARRAY_COUNT(two_byte_opcodes), stream_byte(stream));
	}
	return find_opcode(one_byte_opcodes, ARRAY_COUNT(one_byte_opcodes), first_byte);
}

/* SDM Vol. 1 "Operand Size and Address Size in 64-Bit Mode" and "... Attributes". */
static uint8_t operand_size(const struct prefixes *prefixes, enum mov_mode mode)
{
	if ((prefixes->rex & REX_W) != 0) {
		return 8;
	}
	return (mode == MOV_MODE_16_BIT) == prefixes->has_operand_size ? 4 : 2;
}

static uint8_t address_size(const struct prefixes *prefixes, enum mov_mode mode)
{
	if (mode == MOV_MODE_64_BIT) {
		return prefixes->has_address_size ? 4 : 8;
	}
	return (mode == MOV_MODE_16_BIT) == prefixes->has_address_size ? 4 : 2;
}

static uint8_t width_size(enum width width, uint8_t operand)
{
	switch (width) {
	case WIDTH_BYTE:
		return 1;
	case WIDTH_WORD:
		return 2;
	case WIDTH_OPERAND_AT_MOST_4:
		return operand < 4 ? operand : 4;
	case WIDTH_OPERAND:
	default:
		return operand;
	}
}

/* SDM Vol. 2A Table "16-Bit Addressing Forms with the ModR/M Byte". */
static unsigned displacement_size_16(uint64_t mod, uint64_t rm)
{
	if (mod == MOD_NO_DISPLACEMENT) {
		return rm == RM_16_DISPLACEMENT_ALONE ? 2 : 0;
	}
	return mod == MOD_DISPLACEMENT_8 ? 1 : 2;
}

/* The same volume, Tables "32-Bit Addressing Forms with the ModR/M Byte" and "... the SIB Byte". */
static unsigned displacement_size_32(struct stream *stream, uint64_t mod, uint64_t rm)
{
	bool is_alone = rm == RM_DISPLACEMENT_ALONE;

	if (rm == RM_SIB) {
		is_alone = bits_get(stream_byte(stream), SIB_BASE_HIGH, SIB_BASE_LOW) ==
			   BASE_DISPLACEMENT_ALONE;
	}
	if (mod == MOD_NO_DISPLACEMENT) {
		return is_alone ? 4 : 0;
	}
	return mod == MOD_DISPLACEMENT_8 ? 1 : 4;
}

/* Reads ModRM, SIB and displacement; returns the ModRM byte. */
static uint8_t read_modrm(struct stream *stream, uint8_t address)
{
	uint8_t modrm = stream_byte(stream);
	uint64_t mod = bits_get(modrm, MODRM_MOD_HIGH, MODRM_MOD_LOW);
	uint64_t rm = bits_get(modrm, MODRM_RM_HIGH, MODRM_RM_LOW);

	if (mod != MOD_REGISTER) {
		stream_little_endian(stream, address == 2 ? displacement_size_16(mod, rm)
							  : displacement_size_32(stream, mod, rm));
	}
	return modrm;
}

/* Fills in the register operand that the ModRM byte names; false for one that is none of ours. */
static bool apply_modrm(struct mov_instruction *instruction, const struct opcode *opcode,
	uint8_t rex, uint8_t modrm)
{
	uint8_t number = (uint8_t)bits_get(modrm, MODRM_REG_HIGH, MODRM_REG_LOW);

	if (bits_get(modrm, MODRM_MOD_HIGH, MODRM_MOD_LOW) == MOD_REGISTER) {
		return false;
	}
	if (opcode->address == ADDRESS_MODRM_GROUP) {
		return number == 0;
	}
	/* Any REX prefix turns AH CH DH BH into SPL BPL SIL DIL. */
	if (opcode->operand == WIDTH_BYTE && rex == 0 && number >= LEGACY_HIGH_BYTE_FIRST) {
		instruction->is_high_byte = true;
		number -= LEGACY_HIGH_BYTE_FIRST;
	}
	instruction->register_number = (rex & REX_R) != 0 ? number + REX_R_REGISTERS : number;
	return true;
}

/* Reads what follows the opcode; false for an operand that is none of ours. */
static bool read_operands(struct stream *stream, const struct opcode *opcode,
	const struct prefixes *prefixes, enum mov_mode mode, struct mov_instruction *instruction)
{
	uint8_t operand = operand_size(prefixes, mode);
	uint8_t address = address_size(prefixes, mode);
	uint8_t immediate_size = width_size(opcode->operand, operand);

	*instruction = (struct mov_instruction){
		.kind = opcode->kind,
		.is_write = opcode->kind != MOV_KIND_LOAD,
		.is_move_string = opcode->is_move_string,
		.has_repeat = opcode->kind == MOV_KIND_STRING && prefixes->has_repeat,
		.is_sign_extended = opcode->is_sign_extended,
		.access_size = width_size(opcode->access, operand),
		.register_size = width_size(opcode->operand, operand),
		.register_number = REGISTER_RAX,
	};
	if (opcode->address == ADDRESS_OFFSET) {
		stream_little_endian(stream, address);
	} else if (opcode->address != ADDRESS_IMPLIED &&
		   !apply_modrm(instruction, opcode, prefixes->rex, read_modrm(stream, address))) {
		return false;
	}
	if (opcode->kind == MOV_KIND_STORE_IMMEDIATE) {
		instruction->register_size = instruction->access_size;
		instruction->immediate =
			sign_extend(stream_little_endian(stream, immediate_size), immediate_size);
	}
	instruction->length = (uint8_t)stream->position;
	return true;
}

enum status mov_decode(const uint8_t *bytes, size_t byte_count, enum mov_mode mode,
	struct mov_instruction *instruction)
{
	struct stream stream = {
		.bytes = bytes,
		.limit = byte_count < INSTRUCTION_BYTES_MAX ? byte_count : INSTRUCTION_BYTES_MAX,
		.status = STATUS_OK,
	};
	struct prefixes prefixes = {.rex = 0};
	uint8_t first_byte = read_prefixes(&stream, mode, &prefixes);
	const struct opcode *opcode = read_opcode(&stream, first_byte);

	if (stream.status != STATUS_OK) {
		return stream.status;
	}
	if (opcode == NULL || prefixes.has_lock ||
		(opcode->is_64_bit_only && mode != MOV_MODE_64_BIT)) {
		return STATUS_UNSUPPORTED;
	}
	if (!read_operands(&stream, opcode, &prefixes, mode, instruction)) {
		return STATUS_UNSUPPORTED;
	}
	return stream.status;
}

uint64_t mov_load_result(
	const struct mov_instruction *instruction, uint64_t old_value, uint64_t value_read)
{
	uint64_t value = low_bytes(value_read, instruction->access_size);

	if (instruction->is_sign_extended) {
		value = sign_extend(value, instruction->access_size);
	}
	switch (instruction->register_size) {
	case 8:
		return value;
	case 4:
		return low_bytes(value, instruction->register_size);
	default:
		break;
	}
	if (instruction->is_high_byte) {
		return bits_put(old_value, 2 * BYTE_BITS - 1, BYTE_BITS, value);
	}
	return bits_put(old_value, instruction->register_size * BYTE_BITS - 1u, 0, value);
}

uint64_t mov_store_value(
	const struct mov_instruction *instruction, const uint64_t registers[MOV_REGISTER_COUNT])
{
	uint64_t value = registers[instruction->register_number];

	if (instruction->kind == MOV_KIND_STORE_IMMEDIATE) {
		value = instruction->immediate;
	} else if (instruction->is_high_byte) {
		value >>= BYTE_BITS;
	}
	return low_bytes(value, instruction->access_size);
}
