/* SPDX-License-Identifier: MIT */
#ifndef LIB_CHECKSUM_H
#define LIB_CHECKSUM_H

#include "lib/types.h"

/*
 * Returns a checksum of 64-bit words that tells whether they changed: any change of a single word
 * gives another sum, any other change all but surely. It is no protection from an adversary who may
 * choose what is written. Context: any; pure.
 */
uint64_t checksum_words(const uint64_t *words, size_t count);

#endif
