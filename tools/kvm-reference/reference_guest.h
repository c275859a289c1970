/* SPDX-License-Identifier: MIT */
#ifndef KVM_REFERENCE_REFERENCE_GUEST_H
#define KVM_REFERENCE_REFERENCE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

/* How a guest is started on KVM: one line of the runner's table. */
struct reference_guest {
	const char *name;       /* As its lines are marked. */
	const char *image_path; /* A multiboot1 image. */
	const char *arguments;  /* The rest of its command line. */
	uint64_t memory_size_bytes;
	uint32_t features_off; /* Bits of CPUID leaf 0x40000001 EAX that it does not get. */
	unsigned limit_s;      /* Its time, in seconds of the emulated machine. */
	bool is_vmmcall_undefined;
	bool has_pit;
};

/*
 * Takes apart the table's line "name=.. image=.. mem=BYTES ... -- arguments", in place: the guest
 * points into it. Returns false for a word that it does not know. Context: any.
 */
bool reference_guest_parse(struct reference_guest *guest, char *line);

/*
 * Runs the guest in a virtual machine of its own, to its end; prints its serial line as
 * "NAME| text" and how it ended. `kvm` is /dev/kvm. Returns false if the guest did not end by
 * itself in any way. Context: the process has no other guest.
 */
bool reference_guest_run(int kvm, const struct reference_guest *guest);

#endif
