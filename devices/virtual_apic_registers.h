/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_VIRTUAL_APIC_REGISTERS_H
#define DEVICES_VIRTUAL_APIC_REGISTERS_H

#include "lib/bits.h"
#include "lib/types.h"

/*
 * SDM Vol. 3A Table "Local APIC Register Address Map": offsets in the page; the x2APIC MSR is 800H
 * plus offset / 16.
 */
enum virtual_apic_offset {
	VIRTUAL_APIC_ID = 0x20,
	VIRTUAL_APIC_VERSION = 0x30,
	VIRTUAL_APIC_TPR = 0x80,
	VIRTUAL_APIC_APR = 0x90,
	VIRTUAL_APIC_PPR = 0xa0,
	VIRTUAL_APIC_EOI = 0xb0,
	VIRTUAL_APIC_REMOTE_READ = 0xc0,
	VIRTUAL_APIC_LDR = 0xd0,
	VIRTUAL_APIC_DFR = 0xe0,
	VIRTUAL_APIC_SVR = 0xf0,
	VIRTUAL_APIC_ISR = 0x100,
	VIRTUAL_APIC_TMR = 0x180,
	VIRTUAL_APIC_IRR = 0x200,
	VIRTUAL_APIC_ESR = 0x280,
	VIRTUAL_APIC_ICR = 0x300,
	VIRTUAL_APIC_ICR_HIGH_X2APIC = 0x304, /* The ICR's high half beside its low half. */
	VIRTUAL_APIC_ICR_HIGH = 0x310,
	VIRTUAL_APIC_LVT_TIMER = 0x320,
	VIRTUAL_APIC_LVT_THERMAL = 0x330,
	VIRTUAL_APIC_LVT_PERFORMANCE = 0x340,
	VIRTUAL_APIC_LVT_LINT0 = 0x350,
	VIRTUAL_APIC_LVT_LINT1 = 0x360,
	VIRTUAL_APIC_LVT_ERROR = 0x370,
	VIRTUAL_APIC_INITIAL_COUNT = 0x380,
	VIRTUAL_APIC_CURRENT_COUNT = 0x390,
	VIRTUAL_APIC_DIVIDE = 0x3e0,
	VIRTUAL_APIC_SELF_IPI = 0x3f0,
	VIRTUAL_APIC_REGISTERS_END = 0x400,
};

enum {
	VIRTUAL_APIC_STRIDE = 0x10,
	VIRTUAL_APIC_MSR_FIRST = 0x800,
	VIRTUAL_APIC_MSR_LAST = 0x8ff,
	VIRTUAL_APIC_CLASS_SHIFT = 4, /* A vector's and the TPR's priority class: bits 7:4. */
	VIRTUAL_APIC_VECTOR_MIN = 16, /* SDM Vol. 3A "Valid Interrupt Vectors". */
	VIRTUAL_APIC_VECTOR_COUNT = 256,
};

/* SDM Vol. 3A "Local APIC Status and Location", Figure "IA32_APIC_BASE MSR Supporting x2APIC". */
#define VIRTUAL_APIC_BASE_BSP     BIT(8)
#define VIRTUAL_APIC_BASE_EXTD    BIT(10)
#define VIRTUAL_APIC_BASE_EN      BIT(11)
#define VIRTUAL_APIC_BASE_LOW     12
#define VIRTUAL_APIC_BASE_HIGH    51
#define VIRTUAL_APIC_BASE_DEFAULT 0xfee00000u

/* "Local APIC Version Register": an integrated APIC with six LVT entries. */
#define VIRTUAL_APIC_VERSION_NUMBER      0x14u
#define VIRTUAL_APIC_VERSION_MAX_LVT     (5u << 16)
#define VIRTUAL_APIC_VERSION_SUPPRESSION (1u << 24)

/* "Spurious Interrupt", Figure "Spurious-Interrupt Vector Register (SVR)". */
#define VIRTUAL_APIC_SVR_ENABLE      (1u << 8)
#define VIRTUAL_APIC_SVR_SUPPRESSION (1u << 12)
#define VIRTUAL_APIC_SVR_RESET       0xffu

/* "Local Vector Table", Figure "Local Vector Table (LVT)". */
#define VIRTUAL_APIC_LVT_ACTIVE_LOW  (1u << 13)
#define VIRTUAL_APIC_LVT_REMOTE_IRR  (1u << 14)
#define VIRTUAL_APIC_LVT_LEVEL       (1u << 15)
#define VIRTUAL_APIC_LVT_MASKED      (1u << 16)
#define VIRTUAL_APIC_LVT_DEADLINE    (1u << 18)
#define VIRTUAL_APIC_MODE_HIGH       10
#define VIRTUAL_APIC_MODE_LOW        8
#define VIRTUAL_APIC_TIMER_MODE_HIGH 18
#define VIRTUAL_APIC_TIMER_MODE_LOW  17

enum virtual_apic_timer_mode {
	VIRTUAL_APIC_ONE_SHOT = 0,
	VIRTUAL_APIC_PERIODIC = 1,
	VIRTUAL_APIC_TSC_DEADLINE = 2,
	VIRTUAL_APIC_NO_TIMER_MODE = 3, /* Reserved: the timer stands still. */
};

/* "Error Handling", Figure "Error Status Register (ESR)". */
#define VIRTUAL_APIC_ERROR_SEND_VECTOR    (1u << 5)
#define VIRTUAL_APIC_ERROR_RECEIVE_VECTOR (1u << 6)
#define VIRTUAL_APIC_ERROR_REGISTER       (1u << 7)

/* "Logical Destination Mode and Local APIC ID": IDs in 31:24, the DFR's model in 31:28. */
#define VIRTUAL_APIC_ID_SHIFT    24
#define VIRTUAL_APIC_DFR_FLAT    0xffffffffu
#define VIRTUAL_APIC_DFR_CLUSTER 0x0fffffffu

#endif
