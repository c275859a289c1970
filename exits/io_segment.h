/* SPDX-License-Identifier: MIT */
#ifndef EXITS_IO_SEGMENT_H
#define EXITS_IO_SEGMENT_H

#include "lib/types.h"
#include "vm/vcpu.h"
#include "vmx/exit_qualification.h"

/* The memory side of INS, OUTS or MOV: a segment, read once for all of one exit. */
struct io_segment {
	bool is_accessible; /* Usable, and of a type that the access is allowed in. */
	bool is_64bit;
	unsigned fault_vector; /* Of an access that is not allowed. */
	uint64_t base;
	uint64_t lowest_offset; /* Both included; outside of 64-bit mode. */
	uint64_t highest_offset;
};

/* Reads the segment from the VMCS. is_write: INS, a store. Context: the vCPU's VMCS is current. */
void io_segment_read(struct io_segment *segment, const struct vcpu *vcpu,
	enum segment_register number, bool is_write);

/*
 * Makes the linear address of size_bytes (1 to 8) at an offset. False: the access raises
 * fault_vector with error code 0. Context: any; pure. Source: SDM Vol. 3A "Limit Checking", "Type
 * Checking"; Vol. 1 "Canonical Addressing".
 */
bool io_segment_linear(
	const struct io_segment *segment, uint64_t offset, unsigned size_bytes, gva_t *linear);

#endif
