/* SPDX-License-Identifier: MIT */
#ifndef VMX_DOCTOR_H
#define VMX_DOCTOR_H

#include "lib/types.h"
#include "vmx/capability.h"

/*
 * Reports whether this CPU can run Trivet, as log lines of the source "doctor", before VMXON.
 *
 * Verbose: one line "<capability> wanted=required|used found=yes|no" for each row of the table in
 * vmx/requirements.c. Always: an error for each missing requirement and a warning for each missing
 * optional feature, with what to do about it, and a summary line.
 *
 * Returns true if nothing that is required is missing. Context: any; looks only at *capability.
 */
bool doctor_report(const struct vmx_capability *capability, bool is_verbose);

#endif
