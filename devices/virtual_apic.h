/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_VIRTUAL_APIC_H
#define DEVICES_VIRTUAL_APIC_H

#include "devices/virtual_apic_registers.h"
#include "devices/virtual_apic_timer.h"
#include "lib/bits.h"
#include "lib/status.h"
#include "lib/types.h"

/*
 * A guest's local APIC (xAPIC and x2APIC) as a pure state machine. Source: SDM Vol. 3A "Advanced
 * Programmable Interrupt Controller (APIC)".
 *
 * How an owner (a vCPU) uses it
 *
 * Start: fill in page, callbacks and context, virtual_apic_create(), and at each power-up or reset
 * virtual_apic_reset(). When the owner carries out an INIT: virtual_apic_init_signal().
 *
 * Exits: an access in the page at virtual_apic_mmio_address(), while virtual_apic_is_xapic():
 * virtual_apic_mmio_read() or _write(). RDMSR and WRMSR: IA32_APIC_BASE to
 * virtual_apic_write_base() (a read is apic->base; afterwards ask again whether and where the page
 * is), 800H to 8FFH to virtual_apic_msr_read() and _write(), IA32_TSC_DEADLINE to
 * virtual_apic_read_tsc_deadline() and _write_. CR8: virtual_apic_cr8(), virtual_apic_set_cr8().
 * A PV EOI that the guest made while it ran: virtual_apic_eoi(), before anything else is delivered.
 *
 * Before each VM entry, in this order:
 *   1. virtual_apic_advance(apic, now): raises what the timer has due;
 *   2. if virtual_apic_has_extint(apic): the owner may inject the vector that the PIC's INTA gives;
 *   3. else if virtual_apic_has_interrupt(apic): if the guest can take an interrupt now,
 *      virtual_apic_acknowledge() gives the vector to inject, once and for all: the owner
 *      re-injects it itself if its delivery is broken off. If it cannot, an interrupt window is
 *      asked for. With a TPR shadow alone, virtual_apic_tpr_threshold() goes to the VMCS;
 *   4. virtual_apic_next_deadline(): the TSC value at which the owner has to be back at step 1 (by
 *      the preemption timer, or a timer of its own while the guest halts);
 *   5. if it offers PV EOI: virtual_apic_can_pv_eoi(), after step 3.
 * A halted guest wakes when step 2 or 3 has something for it, or by an event. There are no spurious
 * interrupts: what step 3 has found is acknowledged at once.
 *
 * Interrupts from outside: an I/O APIC's or MSI's or another vCPU's message goes through
 * virtual_apic_matches() (for lowest priority: to the best by virtual_apic_is_better_target()) and
 * virtual_apic_deliver(); the pins are virtual_apic_set_lint().
 *
 * Time: `now` is the guest's TSC in all calls, and never goes back but by a guest's write to it,
 * after which virtual_apic_tsc_changed() keeps the count-down going. The timer counts
 * timer.numerator / timer.denominator times a tick of the TSC, before the divider.
 *
 * Hardware: `page` has the layout of a virtual-APIC page. With a TPR shadow alone nothing more is
 * to do. With APIC-register virtualisation an APIC-write exit goes to virtual_apic_page_written().
 * With virtual-interrupt delivery, after each exit virtual_apic_reload() takes over what the CPU
 * changed; RVI is irr_highest, SVI is isr_highest, the EOI-exit bitmap is
 * virtual_apic_level_vectors(), and an EOI-induced exit goes to virtual_apic_eoi_induced().
 * APIC-register virtualisation without virtual-interrupt delivery leaves VPPR stale in the page
 * after the guest's TPR writes: reads of the PPR have to come here then.
 *
 * Locks: none. One caller at a time; other CPUs leave their vectors in a bitmap of the owner's and
 * the owner brings them in by virtual_apic_accept_posted(). virtual_apic_matches() and
 * virtual_apic_is_better_target() only read words, and may look at another CPU's APIC: what they
 * find holds for some moment. Callbacks come as the last act of a call, so that they may call in
 * again; virtual_apic_reset() and _init_signal() alone are not for callbacks: the owner notes an
 * INIT and carries it out later.
 */

