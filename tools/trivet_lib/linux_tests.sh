# SPDX-License-Identifier: MIT
# What the words of trivet.test= do in the Linux test guest; init reads this file. Each check prints
# one line: "trivet-linux: PASS name detail" or the same with FAIL.

module=/lib/trivet_linux.ko
spin_module=/lib/trivet_spin.ko
sleep_us=50000
idle_s=2
# How often another guest must have been restarted before it is stopped, and how long that may take
# at most: an emulated boot takes long.
neighbour_restarts=2
neighbours_limit_s=1200
# The sums of what the workload makes: `seq 1 20000 | sha256sum`, `seq 1 2 20000 | sha256sum`.
sum_all=f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a
sum_odd=a822dfe3292a3c0f7f5e052561ecfbb8e5b3baa0751f23249df3d3f7b1ff3d27

# Words of Linux's command line that the tests below look at.
processors_word=trivet.cpus
seconds_word=trivet.seconds
rounds_word=trivet.rounds

# run_word WORD: an unknown one is a failure.
run_word() {
	case $1 in
	module | user | workload | idle | neighbours) "test_$1" ;;
	smp | locks | steal | sum) "test_$1" ;;
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

# said PATTERN [MODULE]: what the module's log has for the pattern's group.
said() {
	dmesg | sed -n "s/.*${2:-trivet_linux}: $1.*/\1/p" | tail -n 1
}

# count VERDICT [MODULE]: how many lines of the module's log begin so.
count() {
	dmesg | grep -c "${2:-trivet_linux}: $1 "
}

