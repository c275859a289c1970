/* SPDX-License-Identifier: MIT */
#ifndef SHARED_KVM_CLOCK_H
#define SHARED_KVM_CLOCK_H

#include <stdint.h>

/* A tick of a clock of 1 kHz has so many nanoseconds. */
#define NS_TIMES_KHZ 1000000ull

/*
 * Returns the TSC's frequency in kHz, as KVM's clock tells it; 0 if it tells none. The record of
 * the clock stays on. Context: KVM_FEATURE_CLOCKSOURCE2 is there. Source: Linux
 * Documentation/virt/kvm/x86/msr.rst.
 */
uint64_t kvm_clock_khz(void);

#endif
