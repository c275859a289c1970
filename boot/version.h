/* SPDX-License-Identifier: MIT */
#ifndef BOOT_VERSION_H
#define BOOT_VERSION_H

#define TRIVET_VERSION "0.1.0"

#endif
