/* SPDX-License-Identifier: MIT */
/*
 * A Linux module that makes hypercalls when it is loaded: each kind of them, by
 * guest/trivet_guest.h and by Linux's own kvm_hypercall0() to kvm_hypercall4(). The results are in
 * the kernel's log, a line "PASS rule" or "FAIL rule: got=.. want=.." for each.
 */
#define pr_fmt(text) "trivet_linux: " text

#include "guest/linux-module/linux_guests.h"
#include "guest/trivet_guest.h"

#include <asm/apicdef.h>
#include <asm/irq_vectors.h>
#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>

#define SLEEP_US_DEFAULT 20000
/* A number of nobody's: neither KVM's nor Trivet's. */
#define UNKNOWN_NUMBER 0x7fff0000
/* CPUID leaf 1, EBX[31:24]: the initial APIC ID. */
#define APIC_ID_SHIFT 24
/* The sleep goes by the TSC, ktime by Linux's measure of it, which knows whole kilohertz. */
#define SLEEP_TOLERANCE 1000
/* Linux reads its wall clock once, and to the second. */
#define CLOCK_TOLERANCE_S 3
/* More than there are exit reasons and calls. */
#define COUNTERS_ROOM 128

static const char log_text[] = "hello from a Linux module";

static void report_true(const char *rule, bool holds, long got)
{
	if (holds) {
		pr_info("PASS %s\n", rule);
	} else {
		pr_info("FAIL %s: got=%ld\n", rule, got);
	}
}

static void report_equal(const char *rule, long got, long want)
{
	if (got == want) {
		pr_info("PASS %s\n", rule);
	} else {
		pr_info("FAIL %s: got=%ld want=%ld\n", rule, got, want);
	}
}

static uint32_t own_apic_id(void)
{
	return trivet_cpuid(1).ebx >> APIC_ID_SHIFT;
}

/* The native calls, by guest/trivet_guest.h. The text lies in memory that virt_to_phys() knows. */
static void check_native(char *text, struct trivet_batch_entry *batch)
{
	const bool may_manage = trivet_guest_list(0, 0) > 0;

	report_equal("native_ping_answers", trivet_ping(), TRIVET_PING_RESULT);
	report_equal(
		"native_unknown_number_is_refused", trivet_call0(UNKNOWN_NUMBER), -TRIVET_ENOSYS);
	report_equal(
		"native_log_takes_a_text", trivet_log(virt_to_phys(text), sizeof(log_text) - 1), 0);
	report_equal("native_log_refuses_a_long_text",
		trivet_log(virt_to_phys(text), TRIVET_LOG_MAX + 1), -TRIVET_E2BIG);
	report_equal("native_trace_mark_is_taken", trivet_trace_mark(1, 2), 0);
	/* With the right, which the module line's manage=yes gives, nobody has that text as a name.
	 */
	report_equal("native_guest_control_needs_the_right",
		trivet_guest_control(TRIVET_GUEST_STOP, virt_to_phys(text)),
		may_manage ? -TRIVET_ENOENT : -TRIVET_EPERM);
	report_true("native_guest_list_needs_the_right",
		may_manage || trivet_guest_list(0, 0) == -TRIVET_EPERM, trivet_guest_list(0, 0));
	batch[0].rax = TRIVET_CALL_PING;
	batch[1].rax = UNKNOWN_NUMBER;
	report_equal("native_batch_makes_its_calls", trivet_batch(virt_to_phys(batch), 2), 2);
	report_equal(
		"native_batch_has_the_first_result", (long)batch[0].result, TRIVET_PING_RESULT);
	report_equal("native_batch_has_the_second_result", (long)batch[1].result, -TRIVET_ENOSYS);
}

static void check_sleep(unsigned long sleep_us)
{
	const ktime_t start = ktime_get();
	const long result = trivet_sleep(sleep_us);
	const s64 slept_us = ktime_us_delta(ktime_get(), start);

	report_equal("native_sleep_is_done", result, 0);
	pr_info("asked to sleep %lu us, slept %lld us\n", sleep_us, slept_us);
	report_true("native_sleep_holds_the_caller_as_long_as_asked",
		slept_us + slept_us / SLEEP_TOLERANCE + 1 >= (s64)sleep_us, slept_us);
	report_equal("native_sleep_refuses_a_long_time", trivet_sleep(TRIVET_SLEEP_MAX_US + 1),
		-TRIVET_EINVAL);
}