# word_value WORD DEFAULT: what stands behind WORD= in Linux's command line.
word_value() {
	local value
	value=$(sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline)
	echo "${value:-$2}"
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

# For a guest with manage=yes: computes until each other guest that runs was restarted often enough,
# and stops them.
test_neighbours() {
	local file=/sys/kernel/debug/trivet/guests start fewest name rounds=0 wrong=0
	start=$(uptime_cs)
	insmod $module
	mount -t debugfs debugfs /sys/kernel/debug
	fewest=$(fewest_restarts $file)
	while [ "${fewest:-$neighbour_restarts}" -lt $neighbour_restarts ] &&
		[ $(($(uptime_cs) - start)) -lt $((neighbours_limit_s * 100)) ]; do
		[ "$(seq 1 20000 | sum)" = $sum_all ] || wrong=$((wrong + 1))
		rounds=$((rounds + 1))
		sleep 1
		fewest=$(fewest_restarts $file)
	done
	cat $file
	check computed "rounds=$rounds wrong=$wrong" [ $rounds -gt 0 -a $wrong -eq 0 ]
	check neighbours "restarts=$fewest" [ "${fewest:-0}" -ge $neighbour_restarts ]
	for name in $(sed -n '/ caller$/!s/ runs .*//p' $file); do
		check stop "$name" stop_guest $file "$name"
	done
	umount /sys/kernel/debug
	rmmod trivet_linux
}

# fewest_restarts FILE: of the other guests that run; nothing if none does.
fewest_restarts() {
	sed -n '/ caller$/!s/^[^ ]* runs .* restarts=\([0-9]*\) .*/\1/p' "$1" | sort -n | head -n 1
}

# stop_guest FILE NAME: fails if it still runs a while later.
stop_guest() {
	local try
	echo "stop $2" >"$1"
	for try in 1 2 3 4 5 6 7 8 9 10; do
		! grep -q "^$2 stopped" "$1" || return 0
		sleep 1
	done
	return 1
}

uptime_cs() {
	cut -d ' ' -f 1 /proc/uptime | tr -d .
}

# Every processor that the guest was given works, by the ways that Linux has under KVM.
test_smp() {
	local found wanted
	found=$(processors)
	wanted=$(word_value $processors_word "$found")
	check processors "found=$found wanted=$wanted" [ "$found" -eq "$wanted" ]
	check online "$(cat /sys/devices/system/cpu/online)" \
		[ "$(grep -c '^cpu[0-9]' /proc/stat)" -eq "$wanted" ]
	smp_paravirt "$found"
	smp_work "$found"
	[ "$found" -eq 1 ] || smp_offline $((found - 1))
}

processors() {
	grep -c '^processor' /proc/cpuinfo
}

# smp_paravirt COUNT: what Linux says once of KVM's ways; a bare machine has none.
smp_paravirt() {
	if ! dmesg | grep -q 'Hypervisor detected: KVM'; then
		check paravirt "none: no KVM here" [ -z "$(dmesg | grep 'kvm-guest:')" ]
	elif [ "$1" -eq 1 ]; then
		smp_says spinlocks 'PV spinlocks disabled, single CPU'
	else
		if grep -qw nopvspin /proc/cmdline; then
			smp_says spinlocks 'PV spinlocks disabled, forced by "nopvspin" parameter'
		else
			smp_says spinlocks 'PV spinlocks enabled'
		fi
		smp_says ipis 'setup PV IPIs'
		smp_says yield 'setup PV sched yield'
		smp_says tlb-flush 'KVM setup pv remote TLB flush'
	fi
}

smp_says() {
	check "$1" "$2" [ -n "$(dmesg | grep "kvm-guest: $2")" ]
}

# smp_work COUNT: a program on each processor at once, and from each to the next through a pipe.
smp_work() {
	local cpu right=0 sum
	mkdir -p /tmp/smp
	for cpu in $(seq 0 $(($1 - 1))); do
		taskset -c "$cpu" seq 1 20000 | taskset -c $(((cpu + 1) % $1)) sha256sum \
			>"/tmp/smp/$cpu" &
	done
	wait
	for cpu in $(seq 0 $(($1 - 1))); do
		sum=$(cut -c 1-64 "/tmp/smp/$cpu")
		[ "$sum" != $sum_all ] || right=$((right + 1))
	done
	rm -r /tmp/smp
	check work "processors=$1 right=$right" [ "$right" -eq "$1" ]
}

# smp_offline CPU: takes it away and starts it anew.
smp_offline() {
	local file=/sys/devices/system/cpu/cpu$1/online before after
	before=$(processors)
	echo 0 >"$file"
	after=$(processors)
	check offline "cpu=$1 processors=$before,$after" [ "$after" -eq $((before - 1)) ]
	echo 1 >"$file"
	after=$(processors)
	check online-again "cpu=$1 processors=$after" [ "$after" -eq "$before" ]
	check work-again "cpu=$1" taskset -c "$1" true
}

# Locks under torture, the kernel's and those of programs, each for some seconds.
test_locks() {
	local seconds output passed failed
	seconds=$(word_value $seconds_word 2)
	output=$(linux_locks "$seconds")
	echo "$output"
	check futex "${output##*futex }" [ "${output##*PASS futex}" != "$output" ]
	if ! insmod $spin_module run_ms=$((seconds * 1000)); then
		report false spin "no module"
		return
	fi
	passed=$(count PASS trivet_spin)
	failed=$(count FAIL trivet_spin)
	check spin "passed=$passed failed=$failed $(said '\(rounds.*\)' trivet_spin)" \
		[ "$passed" -gt 0 -a "$failed" -eq 0 ]
	echo "trivet-linux: locks $(said '\(calls of the run.*\|no calls.*\)' trivet_spin)"
	rmmod trivet_spin
}

# The time that each processor was ready and did not run, in hundredths of a second: the eighth
# number of its line.
test_steal() {
	local lines
	lines=$(awk '/^cpu[0-9]/ { printf "%s%s=%s", gap, $1, $9; gap = " " }' /proc/stat)
	check steal "$lines" [ -n "$lines" ]
}

test_sum() {
	check sum "rounds=$(word_value $rounds_word 100)" linux_sum "$(word_value $rounds_word 100)"
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