/* SDM Vol. 3A "Interrupt Command Register (ICR)": the delivery modes. */
enum virtual_apic_mode {
	VIRTUAL_APIC_FIXED = 0,
	VIRTUAL_APIC_LOWEST_PRIORITY = 1,
	VIRTUAL_APIC_SMI = 2,
	VIRTUAL_APIC_RESERVED_MODE = 3,
	VIRTUAL_APIC_NMI = 4,
	VIRTUAL_APIC_INIT = 5,
	VIRTUAL_APIC_STARTUP = 6,
	VIRTUAL_APIC_EXTINT = 7, /* From LINT0, LINT1 and I/O APICs only: reserved in the ICR. */
};

enum virtual_apic_shorthand {
	VIRTUAL_APIC_NO_SHORTHAND = 0,
	VIRTUAL_APIC_SELF = 1,
	VIRTUAL_APIC_ALL = 2,
	VIRTUAL_APIC_ALL_BUT_SELF = 3,
};

/* An interrupt message: of an ICR, an I/O APIC or an MSI. */
struct virtual_apic_message {
	enum virtual_apic_mode mode;
	enum virtual_apic_shorthand shorthand;
	uint32_t destination; /* 8 bits, or 32 if is_wide. */
	uint8_t vector;
	bool is_logical; /* Destination mode: logical, else physical. */
	bool is_wide;    /* The sender knows 32-bit destinations: an ICR in x2APIC mode. */
	bool is_level;   /* Trigger mode: level, else edge. */
	bool is_assert;  /* Level: assert, else de-assert. */
};

/* What became of a message or a vector. */
enum virtual_apic_delivery {
	VIRTUAL_APIC_REFUSED = 0, /* Not taken: disabled, or a vector below 16. */
	VIRTUAL_APIC_COALESCED,   /* The vector pended already. */
	VIRTUAL_APIC_ACCEPTED,
};

struct virtual_apic_eoi {
	uint8_t vector; /* 0: no interrupt was in service. */
	bool is_level;  /* Its TMR bit: I/O APICs wait for it. */
};

enum virtual_apic_lint {
	VIRTUAL_APIC_LINT0 = 0,
	VIRTUAL_APIC_LINT1 = 1,
	VIRTUAL_APIC_LINT_COUNT,
};

/* What stays the same from reset to reset. */
struct virtual_apic_config {
	uint32_t id;                   /* The x2APIC ID; its low 8 bits are the xAPIC ID. */
	uint8_t physical_address_bits; /* MAXPHYADDR: 32 to 52. */
	bool is_bootstrap;             /* IA32_APIC_BASE.BSP after a reset. */
	bool has_x2apic;
	bool has_tsc_deadline;
	bool has_eoi_suppression; /* Version register bit 24, SVR bit 12. */
};

struct virtual_apic {
	/*
	 * The owner sets these. `page` is 4 KiB, aligned so. send_ipi takes an ICR's message for
	 * other targets than the shorthand "self", which the model delivers itself: the owner
	 * offers it to each vCPU's APIC, this one too. deliver_event takes SMI, NMI, INIT and
	 * STARTUP (with its vector) for this vCPU, and EXTINT to say that virtual_apic_has_extint()
	 * may have become true. broadcast_eoi takes the vector of a level-triggered interrupt that
	 * ended.
	 */
	uint32_t *page;
	void (*send_ipi)(void *context, const struct virtual_apic_message *message);
	void (*deliver_event)(void *context, enum virtual_apic_mode mode, uint8_t vector);
	void (*broadcast_eoi)(void *context, uint8_t vector);
	void *context;

	struct virtual_apic_config config;
	uint64_t base; /* IA32_APIC_BASE. */

	/*
	 * The highest vectors in IRR and ISR, 0 if there is none, and how many are in service. Only
	 * the functions of virtual_apic_priority.c write IRR and ISR, and each leaves these exact;
	 * virtual_apic_reload() does so where the CPU wrote the page. The pending
	 * check takes the TPR from the page, not from a copy, so that a TPR shadow needs no call.
	 */
	uint8_t irr_highest;
	uint8_t isr_highest;
	uint8_t isr_count;

	uint8_t errors; /* Errors since the last write to the ESR. */
	bool is_software_enabled;
	bool is_line_high[VIRTUAL_APIC_LINT_COUNT]; /* The pins, as virtual_apic_set_lint() said. */
	bool is_extint_latched;                     /* An EXTINT message waits for its INTA. */
	uint8_t remote_irr_vector; /* LINT0's level-triggered vector until its EOI; 0: none. */

	struct virtual_apic_timer timer;
};

/* --- Life --- */