/* KVM's calls, by Linux's own functions, which say VMCALL or VMMCALL by what CPUID tells Linux. */
static void check_kvm(void)
{
	uint32_t apic_id;

	report_equal("kvm_hypercall0_is_served", kvm_hypercall0(KVM_HC_VAPIC_POLL_IRQ), 0);
	report_equal("kvm_hypercall0_unknown_number_is_refused", kvm_hypercall0(UNKNOWN_NUMBER),
		-KVM_ENOSYS);
	report_equal("kvm_hypercall0_reaches_the_native_ping", kvm_hypercall0(TRIVET_CALL_PING),
		TRIVET_PING_RESULT);
	preempt_disable();
	apic_id = own_apic_id();
	report_equal("kvm_hypercall1_is_served", kvm_hypercall1(KVM_HC_SCHED_YIELD, apic_id), 0);
	report_equal("kvm_hypercall2_is_served", kvm_hypercall2(KVM_HC_KICK_CPU, 0, apic_id), 0);
	/* An interrupt that asks Linux to look for work, which is always right to do. */
	report_equal("kvm_hypercall4_sends_an_interrupt",
		kvm_hypercall4(KVM_HC_SEND_IPI, 1, 0, apic_id, APIC_DM_FIXED | RESCHEDULE_VECTOR),
		1);
	preempt_enable();
	report_equal("kvm_hypercall3_not_offered_is_refused",
		kvm_hypercall3(KVM_HC_MAP_GPA_RANGE, 0, 1, 0), -KVM_ENOSYS);
}

static void check_clock(struct trivet_clock_pairing *pairing)
{
	const long result = kvm_hypercall2(
		KVM_HC_CLOCK_PAIRING, virt_to_phys(pairing), TRIVET_CLOCK_PAIRING_WALL_CLOCK);
	const s64 difference_s = pairing->seconds - ktime_get_real_seconds();

	report_equal("kvm_clock_pairing_is_served", result, 0);
	report_true("kvm_clock_pairing_has_the_time_of_linux",
		abs(difference_s) <= CLOCK_TOLERANCE_S, (long)difference_s);
}

/* Makes each kind of call, and says in the log whether the result is what docs/hypercalls.md
 * promises. */
static int check_calls(unsigned long sleep_us)
{
	/* The calls take guest-physical addresses: memory of a module's own has none to be told. */
	char *text = kmemdup(log_text, sizeof(log_text), GFP_KERNEL);
	/* A power of two in size, and so aligned to it. */
	struct trivet_batch_entry *batch =
		kzalloc(2 * sizeof(struct trivet_batch_entry), GFP_KERNEL);
	struct trivet_clock_pairing *pairing = kzalloc(sizeof(*pairing), GFP_KERNEL);
	int status = -ENOMEM;

	if (text != NULL && batch != NULL && pairing != NULL) {
		check_native(text, batch);
		check_sleep(sleep_us);
		check_kvm();
		check_clock(pairing);
		status = 0;
	}
	kfree(pairing);
	kfree(batch);
	kfree(text);
	return status;
}

struct counters_read {
	struct trivet_counter *counters;
	intptr_t count;
};

static struct dentry *folder;

/* The call tells of the processor that makes it. */
static void read_here(void *argument)
{
	struct counters_read *read = argument;

	read->count = trivet_read_counters(virt_to_phys(read->counters), COUNTERS_ROOM);
}

static const char *kind_name(const struct trivet_counter *counter)
{
	return counter->kind == TRIVET_COUNTER_EXIT ? "exit" : "call";
}

/* Reads one processor's counters; returns how many there are in the array, or an error. */
static intptr_t read_processor(int cpu, struct trivet_counter *counters)
{
	struct counters_read read = {.counters = counters, .count = -ENODEV};

	smp_call_function_single(cpu, read_here, &read, 1);
	return min_t(intptr_t, read.count, COUNTERS_ROOM);
}

