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
#define REX_X           BIT(1)
#define REX_B           BIT(0)

enum { ESCAPE_TWO_BYTE = 0x0f };

/* The same volume, "ModR/M and SIB Bytes". */
#define MODRM_MOD_HIGH 7
#define MODRM_MOD_LOW  6
#define MODRM_REG_HIGH 5
#define MODRM_REG_LOW  3
#define MODRM_RM_HIGH  2
#define MODRM_RM_LOW   0
#define SIB_SCALE_HIGH 7
#define SIB_SCALE_LOW  6
#define SIB_INDEX_HIGH 5
#define SIB_INDEX_LOW  3
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
	INDEX_NONE = 4,
};

/* ModRM numbers of registers. */
enum { RAX = 0, RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7 };

enum { LEGACY_HIGH_BYTE_FIRST = 4, REX_REGISTERS = 8, BYTE_BITS = 8 };

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
	bool has_segment;
	enum segment_register segment;
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

/*
 * Notes a segment override; false if the byte is none. 64-bit mode ignores those but FS and GS: SDM
 * Vol. 2A "Instruction Prefixes".
 */
static bool note_segment_prefix(struct prefixes *prefixes, enum mov_mode mode, uint8_t byte)
{
	static const struct {
		uint8_t byte;
		enum segment_register segment;
	} rows[] = {{PREFIX_ES, SEGMENT_ES}, {PREFIX_CS, SEGMENT_CS}, {PREFIX_SS, SEGMENT_SS},
		{PREFIX_DS, SEGMENT_DS}, {PREFIX_FS, SEGMENT_FS}, {PREFIX_GS, SEGMENT_GS}};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].byte != byte) {
			continue;
		}
		if (mode != MOV_MODE_64_BIT || byte == PREFIX_FS || byte == PREFIX_GS) {
			prefixes->has_segment = true;
			prefixes->segment = rows[i].segment;
		}
		return true;
	}
	return false;
}

/* Notes one legacy prefix; false if the byte is none. */
static bool note_legacy_prefix(struct prefixes *prefixes, enum mov_mode mode, uint8_t byte)
{
	switch (byte) {
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
		return note_segment_prefix(prefixes, mode, byte);
	}
}

