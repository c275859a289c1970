#!/bin/sh
# SPDX-License-Identifier: MIT
# Process 1 of the Linux test guest. Linux makes words of its command line that it does not know
# into variables: trivet_run="COMMAND" is run instead of a shell. Powers off at the end.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "trivet-linux: ready kernel=$(uname -r) cpus=$(nproc)"
if [ -n "$trivet_run" ]; then
	sh -c "$trivet_run"
	echo "trivet-linux: command ended status=$?"
else
	# A session with a terminal of its own, so that ^C works.
	setsid cttyhack sh
fi
echo "trivet-linux: power-off"
poweroff -f
