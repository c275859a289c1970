/* SPDX-License-Identifier: MIT */
#ifndef VMX_CONTROL_BITS_H
#define VMX_CONTROL_BITS_H

#include "lib/bits.h"

/* SDM Vol. 3C "Pin-Based VM-Execution Controls". */
#define PIN_EXTERNAL_INTERRUPT_EXITING BIT(0)
#define PIN_NMI_EXITING                BIT(3)
#define PIN_VIRTUAL_NMIS               BIT(5)
#define PIN_VMX_PREEMPTION_TIMER       BIT(6)
#define PIN_PROCESS_POSTED_INTERRUPTS  BIT(7)

/* SDM Vol. 3C "Processor-Based VM-Execution Controls", primary. */
#define PRIMARY_INTERRUPT_WINDOW_EXITING BIT(2)
#define PRIMARY_USE_TSC_OFFSETTING       BIT(3)
#define PRIMARY_HLT_EXITING              BIT(7)
#define PRIMARY_INVLPG_EXITING           BIT(9)
#define PRIMARY_MWAIT_EXITING            BIT(10)
#define PRIMARY_RDPMC_EXITING            BIT(11)
#define PRIMARY_RDTSC_EXITING            BIT(12)
#define PRIMARY_CR3_LOAD_EXITING         BIT(15)
#define PRIMARY_CR3_STORE_EXITING        BIT(16)
#define PRIMARY_CR8_LOAD_EXITING         BIT(19)
#define PRIMARY_CR8_STORE_EXITING        BIT(20)
#define PRIMARY_USE_TPR_SHADOW           BIT(21)
#define PRIMARY_NMI_WINDOW_EXITING       BIT(22)
#define PRIMARY_MOV_DR_EXITING           BIT(23)
#define PRIMARY_UNCONDITIONAL_IO_EXITING BIT(24)
#define PRIMARY_USE_IO_BITMAPS           BIT(25)
#define PRIMARY_MONITOR_TRAP_FLAG        BIT(27)
#define PRIMARY_USE_MSR_BITMAPS          BIT(28)
#define PRIMARY_MONITOR_EXITING          BIT(29)
#define PRIMARY_PAUSE_EXITING            BIT(30)
#define PRIMARY_ACTIVATE_SECONDARY       BIT(31)

/* The same section, secondary. */
#define SECONDARY_VIRTUALIZE_APIC_ACCESSES     BIT(0)
#define SECONDARY_ENABLE_EPT                   BIT(1)
#define SECONDARY_DESCRIPTOR_TABLE_EXITING     BIT(2)
#define SECONDARY_ENABLE_RDTSCP                BIT(3)
#define SECONDARY_VIRTUALIZE_X2APIC_MODE       BIT(4)
#define SECONDARY_ENABLE_VPID                  BIT(5)
#define SECONDARY_WBINVD_EXITING               BIT(6)
#define SECONDARY_UNRESTRICTED_GUEST           BIT(7)
#define SECONDARY_APIC_REGISTER_VIRTUALIZATION BIT(8)
#define SECONDARY_VIRTUAL_INTERRUPT_DELIVERY   BIT(9)
#define SECONDARY_PAUSE_LOOP_EXITING           BIT(10)
#define SECONDARY_RDRAND_EXITING               BIT(11)
#define SECONDARY_ENABLE_INVPCID               BIT(12)
#define SECONDARY_ENABLE_VM_FUNCTIONS          BIT(13)
#define SECONDARY_VMCS_SHADOWING               BIT(14)
#define SECONDARY_ENABLE_ENCLS_EXITING         BIT(15)
#define SECONDARY_RDSEED_EXITING               BIT(16)
#define SECONDARY_ENABLE_PML                   BIT(17)
#define SECONDARY_EPT_VIOLATION_VE             BIT(18)
#define SECONDARY_ENABLE_XSAVES                BIT(20)
#define SECONDARY_USE_TSC_SCALING              BIT(25)

/* SDM Vol. 3C "VM-Exit Controls". */
#define EXIT_SAVE_DEBUG_CONTROLS        BIT(2)
#define EXIT_HOST_ADDRESS_SPACE_SIZE    BIT(9)
#define EXIT_LOAD_IA32_PERF_GLOBAL_CTRL BIT(12)
#define EXIT_ACKNOWLEDGE_INTERRUPT      BIT(15)
#define EXIT_SAVE_IA32_PAT              BIT(18)
#define EXIT_LOAD_IA32_PAT              BIT(19)
#define EXIT_SAVE_IA32_EFER             BIT(20)
#define EXIT_LOAD_IA32_EFER             BIT(21)
#define EXIT_SAVE_PREEMPTION_TIMER      BIT(22)