/* Reads all prefixes and returns the first opcode byte behind them. */
static uint8_t read_prefixes(struct stream *stream, enum mov_mode mode, struct prefixes *prefixes)
{
	for (;;) {
		uint8_t byte = stream_byte(stream);

		if (note_legacy_prefix(prefixes, mode, byte)) {
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

static uint64_t read_displacement(struct stream *stream, unsigned size_bytes)
{
	return size_bytes == 0 ? 0
			       : sign_extend(stream_little_endian(stream, size_bytes), size_bytes);
}

/* SDM Vol. 2A Table "16-Bit Addressing Forms with the ModR/M Byte". */
static void read_address_16(
	struct stream *stream, uint64_t mod, uint64_t rm, struct mov_address *address)
{
	static const struct {
		uint8_t base;
		uint8_t index;
	} forms[] = {{RBX, RSI}, {RBX, RDI}, {RBP, RSI}, {RBP, RDI}, {RSI, MOV_NO_REGISTER},
		{RDI, MOV_NO_REGISTER}, {RBP, MOV_NO_REGISTER}, {RBX, MOV_NO_REGISTER}};

	address->base = forms[rm].base;
	address->index = forms[rm].index;
	if (mod == MOD_NO_DISPLACEMENT && rm == RM_16_DISPLACEMENT_ALONE) {
		address->base = MOV_NO_REGISTER;
		address->displacement = read_displacement(stream, 2);
	} else if (mod != MOD_NO_DISPLACEMENT) {
		address->displacement =
			read_displacement(stream, mod == MOD_DISPLACEMENT_8 ? 1 : 2);
	}
}

/* The same volume, Table "32-Bit Addressing Forms with the SIB Byte". Returns the base's number
 * without REX.B. */
static uint64_t read_sib(struct stream *stream, uint8_t rex, struct mov_address *address)
{
	const uint8_t sib = stream_byte(stream);
	const uint64_t index = bits_get(sib, SIB_INDEX_HIGH, SIB_INDEX_LOW) |
			       ((rex & REX_X) != 0 ? REX_REGISTERS : 0);

	if (index != INDEX_NONE) {
		address->index = (uint8_t)index;
		address->scale = (uint8_t)BIT(bits_get(sib, SIB_SCALE_HIGH, SIB_SCALE_LOW));
	}
	return bits_get(sib, SIB_BASE_HIGH, SIB_BASE_LOW);
}

/* The same volume, Table "32-Bit Addressing Forms with the ModR/M Byte"; 64-bit mode has the same
 * forms, but for one that is relative to RIP. */
static void read_address_32(struct stream *stream, const struct prefixes *prefixes,
	enum mov_mode mode, uint8_t modrm, struct mov_address *address)
{
	const uint64_t mod = bits_get(modrm, MODRM_MOD_HIGH, MODRM_MOD_LOW);
	const uint64_t rm = bits_get(modrm, MODRM_RM_HIGH, MODRM_RM_LOW);
	const uint64_t base = rm == RM_SIB ? read_sib(stream, prefixes->rex, address) : rm;

	/* RM_DISPLACEMENT_ALONE and BASE_DISPLACEMENT_ALONE are the same number. */
	if (mod == MOD_NO_DISPLACEMENT && base == BASE_DISPLACEMENT_ALONE) {
		address->is_rip_relative = rm == RM_DISPLACEMENT_ALONE && mode == MOV_MODE_64_BIT;
		address->displacement = read_displacement(stream, 4);
		return;
	}
	address->base = (uint8_t)(base | ((prefixes->rex & REX_B) != 0 ? REX_REGISTERS : 0));
	if (mod != MOD_NO_DISPLACEMENT) {
		address->displacement =
			read_displacement(stream, mod == MOD_DISPLACEMENT_8 ? 1 : 4);
	}
}

/* Reads ModRM, SIB and displacement; returns the ModRM byte. */
static uint8_t read_modrm(struct stream *stream, const struct prefixes *prefixes,
	enum mov_mode mode, struct mov_address *address)
{
	const uint8_t modrm = stream_byte(stream);
	const uint64_t mod = bits_get(modrm, MODRM_MOD_HIGH, MODRM_MOD_LOW);

	if (mod == MOD_REGISTER) {
		return modrm;
	}
	if (address->size_bytes == 2) {
		read_address_16(stream, mod, bits_get(modrm, MODRM_RM_HIGH, MODRM_RM_LOW), address);
	} else {
		read_address_32(stream, prefixes, mode, modrm, address);
	}
	/* SDM Vol. 1 "Default Segment Selection Rules". */
	if (!prefixes->has_segment && (address->base == RSP || address->base == RBP)) {
		address->segment = SEGMENT_SS;
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
	instruction->register_number = (rex & REX_R) != 0 ? number + REX_REGISTERS : number;
	return true;
}

/* Reads what follows the opcode; false for an operand that is none of ours. */
static bool read_operands(struct stream *stream, const struct opcode *opcode,
	const struct prefixes *prefixes, enum mov_mode mode, struct mov_instruction *instruction)
{
	uint8_t operand = operand_size(prefixes, mode);
	struct mov_address *address = &instruction->address;
	uint8_t immediate_size = width_size(opcode->operand, operand);

	*instruction = (struct mov_instruction){
		.kind = opcode->kind,
		.is_write = opcode->kind != MOV_KIND_LOAD,
		.is_move_string = opcode->is_move_string,
		.has_repeat = opcode->kind == MOV_KIND_STRING && prefixes->has_repeat,
		.is_sign_extended = opcode->is_sign_extended,
		.access_size = width_size(opcode->access, operand),
		.register_size = width_size(opcode->operand, operand),
		.register_number = RAX,
		.address = {.segment = prefixes->has_segment ? prefixes->segment : SEGMENT_DS,
			.size_bytes = address_size(prefixes, mode),
			.base = MOV_NO_REGISTER,
			.index = MOV_NO_REGISTER,
			.scale = 1},
	};
	if (opcode->address == ADDRESS_OFFSET) {
		address->displacement = stream_little_endian(stream, address->size_bytes);
	} else if (opcode->address != ADDRESS_IMPLIED &&
		   !apply_modrm(instruction, opcode, prefixes->rex,
			   read_modrm(stream, prefixes, mode, address))) {
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

uint64_t mov_address_offset(
	const struct mov_address *address, uint64_t base, uint64_t index, uint64_t next_rip)
{
	uint64_t offset = address->displacement;

	if (address->base != MOV_NO_REGISTER) {
		offset += base;
	}
	if (address->index != MOV_NO_REGISTER) {
		offset += index * address->scale;
	}
	if (address->is_rip_relative) {
		offset += next_rip;
	}
	return low_bytes(offset, address->size_bytes);
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
