/* SPDX-License-Identifier: MIT */
#include "vmx/doctor.h"

#include "cpu/log.h"
#include "cpu/msr.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vmx/itlb_multihit.h"
#include "vmx/requirements.h"

static const char doctor[] = "doctor";

struct tally {
	unsigned required;
	unsigned required_found;
	unsigned used;
	unsigned used_found;
};

/* Who hides VMX, told by a CPUID signature, and what to do about it. */
struct advice {
	const char *signature;
	const char *cause;
	const char *remedy;
};

static const struct advice hypervisor_advice[] = {
	{"TCGTCGTCGTCG", "QEMU without KVM (TCG) does not emulate VMX",
		"run QEMU with -accel kvm -cpu host, or use Bochs"},
	{"KVMKVMKVM", "nested virtualisation is off in KVM below this machine",
		"load kvm_intel with nested=1 and start QEMU with -cpu host"},
	{"VMwareVMware", "nested virtualisation is off in VMware below this machine",
		"tick \"Virtualize Intel VT-x/EPT\" in the processor settings of this machine"},
	{"VBoxVBoxVBox", "nested virtualisation is off in VirtualBox below this machine",
		"tick \"Enable Nested VT-x/AMD-V\" in the processor settings of this machine"},
	{"Microsoft Hv", "nested virtualisation is off in Hyper-V below this machine",
		"Set-VMProcessor -ExposeVirtualizationExtensions $true for this machine"},
	{"XenVMMXenVMM", "nested virtualisation is off in Xen below this machine",
		"set nestedhvm=1 in the configuration of this machine"},
};

static const struct advice vendor_advice[] = {
	{"AuthenticAMD", "not an Intel CPU: this is AMD-V territory",
		"use a machine with Intel VT-x"},
	{"HygonGenuine", "not an Intel CPU: this is AMD-V territory",
		"use a machine with Intel VT-x"},
};

static const struct advice unknown_hypervisor = {"",
	"nested virtualisation is off in the hypervisor below this machine",
	"switch it on there: for KVM, kvm_intel nested=1 and -cpu host"};

static const struct advice bare_machine = {"",
	"the CPU is too old, or VT-x is switched off so that CPUID hides it",
	"enable VT-x (Intel Virtualization Technology) in the firmware set-up, then power-cycle"};

static const struct advice *find_advice(
	const struct advice *rows, size_t count, const char *signature)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].signature, signature) == 0) {
			return &rows[i];
		}
	}
	return NULL;
}

/*
 * A software emulator may call its CPU AMD's, and a hypervisor on an AMD machine cannot offer VMX
 * whatever its settings: so TCG is looked for first, then the vendor, then other hypervisors.
 */
static const struct advice *advise_without_vmx(const struct vmx_capability *capability)
{
	const struct advice *below = find_advice(
		hypervisor_advice, ARRAY_COUNT(hypervisor_advice), capability->hypervisor);
	const struct advice *vendor =
		find_advice(vendor_advice, ARRAY_COUNT(vendor_advice), capability->vendor);

	if (below == &hypervisor_advice[0]) {
		return below;
	}
	if (vendor != NULL) {
		return vendor;
	}
	if (below != NULL) {
		return below;
	}
	return capability->has_hypervisor ? &unknown_hypervisor : &bare_machine;
}

static void report_identity(const struct vmx_capability *capability)
{
	log_info(doctor, "CPU vendor=%s hypervisor=%s physical_address_bits=%u", capability->vendor,
		!capability->has_hypervisor         ? "none"
		: capability->hypervisor[0] == '\0' ? "unnamed"
						    : capability->hypervisor,
		capability->physical_address_bits);
}

/* An erratum is no capability: the verdict does not depend on it. */
static void report_itlb_multihit(const struct vmx_capability *capability)
{
	const char *absence = itlb_multihit_absence(capability);

	if (absence != NULL) {
		log_info(doctor, "iTLB multihit: not affected: %s; guests execute from large pages",
			absence);
	} else {
		log_info(doctor,
			"iTLB multihit: affected signature=%#x; large pages are split where "
			"guests execute",
			capability->signature);
	}
}

static void report_no_vmx(const struct vmx_capability *capability)
{
	const struct advice *advice = advise_without_vmx(capability);

	log_error(doctor, "missing CPUID.01H:ECX.VMX: %s; %s", advice->cause, advice->remedy);
}

