/* SPDX-License-Identifier: MIT */
#include "cpu/acpi_tables.h"

#include "lib/bits.h"
#include "lib/string.h"

/* ACPI Specification 6.4, "Root System Description Pointer (RSDP) Structure": offsets. */
enum {
	RSDP_REVISION = 15,
	RSDP_RSDT = 16,
	RSDP_V1_SIZE = 20,
	RSDP_LENGTH = 20,
	RSDP_XSDT = 24,
	RSDP_V2_SIZE = 36,
	RSDP_SIGNATURE_SIZE = 8,
};

/* "System Description Table Header". */
enum {
	HEADER_LENGTH = 4,
	HEADER_SIZE = 36,
	SIGNATURE_SIZE = 4,
	TABLE_SIZE_MAX = 16 * 1024 * 1024, /* More is no table. */
};

/* "AML Byte Stream Byte Values". */
enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE_PREFIX = 0x0a,
	AML_WORD_PREFIX = 0x0b,
	AML_DWORD_PREFIX = 0x0c,
	AML_PACKAGE = 0x12,
	AML_ROOT_CHAR = '\\',
	AML_LENGTH_COUNT_HIGH = 7, /* How many more bytes the package length has. */
	AML_LENGTH_COUNT_LOW = 6,
	SLEEP_TYPE_MAX = 7,
};

static uint64_t read_field(const uint8_t *bytes, uint32_t size_bytes)
{
	uint64_t value = 0;

	memcpy(&value, bytes, size_bytes);
	return value;
}

static bool sum_is_zero(const uint8_t *bytes, uint64_t size_bytes)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < size_bytes; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return sum == 0;
}

enum status acpi_table_open(
	uint64_t address, const char *signature, acpi_memory_map *map, struct acpi_table *table)
{
	const uint8_t *bytes = address != 0 ? map(address, HEADER_SIZE) : NULL;
	uint32_t size_bytes;

	if (bytes == NULL || memcmp(bytes, signature, SIGNATURE_SIZE) != 0) {
		return STATUS_NOT_FOUND;
	}
	size_bytes = (uint32_t)read_field(bytes + HEADER_LENGTH, sizeof(uint32_t));
	if (size_bytes < HEADER_SIZE || size_bytes > TABLE_SIZE_MAX ||
		map(address, size_bytes) == NULL) {
		return STATUS_TRUNCATED;
	}
	if (!sum_is_zero(bytes, size_bytes)) {
		return STATUS_INVALID;
	}
	*table = (struct acpi_table){bytes, size_bytes};
	return STATUS_OK;
}

uint64_t acpi_table_field(const struct acpi_table *table, uint32_t offset, uint32_t size_bytes)
{
	if (!range_fits(offset, size_bytes, table->size_bytes)) {
		return 0;
	}
	return read_field(table->bytes + offset, size_bytes);
}

/* Looks through the table of tables, whose entries are entry_size addresses. */
static enum status find_in(const struct acpi_table *root, uint32_t entry_size_bytes,
	const char *signature, acpi_memory_map *map, struct acpi_table *table)
{
	enum status status = STATUS_NOT_FOUND;

	for (uint32_t offset = HEADER_SIZE; range_fits(offset, entry_size_bytes, root->size_bytes);
		offset += entry_size_bytes) {
		uint64_t address = read_field(root->bytes + offset, entry_size_bytes);

		status = acpi_table_open(address, signature, map, table);
		if (status != STATUS_NOT_FOUND) {
			return status;
		}
	}
	return status;
}

static bool rsdp_is_sound(const uint8_t *rsdp, size_t size_bytes)
{
	return rsdp != NULL && size_bytes >= RSDP_V1_SIZE &&
	       memcmp(rsdp, "RSD PTR ", RSDP_SIGNATURE_SIZE) == 0 &&
	       sum_is_zero(rsdp, RSDP_V1_SIZE);
}

