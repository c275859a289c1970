#!/bin/sh
# SPDX-License-Identifier: MIT
# Process 1 of the Linux test guest. Words of Linux's command line say what it does:
#   trivet.test=WORD,WORD...  each word is a function test_WORD or end_WORD of linux_tests.sh
#   trivet_run="COMMAND"      runs the command; Linux makes such a word into a variable
# Without any there is a shell. Powers off at the end.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "trivet-linux: ready kernel=$(uname -r) cpus=$(nproc)"
. /lib/linux_tests.sh
words=$(sed -n 's/.*trivet\.test=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
if [ -n "$trivet_run" ]; then
	sh -c "$trivet_run"
	echo "trivet-linux: command ended status=$?"
elif [ -n "$words" ]; then
	for word in $words; do
		run_word "$word"
	done
else
	end_shell
fi
end_poweroff
