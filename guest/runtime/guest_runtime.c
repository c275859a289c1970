/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_runtime.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_segments.h"

/* Multiboot Specification version 0.6.96, "Boot information format". */
#define MULTIBOOT_BOOT_MAGIC   0x2badb002u
#define MULTIBOOT_HAS_MEMORY   (1u << 0)
#define MULTIBOOT_HAS_COMMANDS (1u << 2)

struct multiboot_information {
	uint32_t flags;
	uint32_t mem_lower_kib;
	uint32_t mem_upper_kib;
	uint32_t boot_device;
	uint32_t command_line;
};

enum { COMMAND_LINE_BYTES = 512, PAGE_2M_SHIFT = 21 };
enum { PIC1_DATA = 0x21, PIC2_DATA = 0xa1, PIC_MASK_ALL = 0xff };
#define MIB 0x100000ull

extern uint64_t guest_page_directory[];
void guest_start(uint32_t magic, uint32_t information);

static char command_line[COMMAND_LINE_BYTES];
static uint64_t memory_end;

void *memcpy(void *to, const void *from, size_t size_bytes)
{
	uint8_t *out = to;
	const uint8_t *in = from;

	for (size_t i = 0; i < size_bytes; i++) {
		out[i] = in[i];
	}
	return to;
}

void *memset(void *to, int byte, size_t size_bytes)
{
	uint8_t *out = to;

	for (size_t i = 0; i < size_bytes; i++) {
		out[i] = (uint8_t)byte;
	}
	return to;
}

int memcmp(const void *left, const void *right, size_t size_bytes)
{
	const uint8_t *a = left;
	const uint8_t *b = right;

	for (size_t i = 0; i < size_bytes; i++) {
		if (a[i] != b[i]) {
			return a[i] < b[i] ? -1 : 1;
		}
	}
	return 0;
}

const char *guest_command_line(void)
{
	return command_line;
}

uint64_t guest_memory_end(void)
{
	return memory_end;
}

static const char *after_prefix(const char *text, const char *prefix)
{
	while (*prefix != '\0') {
		if (*text++ != *prefix++) {
			return NULL;
		}
	}
	return text;
}

static uint64_t parse_number(const char *text)
{
	const char *hexadecimal = after_prefix(text, "0x");
	const unsigned base = hexadecimal != NULL ? 16 : 10;
	uint64_t value = 0;

	text = hexadecimal != NULL ? hexadecimal : text;
	for (;; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (*text >= 'a' && *text <= 'f') {
			digit = (unsigned)(*text - 'a') + 10;
		}
		if (digit >= base) {
			return value;
		}
		value = value * base + digit;
	}
}

uint64_t guest_option(const char *key, uint64_t otherwise)
{
	for (const char *word = command_line; *word != '\0'; word++) {
		const char *rest = after_prefix(word, key);
		bool is_start = word == command_line || word[-1] == ' ';

		if (is_start && rest != NULL && *rest == '=') {
			return parse_number(rest + 1);
		}
	}
	return otherwise;
}

void guest_map_2m(uint64_t linear, uint64_t physical, uint64_t bits)
{
	const uint64_t frame = physical & ~(GUEST_PAGE_2M_BYTES - 1);

	guest_page_directory[linear >> PAGE_2M_SHIFT] = bits == 0 ? 0 : (frame | bits);
	guest_invlpg(linear);
}

void guest_exit(uint32_t code)
{
	guest_print_flush();
	guest_out32(GUEST_DEBUG_EXIT_PORT, code);
	for (;;) {
		guest_cli();
		guest_hlt();
	}
}

/* The loader's structures may lie where a test writes: keep what is of use. */
static void read_information(const struct multiboot_information *information)
{
	if ((information->flags & MULTIBOOT_HAS_MEMORY) != 0) {
		memory_end = MIB + information->mem_upper_kib * 1024ull;
	}
	if ((information->flags & MULTIBOOT_HAS_COMMANDS) != 0) {
		const char *text = (const char *)(uintptr_t)information->command_line;

		for (size_t i = 0; i + 1 < sizeof(command_line) && text[i] != '\0'; i++) {
			command_line[i] = text[i];
		}
	}
}

void guest_start(uint32_t magic, uint32_t information)
{
	if (magic == MULTIBOOT_BOOT_MAGIC) {
		read_information((const struct multiboot_information *)(uintptr_t)information);
	}
	guest_print_init();
	guest_segments_init();
	/* Where there are interrupt controllers, none of them may disturb a test that sets IF. */
	guest_out8(PIC1_DATA, PIC_MASK_ALL);
	guest_out8(PIC2_DATA, PIC_MASK_ALL);
	guest_exit(guest_main());
}
