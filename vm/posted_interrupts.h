/* SPDX-License-Identifier: MIT */
#ifndef VM_POSTED_INTERRUPTS_H
#define VM_POSTED_INTERRUPTS_H

#include "lib/bits.h"
#include "lib/status.h"
#include "lib/types.h"

/*
 * What other CPUs leave for a vCPU: interrupts and requests, without a lock. Any number of posters,
 * one owner that takes.
 *
 * There are two doorbells, as the CPU answers one of them alone. Edge-triggered vectors go to the
 * posted-interrupt descriptor and its ON bit: where the owner's guest runs with posted-interrupt
 * processing, the notification vector makes the CPU clear ON and take the vectors in without a VM
 * exit. It knows nothing of requests and of level-triggered vectors (whose bits of the TMR and of
 * the EOI-exit bitmap are for software to set). These go to a word of their own, whose change from
 * 0 asks for a notification that makes the guest exit.
 *
 * A post that returns true obliges its poster to notify the owner: by the notification vector (an
 * edge-triggered vector and posted-interrupt processing), else by an IPI that makes the guest exit;
 * and to wake the owner where it is blocked. A post that returns false has found a notification on
 * its way. An owner that goes to sleep, or enters its guest, asks posted_interrupts_is_pending()
 * last of all: with interrupts disabled, or under the lock that a wake takes. Posts and that
 * question are sequentially consistent: either the owner sees the post, or the poster comes after
 * it and its notification finds the owner asleep, or in its guest.
 */

enum { POSTED_VECTOR_WORDS = 4 };

/*
 * SDM Vol. 3C "Posted-Interrupt Processing", Table "Format of Posted-Interrupt Descriptor"; for SN,
 * NV and NDST, which are VT-d's and which the CPU leaves alone, Intel Virtualization Technology for
 * Directed I/O, "Posted Interrupt Descriptor (PID)".
 */
struct posted_interrupt_descriptor {
	uint64_t requests[POSTED_VECTOR_WORDS]; /* PIR: bits 255:0, one for each vector. */
	uint64_t control;                       /* Bits 319:256. */
	uint64_t reserved[3];
};
_Static_assert(sizeof(struct posted_interrupt_descriptor) == 64, "the SDM's size");
_Static_assert(offsetof(struct posted_interrupt_descriptor, control) == 256 / 8, "bit 256");

/* Of `control`. */
#define POSTED_CONTROL_ON BIT(0) /* Outstanding notification: bit 256. */
#define POSTED_CONTROL_SN BIT(1) /* Suppress notification: bit 257. */
enum {
	POSTED_CONTROL_NV_HIGH = 23, /* Notification vector: bits 279:272. */
	POSTED_CONTROL_NV_LOW = 16,
	POSTED_CONTROL_NDST_HIGH = 63, /* Notification destination: bits 319:288. */
	POSTED_CONTROL_NDST_LOW = 32,
};

/* Of `requests`: what the owner is to do, besides taking vectors in. */
enum posted_request {
	POSTED_REQUEST_NMI = BIT(0),
	POSTED_REQUEST_INIT = BIT(1),
	POSTED_REQUEST_STARTUP = BIT(2), /* Its vector: posted_request_startup_vector(). */
	POSTED_REQUEST_LINT0 = BIT(3),   /* The pin's level changed. */
	POSTED_REQUEST_UPDATE = BIT(4),  /* State that others may change is to be looked at anew. */
	POSTED_REQUEST_FLUSH_EPT = BIT(5),
	POSTED_REQUEST_FLUSH_TLB = BIT(6),
	POSTED_REQUEST_STOP = BIT(7),
	POSTED_REQUEST_KICK = BIT(8),  /* Ends a HLT. */
	POSTED_REQUEST_LEVEL = BIT(9), /* Level-triggered vectors were posted. */
	POSTED_REQUEST_EXTINT = BIT(10),
	POSTED_REQUEST_INPUT = BIT(11),  /* Somebody types to the guest. */
	POSTED_REQUEST_REPORT = BIT(12), /* The operator wants to see the registers. */
	POSTED_REQUEST_VECTOR = BIT(13), /* For the question alone: something is in PIR. */
};
enum { POSTED_STARTUP_VECTOR_HIGH = 31, POSTED_STARTUP_VECTOR_LOW = 24 };

/* Cache lines apart, so that requests do not disturb the CPU in the descriptor. */
struct posted_interrupts {
	_Alignas(64) struct posted_interrupt_descriptor descriptor;
	_Alignas(64) uint64_t level[POSTED_VECTOR_WORDS];
	uint32_t requests;
};

/* What was there when the owner took it; bit v % 64 of word v / 64 stands for vector v. */
struct posted_taken {
	uint64_t edge[POSTED_VECTOR_WORDS];
	uint64_t level[POSTED_VECTOR_WORDS]; /* Set with POSTED_REQUEST_LEVEL only. */
	uint32_t requests; /* Bits of enum posted_request, and a STARTUP's vector. */
};

/*
 * Empties it. notification_vector and destination are NV and NDST of the owner's CPU (NDST: the
 * x2APIC ID, or in xAPIC mode the APIC ID in bits 15:8). Context: nobody posts yet.
 */
void posted_interrupts_init(
	struct posted_interrupts *posted, uint8_t notification_vector, uint32_t destination);

/*
 * Posts a vector. Returns true if the owner must be notified, as above. Context: any CPU, no lock.
 */
must_use bool posted_interrupts_post(
	struct posted_interrupts *posted, uint8_t vector, bool is_level);

/*
 * Posts requests, any bits of enum posted_request but STARTUP. Returns and context as
 * posted_interrupts_post(), by an IPI that makes the guest exit.
 */
must_use bool posted_interrupts_request(struct posted_interrupts *posted, uint32_t requests);

/* Posts an INIT. A STARTUP that was posted before it and not taken yet is lost, as the processor
 * that it was for is. As _request(). */
must_use bool posted_interrupts_init_signal(struct posted_interrupts *posted);

/* Posts a STARTUP; its vector takes the place of one that was not taken yet. As _request(). */
must_use bool posted_interrupts_startup(struct posted_interrupts *posted, uint8_t vector);

/*
 * Takes all that was posted before, and whatever comes in meanwhile, but nothing twice. Context:
 * the owner's CPU, its guest not running.
 */
void posted_interrupts_take(struct posted_interrupts *posted, struct posted_taken *taken);

/* Returns the one edge-triggered vector that was all there was; 0 if there was more, or less. */
uint8_t posted_taken_single(const struct posted_taken *taken);

/* The vector that came with POSTED_REQUEST_STARTUP. */
static inline uint8_t posted_request_startup_vector(uint32_t requests)
{
	return (uint8_t)bits_get(requests, POSTED_STARTUP_VECTOR_HIGH, POSTED_STARTUP_VECTOR_LOW);
}

/*
 * True if there is something to take. What a poster is just about to ring for may be missed: its
 * notification is to come. One load. Context: the owner's CPU.
 */
static inline bool posted_interrupts_is_pending(const struct posted_interrupts *posted)
{
	return __atomic_load_n(&posted->requests, __ATOMIC_SEQ_CST) != 0;
}

#endif