/*
 * Takes the configuration and resets. Returns STATUS_OK; STATUS_ALIGNMENT if `page` is not 4-KiB
 * aligned; STATUS_RANGE for address bits outside 32 to 52 or a timer rate outside
 * VIRTUAL_APIC_TIMER_RATE_MAX (make one with virtual_apic_timer_rate()).
 */
must_use enum status virtual_apic_create(struct virtual_apic *apic,
	struct virtual_apic_config config, struct virtual_apic_rate timer_rate);

/* Power-up or RESET: xAPIC mode at the default base, all registers at their reset values. */
void virtual_apic_reset(struct virtual_apic *apic);

/* INIT: as a reset, but IA32_APIC_BASE stays. Source: SDM Vol. 3A "x2APIC State Transitions". */
void virtual_apic_init_signal(struct virtual_apic *apic);

/*
 * Puts the registers after a reset into the state in which a PC's firmware leaves the bootstrap
 * processor: software enabled, LINT0 for the PIC, LINT1 for NMI. For owners without firmware.
 * Source: MultiProcessor Specification 1.4, "Virtual Wire Mode".
 */
void virtual_apic_set_virtual_wire(struct virtual_apic *apic);

/*
 * WRMSR to IA32_APIC_BASE: false means #GP (a reserved bit, or a transition that "x2APIC State
 * Transitions" forbids). A base elsewhere is kept: the page is then there. Clearing EN resets all
 * registers; the owner's timer is then to be stopped (virtual_apic_next_deadline() says so).
 */
must_use bool virtual_apic_write_base(struct virtual_apic *apic, uint64_t value);

static inline bool virtual_apic_is_enabled(const struct virtual_apic *apic)
{
	return (apic->base & VIRTUAL_APIC_BASE_EN) != 0;
}

static inline bool virtual_apic_is_x2apic(const struct virtual_apic *apic)
{
	return (apic->base & VIRTUAL_APIC_BASE_EXTD) != 0;
}

/* True if the register page can be reached by memory accesses. */
static inline bool virtual_apic_is_xapic(const struct virtual_apic *apic)
{
	return virtual_apic_is_enabled(apic) && !virtual_apic_is_x2apic(apic);
}

static inline gpa_t virtual_apic_mmio_address(const struct virtual_apic *apic)
{
	return gpa(apic->base & BITS_MASK(VIRTUAL_APIC_BASE_HIGH, VIRTUAL_APIC_BASE_LOW));
}

/* --- Registers (virtual_apic_access.c) --- */

/*
 * A 32-bit access at `offset` in the page. Both return STATUS_OK; STATUS_UNSUPPORTED outside xAPIC
 * mode (there is no such memory then); STATUS_ALIGNMENT for an offset that is not a multiple of 16
 * (undefined by the SDM: nothing was done); STATUS_NOT_FOUND for a reserved register, which is
 * logged in the ESR. What is read is 0 whenever STATUS_OK does not come back. A write to a
 * read-only register changes nothing. Accesses of other sizes are the owner's: the SDM leaves them
 * undefined. Source: SDM Vol. 3A "The Local APIC Block Diagram", Table "Local APIC Register Address
 * Map".
 */
enum status virtual_apic_mmio_read(
	struct virtual_apic *apic, uint32_t offset, uint64_t now, uint32_t *value);
enum status virtual_apic_mmio_write(
	struct virtual_apic *apic, uint32_t offset, uint32_t value, uint64_t now);

/*
 * RDMSR and WRMSR of an x2APIC MSR, 800H to 8FFH. False means #GP: not in x2APIC mode, no such
 * register, a read of a write-only one or a write to a read-only one, a reserved bit set. Source:
 * SDM Vol. 3A "x2APIC Register Address Space", "Reserved Bit Checking".
 */
must_use bool virtual_apic_msr_read(
	struct virtual_apic *apic, uint32_t msr, uint64_t now, uint64_t *value);
must_use bool virtual_apic_msr_write(
	struct virtual_apic *apic, uint32_t msr, uint64_t value, uint64_t now);

/*
 * For APIC-write exits: the CPU has stored the guest's value at `offset` of the page already; makes
 * of it what virtual_apic_mmio_write() would have. Offsets that a guest cannot write are ignored.
 */
void virtual_apic_page_written(struct virtual_apic *apic, uint32_t offset, uint64_t now);

/* --- Priorities (virtual_apic_priority.c) --- */

/* Takes a vector into the IRR. A globally or software disabled APIC refuses. */
enum virtual_apic_delivery virtual_apic_accept(
	struct virtual_apic *apic, uint8_t vector, bool is_level);

