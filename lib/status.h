/* SPDX-License-Identifier: MIT */
#ifndef LIB_STATUS_H
#define LIB_STATUS_H

#define must_use __attribute__((warn_unused_result))

/* What a function of ours could not do. Never shown to a guest: guests have ABI codes. */
enum status {
	STATUS_OK = 0,
	STATUS_INVALID,     /* The input breaks its format's rules. */
	STATUS_TRUNCATED,   /* The input ends before its own headers say it does. */
	STATUS_RANGE,       /* A number or address lies outside the allowed range. */
	STATUS_ALIGNMENT,   /* An address or size is not aligned as it must be. */
	STATUS_OVERLAP,     /* Two ranges that must be disjoint are not. */
	STATUS_NO_MEMORY,   /* The pool or the machine has no room left. */
	STATUS_NOT_FOUND,   /* What was looked up does not exist. */
	STATUS_UNSUPPORTED, /* Valid, but this CPU or this version cannot do it. */
	STATUS_CHANGED,     /* Another processor changed it meanwhile: look at it again. */
	STATUS_COUNT,
};

/*
 * Returns the status in words ("truncated"), for log lines; "unknown status" for any other value.
 * Context: any.
 */
const char *status_name(enum status status);

#endif