static uint64_t xsdt_address(const uint8_t *rsdp, size_t size_bytes)
{
	uint64_t length;

	if (rsdp[RSDP_REVISION] < 2 || size_bytes < RSDP_V2_SIZE) {
		return 0;
	}
	length = read_field(rsdp + RSDP_LENGTH, sizeof(uint32_t));
	if (length < RSDP_V2_SIZE || length > size_bytes || !sum_is_zero(rsdp, length)) {
		return 0;
	}
	return read_field(rsdp + RSDP_XSDT, sizeof(uint64_t));
}

enum status acpi_table_find(const uint8_t *rsdp, size_t rsdp_size_bytes, const char *signature,
	acpi_memory_map *map, struct acpi_table *table)
{
	struct acpi_table root;
	enum status status;

	if (!rsdp_is_sound(rsdp, rsdp_size_bytes)) {
		return STATUS_INVALID;
	}
	if (acpi_table_open(xsdt_address(rsdp, rsdp_size_bytes), "XSDT", map, &root) == STATUS_OK) {
		return find_in(&root, sizeof(uint64_t), signature, map, table);
	}
	status =
		acpi_table_open(read_field(rsdp + RSDP_RSDT, sizeof(uint32_t)), "RSDT", map, &root);
	if (status != STATUS_OK) {
		return status;
	}
	return find_in(&root, sizeof(uint32_t), signature, map, table);
}

/* A place in a table's bytes; reading behind the end gives zeros and is remembered. */
struct cursor {
	const struct acpi_table *table;
	uint32_t offset;
	bool is_past_end;
};

static uint8_t next_byte(struct cursor *cursor)
{
	if (cursor->offset >= cursor->table->size_bytes) {
		cursor->is_past_end = true;
		return 0;
	}
	return cursor->table->bytes[cursor->offset++];
}

/* An integer object whose value is a sleep type: three bits. */
static bool next_sleep_type(struct cursor *cursor, uint8_t *type)
{
	uint8_t code = next_byte(cursor);
	unsigned more = 0;
	bool is_small = true;

	if (code == AML_ZERO || code == AML_ONE) {
		*type = code;
		return !cursor->is_past_end;
	}
	if (code == AML_WORD_PREFIX) {
		more = sizeof(uint16_t) - 1;
	} else if (code == AML_DWORD_PREFIX) {
		more = sizeof(uint32_t) - 1;
	} else if (code != AML_BYTE_PREFIX) {
		return false;
	}
	*type = next_byte(cursor);
	for (; more > 0; more--) {
		is_small &= next_byte(cursor) == 0;
	}
	return !cursor->is_past_end && is_small && *type <= SLEEP_TYPE_MAX;
}

/* Reads `Package () { a, b, ... }`. */
static bool read_package(struct cursor *cursor, uint8_t *type_a, uint8_t *type_b)
{
	uint64_t more;
	uint8_t count;

	if (next_byte(cursor) != AML_PACKAGE) {
		return false;
	}
	more = bits_get(next_byte(cursor), AML_LENGTH_COUNT_HIGH, AML_LENGTH_COUNT_LOW);
	for (; more > 0; more--) {
		(void)next_byte(cursor);
	}
	count = next_byte(cursor);
	*type_b = 0;
	return count != 0 && next_sleep_type(cursor, type_a) &&
	       (count == 1 || next_sleep_type(cursor, type_b));
}

static bool is_named_at(const struct acpi_table *table, uint32_t offset)
{
	const uint8_t *bytes = table->bytes;

	return memcmp(bytes + offset, "_S5_", SIGNATURE_SIZE) == 0 &&
	       (bytes[offset - 1] == AML_NAME ||
		       (bytes[offset - 1] == AML_ROOT_CHAR && bytes[offset - 2] == AML_NAME));
}

bool acpi_table_find_s5(const struct acpi_table *dsdt, uint8_t *type_a, uint8_t *type_b)
{
	for (uint32_t offset = HEADER_SIZE; range_fits(offset, SIGNATURE_SIZE, dsdt->size_bytes);
		offset++) {
		struct cursor cursor = {.table = dsdt, .offset = offset + SIGNATURE_SIZE};

		if (is_named_at(dsdt, offset) && read_package(&cursor, type_a, type_b)) {
			return true;
		}
	}
	return false;
}