/* As virtual_apic_accept(), edge-triggered, for each vector v with bit v%64 of bitmap[v/64] set. */
void virtual_apic_accept_posted(struct virtual_apic *apic, const uint64_t bitmap[4]);

/* True if an interrupt pends that TPR and ISR let through. */
static inline bool virtual_apic_has_interrupt(const struct virtual_apic *apic)
{
	const uint8_t tpr = (uint8_t)apic->page[VIRTUAL_APIC_TPR / sizeof(uint32_t)];
	const uint8_t highest = tpr > apic->isr_highest ? tpr : apic->isr_highest;

	return apic->irr_highest >> VIRTUAL_APIC_CLASS_SHIFT > highest >> VIRTUAL_APIC_CLASS_SHIFT;
}

/*
 * Moves the highest pending vector from IRR to ISR and returns it for injection; 0 if
 * virtual_apic_has_interrupt() is false.
 */
uint8_t virtual_apic_acknowledge(struct virtual_apic *apic);

/*
 * The straight way of an edge-triggered vector that comes alone: past the IRR into the ISR, while
 * both are empty. is_ended as in virtual_apic_timer_take(). False, and nothing was done, if it may
 * not, or the TPR holds it back.
 */
bool virtual_apic_take_first(struct virtual_apic *apic, uint8_t vector, bool is_ended);

/*
 * Ends the highest interrupt in service, as a write to the EOI register does: also for a guest's PV
 * EOI. broadcast_eoi is called if its trigger was level and the SVR does not suppress it.
 */
struct virtual_apic_eoi virtual_apic_eoi(struct virtual_apic *apic);

/* For EOI-induced exits: the CPU has ended `vector` in the page; does the rest. */
void virtual_apic_eoi_induced(struct virtual_apic *apic, uint8_t vector);

/*
 * True if the guest may end the interrupt in service without an exit: one is in service, alone and
 * edge-triggered, and nothing pends that its end would let through.
 */
bool virtual_apic_can_pv_eoi(const struct virtual_apic *apic);

/* Finds the highest vectors again, after the CPU has changed IRR, ISR or TPR in the page. */
void virtual_apic_reload(struct virtual_apic *apic);

/* PPR, and APR as far as lowest-priority delivery needs it. */
uint8_t virtual_apic_ppr(const struct virtual_apic *apic);
uint8_t virtual_apic_apr(const struct virtual_apic *apic);

/* Bits 64*index .. 64*index+63 of the TMR; index 0 to 3. */
uint64_t virtual_apic_level_vectors(const struct virtual_apic *apic, unsigned index);

/*
 * The TPR threshold of the VMCS: the guest must exit when its TPR falls below this class. 0 if
 * nothing pends that the TPR holds back; never above the TPR's class, as VM entry demands.
 */
uint8_t virtual_apic_tpr_threshold(const struct virtual_apic *apic);

/* TPR as CR8. The value is 0 to 15: the owner gives #GP for more. */
static inline uint8_t virtual_apic_cr8(const struct virtual_apic *apic)
{
	return (uint8_t)apic->page[VIRTUAL_APIC_TPR / sizeof(uint32_t)] >> VIRTUAL_APIC_CLASS_SHIFT;
}
void virtual_apic_set_cr8(struct virtual_apic *apic, uint8_t value);

/* --- Local interrupts and errors (virtual_apic_lvt.c) --- */

/* Tells the level of a LINT pin. Without an enabled APIC, LINT0 is INTR and LINT1 is NMI. */
void virtual_apic_set_lint(struct virtual_apic *apic, enum virtual_apic_lint pin, bool is_high);

/* True if the PIC's interrupt is to be taken (virtual_apic_acknowledge_extint(), then INTA). */
bool virtual_apic_has_extint(const struct virtual_apic *apic);
void virtual_apic_acknowledge_extint(struct virtual_apic *apic);

/*
 * Raises the interrupt of an LVT entry: VIRTUAL_APIC_LVT_THERMAL or VIRTUAL_APIC_LVT_PERFORMANCE,
 * which masks itself when it is delivered. False if it was masked or has a reserved mode.
 */
bool virtual_apic_raise_lvt(struct virtual_apic *apic, enum virtual_apic_offset entry);

/* --- Messages (virtual_apic_message.c) --- */

