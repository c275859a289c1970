/* SPDX-License-Identifier: MIT */
#ifndef VMX_CONTROL_WORD_H
#define VMX_CONTROL_WORD_H

/* The five words of VMX controls, for tables that speak of any of them. */
enum control_word {
	CONTROL_PIN,
	CONTROL_PRIMARY,
	CONTROL_SECONDARY,
	CONTROL_EXIT,
	CONTROL_ENTRY,
	CONTROL_WORD_COUNT,
};

#endif
