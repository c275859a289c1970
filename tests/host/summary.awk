# SPDX-License-Identifier: MIT
# Reads the outputs of cmocka test programs, each with a last line "exit status N". Shows the
# outputs that failed, then one line of totals. Exit status 1 if anything failed.

function close_file() {
	if (file == "") {
		return
	}
	lost = announced - ok - skipped_here
	if (lost < 0) {
		lost = 0
	}
	# A program that fails outside its tests, or has none, counts as one failed test.
	if (lost == 0 && (status != "0" || announced == 0)) {
		lost = 1
	}
	if (lost > 0) {
		printf "---- %s\n%s", file, text
	}
	passed += ok
	failed += lost
	skipped += skipped_here
}

FNR == 1 {
	close_file()
	file = FILENAME
	text = ""
	status = "none"
	announced = ok = skipped_here = 0
}

{
	text = text $0 "\n"
}

/^\[==========\] .*Running [0-9]+ test/ {
	match($0, /Running [0-9]+/)
	announced += substr($0, RSTART + 8, RLENGTH - 8)
}

/^\[       OK \] / {
	ok++
}

/^\[  SKIPPED \] [A-Za-z_]/ && !/test\(s\)/ {
	if (!(file SUBSEP $0 in seen)) {
		seen[file, $0] = 1
		skipped_here++
	}
}

/^exit status / {
	status = $3
}

END {
	close_file()
	printf "host: %d tests passed, %d failed", passed, failed
	if (skipped > 0) {
		printf ", %d skipped", skipped
	}
	printf "\n"
	exit failed > 0 || passed == 0
}
