/* SPDX-License-Identifier: MIT */
#include "tests/host/linux_image_builder.h"

void linux_image_builder(struct builder *builder)
{
	builder_start(builder, LINUX_BUILT_CODE + LINUX_BUILT_CODE_SIZE);
	builder->bytes[LINUX_SETUP_SECTS] = 1;
	builder_put32(builder, LINUX_SYSSIZE, LINUX_BUILT_CODE_SIZE / 16);
	builder_put16(builder, LINUX_BOOT_FLAG_FIELD, 0xaa55);
	builder->bytes[LINUX_JUMP_DISTANCE] = 0x6a;
	builder_put32(builder, LINUX_HEADER, 0x53726448);
	builder_put16(builder, LINUX_VERSION, 0x20f);
	builder->bytes[LINUX_LOADFLAGS] = 0x81;
	builder_put32(builder, LINUX_INITRD_ADDR_MAX, 0x7fffffff);
	builder_put32(builder, LINUX_KERNEL_ALIGNMENT, 0x200000);
	builder->bytes[LINUX_RELOCATABLE_KERNEL] = 1;
	builder_put16(builder, LINUX_XLOADFLAGS, 0x7f);
	builder_put32(builder, LINUX_CMDLINE_SIZE, LINUX_BUILT_CMDLINE_SIZE);
	builder_put32(builder, LINUX_PAYLOAD_OFFSET, 0x300);
	builder_put32(builder, LINUX_PAYLOAD_LENGTH, 0x500);
	builder_put32(builder, LINUX_PREF_ADDRESS, LINUX_BUILT_START);
	builder_put32(builder, LINUX_PREF_ADDRESS + 4, 0);
	builder_put32(builder, LINUX_INIT_SIZE, LINUX_BUILT_INIT_SIZE);
}