/* SDM Vol. 3C "VM-Entry Controls". */
#define ENTRY_LOAD_DEBUG_CONTROLS        BIT(2)
#define ENTRY_IA32E_MODE_GUEST           BIT(9)
#define ENTRY_TO_SMM                     BIT(10)
#define ENTRY_DEACTIVATE_DUAL_MONITOR    BIT(11)
#define ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL BIT(13)
#define ENTRY_LOAD_IA32_PAT              BIT(14)
#define ENTRY_LOAD_IA32_EFER             BIT(15)

/* SDM Vol. 3C "Guest Non-Register State": interruptibility. */
#define INTERRUPTIBILITY_BLOCKING_BY_STI    BIT(0)
#define INTERRUPTIBILITY_BLOCKING_BY_MOV_SS BIT(1)
#define INTERRUPTIBILITY_SHADOW                                                                    \
	(INTERRUPTIBILITY_BLOCKING_BY_STI | INTERRUPTIBILITY_BLOCKING_BY_MOV_SS)
#define INTERRUPTIBILITY_BLOCKING_BY_SMI BIT(2)
#define INTERRUPTIBILITY_BLOCKING_BY_NMI BIT(3)

/* The same section: activity state. */
enum activity_state {
	ACTIVITY_ACTIVE = 0,
	ACTIVITY_HLT = 1,
	ACTIVITY_SHUTDOWN = 2,
	ACTIVITY_WAIT_FOR_SIPI = 3,
};

/* The same section: pending debug exceptions. */
#define PENDING_DEBUG_ENABLED_BREAKPOINT BIT(12)
#define PENDING_DEBUG_BS                 BIT(14)

/* SDM Vol. 3C "VM-Entry Controls for Event Injection", Table "Format of the VM-Entry
 * Interruption-Information Field"; the VM-exit and IDT-vectoring fields have the same layout. */
#define INTERRUPTION_VECTOR_HIGH    7
#define INTERRUPTION_VECTOR_LOW     0
#define INTERRUPTION_TYPE_HIGH      10
#define INTERRUPTION_TYPE_LOW       8
#define INTERRUPTION_HAS_ERROR_CODE BIT(11)
#define INTERRUPTION_NMI_UNBLOCKING BIT(12)
#define INTERRUPTION_VALID          BIT(31)

enum interruption_type {
	INTERRUPTION_EXTERNAL_INTERRUPT = 0,
	INTERRUPTION_NMI = 2,
	INTERRUPTION_HARDWARE_EXCEPTION = 3,
	INTERRUPTION_SOFTWARE_INTERRUPT = 4,
	INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION = 5,
	INTERRUPTION_SOFTWARE_EXCEPTION = 6,
	INTERRUPTION_OTHER_EVENT = 7,
};

/* SDM Vol. 3C "Guest Register State", Table "Format of Access Rights". */
#define ACCESS_RIGHTS_TYPE_HIGH  3
#define ACCESS_RIGHTS_TYPE_LOW   0
#define ACCESS_RIGHTS_CONFORMING BIT(2)
#define ACCESS_RIGHTS_CODE       BIT(3)
#define ACCESS_RIGHTS_S          BIT(4)
#define ACCESS_RIGHTS_DPL_HIGH   6
#define ACCESS_RIGHTS_DPL_LOW    5
#define ACCESS_RIGHTS_P          BIT(7)
#define ACCESS_RIGHTS_AVL        BIT(12)
#define ACCESS_RIGHTS_L          BIT(13)
#define ACCESS_RIGHTS_DB         BIT(14)
#define ACCESS_RIGHTS_G          BIT(15)
#define ACCESS_RIGHTS_UNUSABLE   BIT(16)

/* SDM Vol. 3C "Extended-Page-Table Pointer (EPTP)". */
#define EPTP_MEMORY_TYPE_HIGH 2
#define EPTP_MEMORY_TYPE_LOW  0
#define EPTP_WALK_LENGTH_HIGH 5
#define EPTP_WALK_LENGTH_LOW  3
#define EPTP_ACCESSED_DIRTY   BIT(6)

#endif
