; SPDX-License-Identifier: MIT
; The demo guest as bytes: it runs where GRUB brought no guest.

section .rodata

global demo_image_start, demo_image_end
align 8
demo_image_start:
	incbin	"guest/demo.elf"
demo_image_end:

section .note.GNU-stack noalloc noexec nowrite progbits
