/* SPDX-License-Identifier: MIT */
#include "vm/bios_data.h"

#include "vm/memory_layout.h"

/* Words of the BIOS data area. */
enum {
	DATA_SERIAL_PORT_1 = 0x400,
	DATA_EXTENDED_SEGMENT = 0x40e,
	DATA_EQUIPMENT = 0x410,
	DATA_MEMORY_SIZE_KIB = 0x413,
};

enum {
	SERIAL_PORT_1 = 0x3f8,
	EQUIPMENT_ONE_SERIAL_PORT = 1 << 9,
	SEGMENT_UNIT = 16,
};

enum status bios_data_write(struct guest_memory *memory)
{
	static const struct {
		uint16_t address;
		uint16_t value;
	} words[] = {
		{DATA_SERIAL_PORT_1, SERIAL_PORT_1},
		{DATA_EXTENDED_SEGMENT, LOW_MEMORY_END / SEGMENT_UNIT},
		{DATA_EQUIPMENT, EQUIPMENT_ONE_SERIAL_PORT},
		{DATA_MEMORY_SIZE_KIB, LOW_MEMORY_END / KIB(1)},
	};
	static const uint8_t extended_size_kib = (EXTENDED_DATA_END - LOW_MEMORY_END) / KIB(1);

	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		enum status status = guest_memory_write(
			memory, gpa(words[i].address), &words[i].value, sizeof(words[i].value));

		if (status != STATUS_OK) {
			return status;
		}
	}
	return guest_memory_write(
		memory, gpa(LOW_MEMORY_END), &extended_size_kib, sizeof(extended_size_kib));
}
