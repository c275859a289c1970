/* SPDX-License-Identifier: MIT */
/* The file in debugfs by which one guest lists, starts, stops and restarts others. */
#include "guest/linux-module/linux_guests.h"

#include "guest/trivet_guest.h"

#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/* As many guests as Trivet has at most. */
#define GUESTS_ROOM 96
/* "restart", a blank, a name with its NUL, a line's end. */
#define COMMAND_ROOM (7 + 1 + TRIVET_GUEST_NAME_BYTES + 1)

static const struct {
	const char *word;
	uint32_t operation;
} operations[] = {
	{"start", TRIVET_GUEST_START},
	{"stop", TRIVET_GUEST_STOP},
	{"restart", TRIVET_GUEST_RESTART},
};

static void print_guest(struct seq_file *file, const struct trivet_guest_info *guest)
{
	seq_printf(file, "%s %s vcpus=%u weight=%u restarts=%u ran_ms=%llu waited_ms=%llu%s\n",
		guest->name, guest->state == TRIVET_GUEST_RUNNING ? "runs" : "stopped",
		guest->vcpu_count, guest->weight, guest->restart_count,
		guest->run_ns / NSEC_PER_MSEC, guest->wait_ns / NSEC_PER_MSEC,
		(guest->flags & TRIVET_GUEST_FLAG_CALLER) != 0 ? " caller" : "");
}

static int guests_show(struct seq_file *file, void *data)
{
	struct trivet_guest_info *guests = kcalloc(GUESTS_ROOM, sizeof(*guests), GFP_KERNEL);
	intptr_t count;
	intptr_t i;

	if (guests == NULL) {
		return -ENOMEM;
	}
	count = trivet_guest_list(virt_to_phys(guests), GUESTS_ROOM);
	for (i = 0; i < min_t(intptr_t, count, GUESTS_ROOM); i++) {
		print_guest(file, &guests[i]);
	}
	kfree(guests);
	return count < 0 ? (int)count : 0;
}

static int guests_open(struct inode *inode, struct file *file)
{
	return single_open(file, guests_show, NULL);
}

/* The call's errors have Linux's numbers, but for -TRIVET_ENOSYS. */
static int control(const char *word, const char *name)
{
	char *copy;
	intptr_t result = -EINVAL;
	size_t i;

	if (strlen(name) >= TRIVET_GUEST_NAME_BYTES) {
		return -ENOENT;
	}
	/* The call takes a guest-physical address: that of the stack may not be known. */
	copy = kzalloc(TRIVET_GUEST_NAME_BYTES, GFP_KERNEL);
	if (copy == NULL) {
		return -ENOMEM;
	}
	strscpy(copy, name, TRIVET_GUEST_NAME_BYTES);
	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		if (strcmp(word, operations[i].word) == 0) {
			result = trivet_guest_control(operations[i].operation, virt_to_phys(copy));
		}
	}
	kfree(copy);
	return result == -TRIVET_ENOSYS ? -ENOSYS : (int)result;
}

static ssize_t guests_write(
	struct file *file, const char __user *text, size_t size_bytes, loff_t *offset)
{
	char command[COMMAND_ROOM] = {0};
	char *name;
	int result;

	if (size_bytes >= sizeof(command)) {
		return -EINVAL;
	}
	if (copy_from_user(command, text, size_bytes) != 0) {
		return -EFAULT;
	}
	name = strchr(strim(command), ' ');
	if (name == NULL) {
		return -EINVAL;
	}
	*name++ = '\0';
	result = control(command, name);
	return result < 0 ? result : (ssize_t)size_bytes;
}

static const struct file_operations guests_operations = {
	.owner = THIS_MODULE,
	.open = guests_open,
	.read = seq_read,
	.write = guests_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void linux_guests_make_file(struct dentry *folder)
{
	debugfs_create_file("guests", 0600, folder, NULL, &guests_operations);
}
