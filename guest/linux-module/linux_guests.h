/* SPDX-License-Identifier: MIT */
#ifndef LINUX_MODULE_LINUX_GUESTS_H
#define LINUX_MODULE_LINUX_GUESTS_H

struct dentry;

/*
 * Makes the file "guests" in a folder of debugfs. It reads as a line for each guest that Trivet
 * has, and takes "start NAME", "stop NAME" and "restart NAME". Both are refused with EPERM in a
 * guest whose module line lacks manage=yes.
 */
void linux_guests_make_file(struct dentry *folder);

#endif
