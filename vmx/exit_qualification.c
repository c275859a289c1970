/* SPDX-License-Identifier: MIT */
#include "vmx/exit_qualification.h"

#include "lib/bits.h"
#include "vmx/control_bits.h"

#define CR_NUMBER_HIGH      3
#define CR_NUMBER_LOW       0
#define CR_TYPE_HIGH        5
#define CR_TYPE_LOW         4
#define CR_LMSW_MEMORY      BIT(6)
#define CR_REGISTER_HIGH    11
#define CR_REGISTER_LOW     8
#define CR_LMSW_SOURCE_HIGH 31
#define CR_LMSW_SOURCE_LOW  16

struct cr_access exit_cr_access(uint64_t exit_qualification)
{
	return (struct cr_access){
		.type = (enum cr_access_type)bits_get(
			exit_qualification, CR_TYPE_HIGH, CR_TYPE_LOW),
		.cr_number = (uint8_t)bits_get(exit_qualification, CR_NUMBER_HIGH, CR_NUMBER_LOW),
		.register_number =
			(uint8_t)bits_get(exit_qualification, CR_REGISTER_HIGH, CR_REGISTER_LOW),
		.is_lmsw_memory = (exit_qualification & CR_LMSW_MEMORY) != 0,
		.lmsw_source = (uint16_t)bits_get(
			exit_qualification, CR_LMSW_SOURCE_HIGH, CR_LMSW_SOURCE_LOW),
	};
}

#define DR_NUMBER_HIGH   2
#define DR_NUMBER_LOW    0
#define DR_READ          BIT(4)
#define DR_REGISTER_HIGH 11
#define DR_REGISTER_LOW  8

struct dr_access exit_dr_access(uint64_t exit_qualification)
{
	return (struct dr_access){
		.dr_number = (uint8_t)bits_get(exit_qualification, DR_NUMBER_HIGH, DR_NUMBER_LOW),
		.register_number =
			(uint8_t)bits_get(exit_qualification, DR_REGISTER_HIGH, DR_REGISTER_LOW),
		.is_read = (exit_qualification & DR_READ) != 0,
	};
}

/* Bits 2:0 hold the size less 1. */

#define INS_OUTS_ADDRESS_SIZE_HIGH 9
#define INS_OUTS_ADDRESS_SIZE_LOW  7
#define INS_OUTS_SEGMENT_HIGH      17
#define INS_OUTS_SEGMENT_LOW       15

struct io_string_information exit_io_string_information(uint32_t instruction_information)
{
	static const uint8_t sizes[] = {2, 4, 8, 0, 0, 0, 0, 0};

	return (struct io_string_information){
		.address_size_bytes = sizes[bits_get(instruction_information,
			INS_OUTS_ADDRESS_SIZE_HIGH, INS_OUTS_ADDRESS_SIZE_LOW)],
		.segment = (enum segment_register)bits_get(
			instruction_information, INS_OUTS_SEGMENT_HIGH, INS_OUTS_SEGMENT_LOW),
	};
}

#define EPT_VIOLATION_READ              BIT(0)
#define EPT_VIOLATION_WRITE             BIT(1)
#define EPT_VIOLATION_FETCH             BIT(2)
#define EPT_VIOLATION_READABLE          BIT(3)
#define EPT_VIOLATION_WRITABLE          BIT(4)
#define EPT_VIOLATION_EXECUTABLE        BIT(5)
#define EPT_VIOLATION_LINEAR_ADDRESS    BIT(7)
#define EPT_VIOLATION_FINAL_TRANSLATION BIT(8)
#define EPT_VIOLATION_NMI_UNBLOCKING    BIT(12)

struct ept_violation exit_ept_violation(uint64_t exit_qualification)
{
	bool has_linear_address = (exit_qualification & EPT_VIOLATION_LINEAR_ADDRESS) != 0;

	return (struct ept_violation){
		.is_read = (exit_qualification & EPT_VIOLATION_READ) != 0,
		.is_write = (exit_qualification & EPT_VIOLATION_WRITE) != 0,
		.is_fetch = (exit_qualification & EPT_VIOLATION_FETCH) != 0,
		.was_readable = (exit_qualification & EPT_VIOLATION_READABLE) != 0,
		.was_writable = (exit_qualification & EPT_VIOLATION_WRITABLE) != 0,
		.was_executable = (exit_qualification & EPT_VIOLATION_EXECUTABLE) != 0,
		.has_linear_address = has_linear_address,
		.is_final_translation = has_linear_address &&
					(exit_qualification & EPT_VIOLATION_FINAL_TRANSLATION) != 0,
		.has_nmi_unblocking = (exit_qualification & EPT_VIOLATION_NMI_UNBLOCKING) != 0,
	};
}

#define DEBUG_BREAKPOINTS_HIGH 3
#define DEBUG_BREAKPOINTS_LOW  0
#define DEBUG_BUS_LOCK         BIT(11)
#define DEBUG_REGISTER_ACCESS  BIT(13)
#define DEBUG_SINGLE_STEP      BIT(14)
#define DEBUG_RTM              BIT(16)

struct debug_exception exit_debug_exception(uint64_t exit_qualification)
{
	return (struct debug_exception){
		.breakpoints = (uint8_t)bits_get(
			exit_qualification, DEBUG_BREAKPOINTS_HIGH, DEBUG_BREAKPOINTS_LOW),
		.is_bus_lock = (exit_qualification & DEBUG_BUS_LOCK) != 0,
		.is_register_access = (exit_qualification & DEBUG_REGISTER_ACCESS) != 0,
		.is_single_step = (exit_qualification & DEBUG_SINGLE_STEP) != 0,
		.is_in_rtm = (exit_qualification & DEBUG_RTM) != 0,
	};
}

#define TASK_SWITCH_SELECTOR_HIGH 15
#define TASK_SWITCH_SELECTOR_LOW  0
#define TASK_SWITCH_SOURCE_HIGH   31
#define TASK_SWITCH_SOURCE_LOW    30

struct task_switch exit_task_switch(uint64_t exit_qualification)
{
	return (struct task_switch){
		.source = (enum task_switch_source)bits_get(
			exit_qualification, TASK_SWITCH_SOURCE_HIGH, TASK_SWITCH_SOURCE_LOW),
		.tss_selector = (uint16_t)bits_get(
			exit_qualification, TASK_SWITCH_SELECTOR_HIGH, TASK_SWITCH_SELECTOR_LOW),
	};
}

struct interruption_information exit_interruption_information(uint32_t interruption_information)
{
	return (struct interruption_information){
		.is_valid = (interruption_information & INTERRUPTION_VALID) != 0,
		.vector = (uint8_t)bits_get(interruption_information, INTERRUPTION_VECTOR_HIGH,
			INTERRUPTION_VECTOR_LOW),
		.type = (uint8_t)bits_get(
			interruption_information, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW),
		.has_error_code = (interruption_information & INTERRUPTION_HAS_ERROR_CODE) != 0,
		.has_nmi_unblocking = (interruption_information & INTERRUPTION_NMI_UNBLOCKING) != 0,
	};
}

enum { APIC_TYPE_HIGH = 15, APIC_TYPE_LOW = 12, APIC_OFFSET_HIGH = 11 };

struct apic_access exit_apic_access(uint64_t exit_qualification)
{
	return (struct apic_access){
		.type = (enum apic_access_type)bits_get(
			exit_qualification, APIC_TYPE_HIGH, APIC_TYPE_LOW),
		.offset = (uint16_t)bits_get(exit_qualification, APIC_OFFSET_HIGH, 0),
	};
}