/* Bits of an ICR. */
#define VIRTUAL_APIC_ICR_LOGICAL         BIT(11)
#define VIRTUAL_APIC_ICR_LEVEL_TRIGGERED BIT(15)
#define VIRTUAL_APIC_ICR_SHORTHAND       BITS_MASK(19, 18)

/* Takes the 64 bits of an ICR apart; destination is in 63:56, or in 63:32 if is_wide. */
struct virtual_apic_message virtual_apic_decode_icr(uint64_t icr, bool is_wide);

/*
 * True if this APIC is a target of the message; `sender` is the APIC that sent it, or NULL for an
 * I/O APIC or MSI. A globally disabled APIC is a target of none.
 */
bool virtual_apic_matches(const struct virtual_apic *apic,
	const struct virtual_apic_message *message, const struct virtual_apic *sender);

/*
 * Delivers a message to this APIC, whatever its destination: to the IRR, or to deliver_event (then
 * VIRTUAL_APIC_ACCEPTED). SMI, NMI, INIT and STARTUP come through software disabling.
 */
enum virtual_apic_delivery virtual_apic_deliver(
	struct virtual_apic *apic, const struct virtual_apic_message *message);

/*
 * True if `apic` is a better target than `best` (NULL: none yet) for a lowest-priority message: a
 * software-enabled one before a disabled one, then by APR. Of equals the first stays.
 */
bool virtual_apic_is_better_target(
	const struct virtual_apic *apic, const struct virtual_apic *best);

/* --- Timer (virtual_apic_timer.c) --- */

/* Raises the timer's interrupt if it was due by `now`; periods missed become one. */
void virtual_apic_timer_fire(struct virtual_apic *apic, uint64_t now);

static inline void virtual_apic_advance(struct virtual_apic *apic, uint64_t now)
{
	if (now >= apic->timer.deadline) {
		virtual_apic_timer_fire(apic, now);
	}
}

/*
 * The straight way of a timer that is due: as virtual_apic_advance() and virtual_apic_acknowledge()
 * behind it. Returns the vector; 0, and nothing was done, where it is not due, a period begins
 * anew, anything else pends or is in service, or the TPR holds it back. is_ended says that the
 * guest has ended, by PV EOI, the edge-triggered interrupt that alone is in service, and the APIC
 * was not told: where it is the timer's own, that end is part of this.
 */
uint8_t virtual_apic_timer_take(struct virtual_apic *apic, uint64_t now, bool is_ended);

/*
 * Returns the TSC value at which the timer raises its next interrupt, VIRTUAL_APIC_NO_DEADLINE if
 * it does not (a masked timer counts on, but wakes nobody). It may lie in the past until
 * virtual_apic_advance() is called.
 */
static inline uint64_t virtual_apic_next_deadline(const struct virtual_apic *apic)
{
	const uint32_t lvt = apic->page[VIRTUAL_APIC_LVT_TIMER / sizeof(uint32_t)];

	return (lvt & VIRTUAL_APIC_LVT_MASKED) != 0 ? VIRTUAL_APIC_NO_DEADLINE
						    : apic->timer.deadline;
}

/*
 * RDMSR and WRMSR of IA32_TSC_DEADLINE, which reads 0 and ignores writes outside TSC-deadline mode.
 * A deadline in the past raises the interrupt at once. Without config.has_tsc_deadline the MSR does
 * not exist: #GP is the owner's. Source: SDM Vol. 3A "TSC-Deadline Mode".
 */
uint64_t virtual_apic_read_tsc_deadline(struct virtual_apic *apic, uint64_t now);
void virtual_apic_write_tsc_deadline(struct virtual_apic *apic, uint64_t value, uint64_t now);

/*
 * The write of most guests: true if it was done. False, and nothing was, where an interrupt is due
 * before or by it, or outside TSC-deadline mode.
 */
static inline bool virtual_apic_rearm(struct virtual_apic *apic, uint64_t value, uint64_t now)
{
	struct virtual_apic_timer *timer = &apic->timer;

	if (timer->mode != VIRTUAL_APIC_TSC_DEADLINE || now >= timer->deadline ||
		(value != 0 && value <= now)) {
		return false;
	}
	timer->tsc_deadline = value;
	timer->deadline = value == 0 ? VIRTUAL_APIC_NO_DEADLINE : value;
	return true;
}

/* The guest's TSC jumped: the count-down goes on, a TSC deadline stays where it is. */
void virtual_apic_tsc_changed(struct virtual_apic *apic, uint64_t old_now, uint64_t new_now);

#endif
