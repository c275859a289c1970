/* SPDX-License-Identifier: MIT */
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/acpi_guest_parts.h"

/* ACPI Specification 6.4, "AML Byte Stream Byte Values". */
enum {
	AML_NAME = 0x08,
	AML_DWORD_PREFIX = 0x0c,
	AML_STRING_PREFIX = 0x0d,
	AML_DUAL_NAME_PREFIX = 0x2e,
	AML_EXTENDED_PREFIX = 0x5b,
	AML_DEVICE = 0x82,
	AML_ROOT_CHAR = 0x5c,
};

enum {
	SSDT_REVISION = 2, /* Integers have 64 bits. */
	NAME_DIGITS = 3,
	HEX_DIGIT_BITS = 4,
};

/* Device (\_SB.C000) { Name (_HID, "ACPI0007") Name (_UID, 0) }, in bytes. */
struct processor_device {
	uint8_t device_op[2];
	uint8_t package_length; /* In one byte: from itself to the end, at most 63. */
	uint8_t root;
	uint8_t dual_name_prefix;
	char scope[4];
	char name[4];
	uint8_t hid_op;
	char hid_name[4];
	uint8_t hid_prefix;
	char hid[9];
	uint8_t uid_op;
	char uid_name[4];
	uint8_t uid_prefix;
	uint32_t uid;
} __attribute__((packed));

enum {
	PACKAGE_LENGTH =
		sizeof(struct processor_device) - offsetof(struct processor_device, package_length),
	PACKAGE_LENGTH_MAX = 63,
};

_Static_assert(PACKAGE_LENGTH <= PACKAGE_LENGTH_MAX, "one byte holds it");

static const struct processor_device processor_template = {
	.device_op = {AML_EXTENDED_PREFIX, AML_DEVICE},
	.package_length = PACKAGE_LENGTH,
	.root = AML_ROOT_CHAR,
	.dual_name_prefix = AML_DUAL_NAME_PREFIX,
	.scope = {'_', 'S', 'B', '_'},
	.name = {'C', '0', '0', '0'},
	.hid_op = AML_NAME,
	.hid_name = {'_', 'H', 'I', 'D'},
	.hid_prefix = AML_STRING_PREFIX,
	.hid = "ACPI0007",
	.uid_op = AML_NAME,
	.uid_name = {'_', 'U', 'I', 'D'},
	.uid_prefix = AML_DWORD_PREFIX,
};

uint64_t acpi_processors_write(struct acpi_writer *writer, unsigned vcpu_count)
{
	static const char digits[] = "0123456789ABCDEF";

	acpi_writer_begin(writer, "SSDT", SSDT_REVISION);
	for (unsigned uid = 0; uid < vcpu_count; uid++) {
		struct processor_device device = processor_template;

		for (unsigned i = 0; i < NAME_DIGITS; i++) {
			const unsigned low = i * HEX_DIGIT_BITS;

			device.name[NAME_DIGITS - i] =
				digits[bits_get(uid, low + HEX_DIGIT_BITS - 1, low)];
		}
		device.uid = uid;
		acpi_writer_put(writer, &device, sizeof(device));
	}
	return acpi_writer_end(writer);
}
