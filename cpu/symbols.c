/* SPDX-License-Identifier: MIT */
#include "cpu/symbols.h"

#include "lib/bits.h"
#include "lib/string.h"

/* System V ABI, "Section Header" and "Symbol Table" of the 64-bit class. */
struct elf64_section {
	uint32_t sh_name;
	uint32_t sh_type;
	uint64_t sh_flags;
	uint64_t sh_addr;
	uint64_t sh_offset;
	uint64_t sh_size;
	uint32_t sh_link;
	uint32_t sh_info;
	uint64_t sh_addralign;
	uint64_t sh_entsize;
};

struct elf64_symbol {
	uint32_t st_name;
	uint8_t st_info;
	uint8_t st_other;
	uint16_t st_shndx;
	uint64_t st_value;
	uint64_t st_size;
};

_Static_assert(sizeof(struct elf64_section) == 64, "the ABI's size");
_Static_assert(sizeof(struct elf64_symbol) == 24, "the ABI's size");

enum {
	SHT_SYMTAB = 2,
	SHT_STRTAB = 3,
	SHN_UNDEF = 0,
	SHN_LORESERVE = 0xff00,
	STT_NOTYPE = 0,
	STT_FUNC = 2,
	STT_HIGH = 3,
	STT_LOW = 0,
};

static struct {
	const uint8_t *symbols;
	uint64_t symbol_count;
	const char *strings;
	uint64_t strings_size_bytes;
} tables;

static bool section_at(
	const struct symbols_source *source, uint32_t index, struct elf64_section *section)
{
	if (index >= source->count) {
		return false;
	}
	memcpy(section, source->headers + (uint64_t)index * source->entry_size_bytes,
		sizeof(*section));
	return true;
}

static bool find_symbol_table(const struct symbols_source *source, struct elf64_section *section)
{
	for (uint32_t index = 0; section_at(source, index, section); index++) {
		if (section->sh_type == SHT_SYMTAB) {
			return true;
		}
	}
	return false;
}

/* Address 0 is an address: GRUB puts sections there under UEFI. */
static bool lies_within(const struct elf64_section *section, uint64_t limit)
{
	return range_fits(section->sh_addr, section->sh_size, limit);
}

enum status symbols_init(const struct symbols_source *source)
{
	struct elf64_section symbols;
	struct elf64_section strings;
	const char *text;

	memset(&tables, 0, sizeof(tables));
	if (source->headers == NULL) {
		return STATUS_NOT_FOUND;
	}
	if (source->entry_size_bytes < sizeof(struct elf64_section)) {
		return STATUS_INVALID;
	}
	if (!find_symbol_table(source, &symbols)) {
		return STATUS_NOT_FOUND;
	}
	if (symbols.sh_entsize != sizeof(struct elf64_symbol) ||
		!section_at(source, symbols.sh_link, &strings) || strings.sh_type != SHT_STRTAB ||
		strings.sh_size == 0) {
		return STATUS_INVALID;
	}
	if (!lies_within(&symbols, source->address_limit) ||
		!lies_within(&strings, source->address_limit)) {
		return STATUS_RANGE;
	}
	text = hpa_pointer(hpa(strings.sh_addr));
	if (text[strings.sh_size - 1] != '\0') {
		return STATUS_INVALID;
	}
	tables.symbols = hpa_pointer(hpa(symbols.sh_addr));
	tables.symbol_count = symbols.sh_size / sizeof(struct elf64_symbol);
	tables.strings = text;
	tables.strings_size_bytes = strings.sh_size;
	return STATUS_OK;
}

size_t symbols_size_bytes(void)
{
	return tables.symbol_count * sizeof(struct elf64_symbol) + tables.strings_size_bytes;
}

void symbols_move(uint8_t *to)
{
	size_t symbols_size = tables.symbol_count * sizeof(struct elf64_symbol);

	memcpy(to, tables.symbols, symbols_size);
	memcpy(to + symbols_size, tables.strings, tables.strings_size_bytes);
	tables.symbols = to;
	tables.strings = (const char *)(to + symbols_size);
}

/* Constants, file names and sections have no place in a backtrace. */
static bool is_code(const struct elf64_symbol *symbol)
{
	uint64_t type = bits_get(symbol->st_info, STT_HIGH, STT_LOW);

	return (type == STT_NOTYPE || type == STT_FUNC) && symbol->st_shndx != SHN_UNDEF &&
	       symbol->st_shndx < SHN_LORESERVE && symbol->st_name != 0 &&
	       symbol->st_name < tables.strings_size_bytes;
}

struct symbols_name symbols_lookup(uint64_t address)
{
	struct symbols_name found = {NULL, 0};

	for (uint64_t i = 0; i < tables.symbol_count; i++) {
		struct elf64_symbol symbol;

		memcpy(&symbol, tables.symbols + i * sizeof(symbol), sizeof(symbol));
		if (!is_code(&symbol) || symbol.st_value > address) {
			continue;
		}
		if (found.name == NULL || address - symbol.st_value < found.offset) {
			found.name = tables.strings + symbol.st_name;
			found.offset = address - symbol.st_value;
		}
	}
	return found;
}
