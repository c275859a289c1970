/* SPDX-License-Identifier: MIT */
#include "cpu/tsc_calibrate.h"

#include "cpu/log.h"
#include "cpu/tsc.h"
#include "cpu/tsc_claims.h"
#include "cpu/tsc_reference.h"

/* A claim that is further off than this part of the measured value is wrong. */
enum { TOLERANCE_DIVISOR = 100 };

static bool agrees(uint64_t claimed_hz, uint64_t measured_hz)
{
	const uint64_t difference =
		claimed_hz > measured_hz ? claimed_hz - measured_hz : measured_hz - claimed_hz;

	return difference <= measured_hz / TOLERANCE_DIVISOR;
}

/* A claim is more precise than a measurement, where it is true. */
static uint64_t choose(
	const struct tsc_claim *claims, size_t count, const struct tsc_measurement *measured)
{
	for (size_t i = 0; i < count; i++) {
		if (agrees(claims[i].hz, measured->hz)) {
			log_info("tsc", "hz=%lu from %s, as the %s measures", claims[i].hz,
				claims[i].source, measured->clock);
			return claims[i].hz;
		}
		log_warn("tsc", "%s claims hz=%lu, the %s measures hz=%lu: not used",
			claims[i].source, claims[i].hz, measured->clock, measured->hz);
	}
	log_info("tsc", "hz=%lu measured by the %s", measured->hz, measured->clock);
	return measured->hz;
}

static uint64_t choose_unchecked(const struct tsc_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (claims[i].hz < TSC_HZ_LIMIT) {
			log_warn("tsc",
				"hz=%lu from %s: no clock of the machine counts to check it",
				claims[i].hz, claims[i].source);
			return claims[i].hz;
		}
	}
	return 0;
}

enum status tsc_calibrate(const struct acpi_clocks *clocks)
{
	const struct tsc_measurement measured = tsc_reference_measure(clocks);
	struct tsc_claim claims[TSC_CLAIMS_MAX];
	const size_t count = tsc_claims_collect(claims);

	tsc_set_hz(measured.hz != 0 ? choose(claims, count, &measured)
				    : choose_unchecked(claims, count));
	return tsc_hz() != 0 ? STATUS_OK : STATUS_NOT_FOUND;
}