static void print_bins(struct seq_file *file, const struct trivet_counter *counter)
{
	const char *separator = "";
	unsigned bin;

	for (bin = 0; bin < TRIVET_COUNTER_BINS; bin++) {
		if (counter->bins[bin] != 0) {
			seq_printf(file, "%s2^%u:%llu", separator, bin, counter->bins[bin]);
			separator = ",";
		}
	}
}

static void print_processor(struct seq_file *file, int cpu, struct trivet_counter *counters)
{
	const intptr_t count = read_processor(cpu, counters);
	intptr_t i;

	if (count < 0) {
		seq_printf(file, "cpu%d error %ld\n", cpu, count);
	}
	for (i = 0; i < count; i++) {
		seq_printf(file, "cpu%d %s 0x%x count=%llu ticks=", cpu, kind_name(&counters[i]),
			counters[i].number, counters[i].count);
		print_bins(file, &counters[i]);
		seq_putc(file, '\n');
	}
}

static void log_processor(int cpu, struct trivet_counter *counters)
{
	const intptr_t count = read_processor(cpu, counters);
	intptr_t i;

	report_true("native_counters_are_read", count > 0, count);
	for (i = 0; i < count; i++) {
		pr_info("cpu%d %s 0x%x count=%llu\n", cpu, kind_name(&counters[i]),
			counters[i].number, counters[i].count);
	}
}

/* /sys/kernel/debug/trivet/counters: a line for each counter, with its histogram. */
static int counters_show(struct seq_file *file, void *data)
{
	struct trivet_counter *counters =
		kcalloc(COUNTERS_ROOM, sizeof(struct trivet_counter), GFP_KERNEL);
	int cpu;

	if (counters == NULL) {
		return -ENOMEM;
	}
	cpus_read_lock();
	for_each_online_cpu (cpu) {
		print_processor(file, cpu, counters);
	}
	cpus_read_unlock();
	kfree(counters);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

/* Puts the counters of all processors into the log, and makes the file that reads them anew. */
static int show_counters(void)
{
	struct trivet_counter *counters =
		kcalloc(COUNTERS_ROOM, sizeof(struct trivet_counter), GFP_KERNEL);
	int cpu;

	if (counters == NULL) {
		return -ENOMEM;
	}
	cpus_read_lock();
	for_each_online_cpu (cpu) {
		log_processor(cpu, counters);
	}
	cpus_read_unlock();
	kfree(counters);
	/* As everywhere with debugfs, a kernel without it is no reason to fail. */
	folder = debugfs_create_dir("trivet", NULL);
	debugfs_create_file("counters", 0400, folder, NULL, &counters_fops);
	linux_guests_make_file(folder);
	return 0;
}

static void hide_counters(void)
{
	debugfs_remove_recursive(folder);
}

static unsigned long sleep_us = SLEEP_US_DEFAULT;
module_param(sleep_us, ulong, 0444);
MODULE_PARM_DESC(sleep_us, "how long the sleep call is to wait, in microseconds");

static int __init linux_module_init(void)
{
	const uint32_t base = trivet_find("TrivetTrivet");
	int status;

	/* Without a hypervisor VMCALL raises #UD, which Linux does not survive in its own code. */
	if (base == 0) {
		pr_info("no Trivet here: CPUID lacks its signature\n");
		return -ENODEV;
	}
	if (!kvm_para_available()) {
		pr_info("no KVM interface here: CPUID lacks its signature\n");
		return -ENODEV;
	}
	pr_info("Trivet at leaf 0x%x, interface version %u, KVM's features 0x%x\n", base,
		trivet_cpuid(base + 1).eax, trivet_kvm_features());
	pr_info("ping 0x%lx, by kvm_hypercall0() 0x%lx\n", (long)trivet_ping(),
		kvm_hypercall0(TRIVET_CALL_PING));
	status = check_calls(sleep_us);
	return status != 0 ? status : show_counters();
}

static void __exit linux_module_exit(void)
{
	hide_counters();
	pr_info("unloaded\n");
}

module_init(linux_module_init);
module_exit(linux_module_exit);
MODULE_DESCRIPTION("Makes Trivet's hypercalls from Linux");
MODULE_LICENSE("Dual MIT/GPL");
