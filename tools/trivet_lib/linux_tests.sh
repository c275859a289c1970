# SPDX-License-Identifier: MIT
# What the words of trivet.test= do in the Linux test guest; init reads this file. Each check prints
# one line: "trivet-linux: PASS name detail" or the same with FAIL.

module=/lib/trivet_linux.ko
sleep_us=50000
idle_s=2
# The sums of what the workload makes: `seq 1 20000 | sha256sum`, `seq 1 2 20000 | sha256sum`.
sum_all=f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a
sum_odd=a822dfe3292a3c0f7f5e052561ecfbb8e5b3baa0751f23249df3d3f7b1ff3d27

# run_word WORD: an unknown one is a failure.
run_word() {
	case $1 in
	module | user | workload | idle) "test_$1" ;;
	reboot | panic | shell | poweroff) "end_$1" ;;
	*) report false word "$1 is unknown" ;;
	esac
}

# report true|false NAME DETAIL...
report() {
	local verdict=FAIL
	[ "$1" != true ] || verdict=PASS
	shift
	echo "trivet-linux: $verdict $*"
}

# check NAME DETAIL COMMAND...: passes if the command does.
check() {
	local name=$1 detail=$2
	shift 2
	if "$@"; then
		report true "$name" "$detail"
	else
		report false "$name" "$detail"
	fi
}

# said PATTERN: what the module's log has for the pattern's group.
said() {
	dmesg | sed -n "s/.*trivet_linux: $1.*/\1/p" | tail -n 1
}

# count VERDICT: how many lines of the module's log begin so.
count() {
	dmesg | grep -c "trivet_linux: $1 "
}

# The module checks the calls while it is loaded, and says each result in the kernel's log.
test_module() {
	local ping passed failed slept
	if ! insmod $module sleep_us=$sleep_us; then
		report false module "refused: $(said '\(no .*\)')"
		return
	fi
	ping=$(said 'ping \(0x[0-9a-f]*\)')
	passed=$(count PASS)
	failed=$(count FAIL)
	slept=$(said '.*slept \([0-9]*\) us')
	check module "ping=$ping passed=$passed failed=$failed" \
		[ "$passed" -gt 0 -a "$failed" -eq 0 ]
	check sleep "asked=${sleep_us}us slept=${slept}us" [ "$slept" -ge $sleep_us ]
	test_counters
	check unload "rmmod" rmmod trivet_linux
}

# A call more must be counted in the file: each reading of it is one.
test_counters() {
	local file=/sys/kernel/debug/trivet/counters before after
	mount -t debugfs debugfs /sys/kernel/debug
	before=$(sum_of_calls $file)
	after=$(sum_of_calls $file)
	grep '^cpu0 call' $file
	check counters "lines=$(wc -l <$file) calls=$before,$after" [ "$after" -gt "$before" ]
	umount /sys/kernel/debug
}

# Numbers, one a line, added up.
add_up() {
	awk '{ sum += $1 } END { print sum }'
}

sum_of_calls() {
	sed -n 's/^cpu[0-9]* call .* count=\([0-9]*\) .*/\1/p' "$1" | add_up
}

# VMCALL at CPL 3.
test_user() {
	local status
	vmcall-user find
	vmcall-user
	status=$?
	check user "status=$status" [ $status -eq 0 ]
}

test_workload() {
	mkdir -p /tmp/work
	cd /tmp/work || return
	workload_files
	workload_processes
	workload_signals
	cd /
	rm -r /tmp/work
}

sum() {
	sha256sum | cut -c 1-64
}

# Through files, a pipe with a program at each end, and a sort of what two processes wrote.
workload_files() {
	local copied piped sorted
	seq 1 20000 >all
	cp all copy
	copied=$(sum <copy)
	piped=$(gzip -c all | gunzip -c | sum)
	seq 1 2 20000 >odd &
	seq 2 2 20000 >even &
	wait
	sorted=$(sort -n odd even | sum)
	check files "sum=$copied" [ "$copied" = $sum_all ]
	check pipe "sum=$piped" [ "$piped" = $sum_all ]
	check sort "odd=$(sum <odd) sorted=$sorted" [ "$(sum <odd) $sorted" = "$sum_odd $sum_all" ]
}

# Forty children, eight at a time, each a program of its own.
workload_processes() {
	local round child total
	for round in 0 1 2 3 4; do
		for child in 1 2 3 4 5 6 7 8; do
			sh -c "expr $round \* 8 + $child >child-$round-$child" &
		done
		wait
	done
	total=$(cat child-* | add_up)
	check fork "children=40 total=$total" [ "$total" = 820 ]
}

workload_signals() {
	local child status
	sleep 1000 &
	child=$!
	kill -TERM $child
	wait $child
	status=$?
	check signal "status=$status" [ $status -eq 143 ]
}

# Nothing to run: the processor halts until a timer wakes it, and time goes on meanwhile.
test_idle() {
	local start slept_cs
	start=$(uptime_cs)
	sleep $idle_s
	slept_cs=$(($(uptime_cs) - start))
	check idle "asked=${idle_s}s slept=${slept_cs}0ms" \
		[ $slept_cs -ge $((idle_s * 100)) -a $slept_cs -lt $((idle_s * 200)) ]
}

uptime_cs() {
	cut -d ' ' -f 1 /proc/uptime | tr -d .
}

end_reboot() {
	echo "trivet-linux: reboot"
	reboot -f
}

end_panic() {
	echo "trivet-linux: panic"
	echo c >/proc/sysrq-trigger
}

# A session with a terminal of its own, so that ^C works.
end_shell() {
	# busybox's poweroff and reboot send process 1 a signal; a trap waits for no child.
	trap end_poweroff USR2
	trap end_reboot TERM
	setsid cttyhack sh </dev/console &
	wait $!
	trap - USR2 TERM
}

end_poweroff() {
	echo "trivet-linux: power-off"
	poweroff -f
}
