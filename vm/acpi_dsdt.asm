; SPDX-License-Identifier: MIT
; The guests' DSDT as bytes.

section .rodata

global acpi_dsdt_start, acpi_dsdt_end
align 8
acpi_dsdt_start:
	incbin	"vm/dsdt.aml"
acpi_dsdt_end:

section .note.GNU-stack noalloc noexec nowrite progbits
