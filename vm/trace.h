/* SPDX-License-Identifier: MIT */
#ifndef VM_TRACE_H
#define VM_TRACE_H

#include "lib/types.h"

enum { TRACE_RECORDS = 64 };

enum trace_kind {
	TRACE_MARK = 1, /* values: the guest's two. */
	TRACE_CALL = 2, /* values: the call's number and its result. */
};

/* One event of a vCPU. */
struct trace_record {
	uint64_t tsc; /* The host's. */
	uint64_t kind;
	uint64_t values[2];
};

/* The last TRACE_RECORDS events of a vCPU: a new one overwrites the oldest. All zero is empty. */
struct trace {
	uint64_t written; /* How many came in all. */
	struct trace_record records[TRACE_RECORDS];
};

/* Appends a record. Inline: no allocation, no lock. Context: the vCPU's own CPU. */
static inline void trace_put(struct trace *trace, const struct trace_record *record)
{
	trace->records[trace->written++ % TRACE_RECORDS] = *record;
}

/* Returns how many records are kept. */
static inline size_t trace_count(const struct trace *trace)
{
	return trace->written < TRACE_RECORDS ? (size_t)trace->written : TRACE_RECORDS;
}

/* Returns a record, counted from the oldest kept; index < trace_count(). */
static inline const struct trace_record *trace_get(const struct trace *trace, size_t index)
{
	return &trace->records[(trace->written - trace_count(trace) + index) % TRACE_RECORDS];
}

#endif