/* SDM Vol. 3C "Enabling and Entering VMX Operation". Unlocked is well: VMXON's caller locks it. */
static bool report_feature_control(const struct vmx_capability *capability, bool is_verbose)
{
	uint64_t value = capability->feature_control;
	bool is_locked = (value & FEATURE_CONTROL_LOCK) != 0;
	bool is_met = !is_locked || (value & FEATURE_CONTROL_VMX_OUTSIDE_SMX) != 0;

	if (is_verbose) {
		log_info(doctor,
			"IA32_FEATURE_CONTROL allows VMXON wanted=required found=%s value=%#lx%s",
			is_met ? "yes" : "no", (unsigned long)value,
			is_locked ? "" : " unlocked, Trivet locks it");
	}
	if (is_met) {
		return true;
	}
	if ((value & FEATURE_CONTROL_VMX_IN_SMX) != 0) {
		log_error(doctor,
			"missing VMX outside SMX: IA32_FEATURE_CONTROL=%#lx is locked "
			"with VMX allowed in SMX operation only; "
			"switch off Intel TXT in the firmware set-up, then power-cycle",
			(unsigned long)value);
	} else {
		log_error(doctor,
			"missing VMX: IA32_FEATURE_CONTROL=%#lx is locked with VMX off; "
			"enable VT-x (Intel Virtualization Technology) in the firmware "
			"set-up, then power-cycle",
			(unsigned long)value);
	}
	return false;
}

static void report_missing(const struct requirement *row)
{
	const char *word = requirements_word_name(row->word);
	const char *setting = row->rule == RULE_CAN_BE_0 ? " = 0" : "";

	if (row->need == NEED_REQUIRED) {
		log_error(doctor, "missing %s \"%s\"%s: %s; %s", word, row->name, setting,
			row->purpose, row->remedy);
	} else {
		log_warn(doctor, "missing %s \"%s\"%s: %s; %s", word, row->name, setting,
			row->purpose, row->remedy);
	}
}

static void report_row(const struct requirement *row, bool is_met)
{
	log_info(doctor, "%s \"%s\"%s wanted=%s found=%s", requirements_word_name(row->word),
		row->name, row->rule == RULE_CAN_BE_0 ? " = 0" : "",
		row->need == NEED_REQUIRED ? "required" : "used", is_met ? "yes" : "no");
}

static void count_row(struct tally *tally, enum requirement_need need, bool is_met)
{
	if (need == NEED_REQUIRED) {
		tally->required++;
		tally->required_found += is_met;
	} else {
		tally->used++;
		tally->used_found += is_met;
	}
}

/*
 * A row whose whole word is missing gets no complaint of its own: the control that would bring the
 * word has one, and what to do stands there.
 */
static void report_requirements(
	const struct vmx_capability *capability, bool is_verbose, struct tally *tally)
{
	for (size_t i = 0; i < requirements_count && is_verbose; i++) {
		const struct requirement *row = &requirements_table[i];

		report_row(row, requirements_is_met(row, capability));
	}
	for (size_t i = 0; i < requirements_count; i++) {
		const struct requirement *row = &requirements_table[i];
		bool is_met = requirements_is_met(row, capability);

		count_row(tally, row->need, is_met);
		if (!is_met && requirements_has_word(capability, row->word)) {
			report_missing(row);
		}
	}
}

static bool report_summary(const struct vmx_capability *capability, const struct tally *tally)
{
	bool is_fit = tally->required_found == tally->required;

	if (!is_fit && capability->has_hypervisor) {
		log_error(doctor, "this machine is virtual: what is missing may be switched off "
				  "below it; for KVM: kvm_intel nested=1 ept=1, and -cpu host");
	}
	log_write(is_fit ? LOG_INFO : LOG_ERROR, doctor,
		"%s: required=%u found=%u, used=%u found=%u",
		is_fit ? "this CPU can run Trivet" : "this CPU cannot run Trivet", tally->required,
		tally->required_found, tally->used, tally->used_found);
	return is_fit;
}

bool doctor_report(const struct vmx_capability *capability, bool is_verbose)
{
	struct tally tally = {0};

	if (is_verbose) {
		report_identity(capability);
	}
	count_row(&tally, NEED_REQUIRED, capability->has_vmx);
	if (!capability->has_vmx) {
		report_no_vmx(capability);
		return report_summary(capability, &tally);
	}
	count_row(&tally, NEED_REQUIRED, capability->basic != 0);
	if (capability->basic == 0) {
		log_error(doctor, "missing IA32_VMX_BASIC: CPUID promises VMX, its capability MSRs "
				  "cannot be read; mend the hypervisor below this machine");
		return report_summary(capability, &tally);
	}
	count_row(&tally, NEED_REQUIRED, report_feature_control(capability, is_verbose));
	report_requirements(capability, is_verbose, &tally);
	if (is_verbose) {
		report_itlb_multihit(capability);
	}
	return report_summary(capability, &tally);
}
