/* SPDX-License-Identifier: MIT */
#ifndef EXITS_IO_STRING_H
#define EXITS_IO_STRING_H

#include "exits/exit.h"
#include "vmx/exit_qualification.h"

/*
 * Handles INS and OUTS, with REP too: elements go between the port and guest memory through the
 * guest's page tables, with its access rights; a page fault is injected with RSI, RDI and RCX as
 * the CPU would leave them. A long REP is done in pieces, each a VM exit of its own. Context: an
 * I/O exit of a string instruction. Source: SDM Vol. 2A "INS/INSB/INSW/INSD", Vol. 2B
 * "OUTS/OUTSB/OUTSW/OUTSD".
 */
enum exit_action io_string(struct vcpu *vcpu, struct io_access access);

#endif
