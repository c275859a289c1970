/* SPDX-License-Identifier: MIT */
#ifndef VM_LINUX_BOOT_PARAMS_H
#define VM_LINUX_BOOT_PARAMS_H

#include "vm/e820.h"

/* The Linux/x86 Boot Protocol, "Details of Header Fields", in the fields' own names. */
struct linux_setup_header {
	uint8_t setup_sects;
	uint16_t root_flags;
	uint32_t syssize; /* In units of 16 bytes. */
	uint16_t ram_size;
	uint16_t vid_mode;
	uint16_t root_dev;
	uint16_t boot_flag;
	uint8_t jump_opcode;
	uint8_t jump_distance; /* From behind itself to the header's end. */
	uint32_t header;
	uint16_t version;
	uint32_t realmode_swtch;
	uint16_t start_sys_seg;
	uint16_t kernel_version;
	uint8_t type_of_loader;
	uint8_t loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start;
	uint32_t ramdisk_image;
	uint32_t ramdisk_size;
	uint32_t bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver;
	uint8_t ext_loader_type;
	uint32_t cmd_line_ptr;
	uint32_t initrd_addr_max;
	uint32_t kernel_alignment;
	uint8_t relocatable_kernel;
	uint8_t min_alignment;
	uint16_t xloadflags;
	uint32_t cmdline_size; /* Without the NUL. */
	uint32_t hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset;
	uint32_t payload_length;
	uint64_t setup_data;
	uint64_t pref_address;
	uint32_t init_size;
	uint32_t handover_offset;
} __attribute__((packed));

/* Where the header stands in the image, and in the zero page. */
enum {
	LINUX_HEADER_OFFSET = 0x1f1,
	LINUX_HEADER_JUMP_END = 0x202, /* What jump_distance counts from. */
	LINUX_HEADER_END = 0x268,      /* As protocol 2.12 has it. */
	LINUX_HEADER_END_MAX = 0x290,  /* Behind it the zero page has something else. */
	LINUX_E820_ENTRIES_MAX = 128,
};

#define LINUX_BOOT_FLAG    0xaa55u
#define LINUX_HEADER_MAGIC 0x53726448u /* "HdrS". */
#define LINUX_VERSION_MIN  0x020cu     /* 2.12, the first with xloadflags. */

#define LINUX_LOADFLAGS_LOADED_HIGH  0x01u
#define LINUX_LOADFLAGS_CAN_USE_HEAP 0x80u
#define LINUX_XLOADFLAGS_KERNEL_64   0x01u

/* The Linux/x86 Boot Protocol, "Zero Page": what a loader fills; all else stays 0. */
struct linux_boot_params {
	uint8_t screen_info[0x40];
	uint8_t firmware_info[0x30];
	uint64_t acpi_rsdp_addr;
	uint8_t disk_info[0x48];
	uint32_t ext_ramdisk_image; /* Bits 63:32 of the header's fields. */
	uint32_t ext_ramdisk_size;
	uint32_t ext_cmd_line_ptr;
	uint8_t display_info[0x11c];
	uint8_t e820_entries;
	uint8_t keyboard_info[6];
	uint8_t sentinel;
	uint8_t padding;
	struct linux_setup_header header;
	uint8_t header_of_later_versions[LINUX_HEADER_END_MAX - LINUX_HEADER_END];
	uint8_t disk_signatures[0x40];
	struct e820_entry e820_table[LINUX_E820_ENTRIES_MAX];
	uint8_t disk_parameters[0x330];
} __attribute__((packed));

_Static_assert(offsetof(struct linux_boot_params, acpi_rsdp_addr) == 0x70, "the protocol's");
_Static_assert(offsetof(struct linux_boot_params, ext_ramdisk_image) == 0xc0, "the protocol's");
_Static_assert(offsetof(struct linux_boot_params, e820_entries) == 0x1e8, "the protocol's");
_Static_assert(offsetof(struct linux_boot_params, sentinel) == 0x1ef, "the protocol's");
_Static_assert(offsetof(struct linux_boot_params, header) == LINUX_HEADER_OFFSET, "as above");
_Static_assert(offsetof(struct linux_boot_params, header.boot_flag) == 0x1fe, "the protocol's");
_Static_assert(offsetof(struct linux_boot_params, header.header) == 0x202, "the protocol's");
_Static_assert(offsetof(struct linux_boot_params, header.cmd_line_ptr) == 0x228, "likewise");
_Static_assert(offsetof(struct linux_boot_params, header.pref_address) == 0x258, "likewise");
_Static_assert(offsetof(struct linux_boot_params, header_of_later_versions) == LINUX_HEADER_END,
	"as above");
_Static_assert(offsetof(struct linux_boot_params, e820_table) == 0x2d0, "the protocol's");
_Static_assert(sizeof(struct linux_boot_params) == PAGE_SIZE_4K, "a page");

#endif
