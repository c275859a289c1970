# SPDX-License-Identifier: MIT
# Unit tests and fuzz targets, built natively from the very same .c files as the hypervisor.
# Included by the top Makefile; works alone too: make -f tests/host/host.mk host-test
#
#   host-test   builds and runs every tests/host/test_*.c (cmocka, ASan, UBSan), and what follows
#   tsan-test   builds and runs every tests/tsan/tsan_*.c (cmocka, ThreadSanitizer)
#   fuzz-build  builds every tests/fuzz/fuzz_*.c (libFuzzer, ASan, UBSan)
#   fuzz-run    runs each target FUZZ_RUNS times from a fixed seed
#   fuzz-long   runs each target for FUZZ_SECONDS and keeps what it finds under build/fuzz/corpus
#
# The comment "SOURCES: a.c b.c" at the head of a test names what it links besides the fakes.

.PHONY: host-test host-build tsan-test host-check-fake fuzz-build fuzz-run fuzz-long host-force
host-test:

HOST_CC ?= gcc
HOST_AR ?= ar
FUZZ_CC ?= clang
FUZZ_RUNS ?= 20000
FUZZ_SECONDS ?= 600
FUZZ_MAX_LEN ?= 4096
# By the clock, for one input, which takes milliseconds.
FUZZ_HANG_LIMIT ?= 120
# Seconds of processor time, which do not depend on what else runs; and for a test that hangs and
# takes none, seconds by the clock.
HOST_LIMIT ?= 300
HOST_HANG_LIMIT ?= 3600

HOST_BUILD := build/host
HOST_OBJ := $(HOST_BUILD)/obj
FUZZ_BUILD := build/fuzz
FUZZ_OBJ := $(FUZZ_BUILD)/obj
TSAN_CC ?= $(FUZZ_CC)
TSAN_BUILD := build/tsan
TSAN_OBJ := $(TSAN_BUILD)/obj

HOST_WARNINGS := -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wpointer-arith -Wcast-align
HOST_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_FLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -pipe $(HOST_WARNINGS) \
	-I tests/host/fake -I. -MMD -MP

# What nearly all link: the fakes, and what is checked in builds with DEBUG=1.
HOST_FAKES := $(patsubst %.c,%,$(sort $(wildcard tests/host/fake/*.c))) \
	cpu/spinlock vmx/current_vmcs
HOST_TESTS := $(patsubst tests/host/%.c,%,$(sort $(wildcard tests/host/test_*.c)))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TSAN_TESTS := $(patsubst tests/tsan/%.c,%,$(sort $(wildcard tests/tsan/tsan_*.c)))
TSAN_BINARIES := $(addprefix $(TSAN_BUILD)/,$(TSAN_TESTS))
TSAN_OUTPUTS := $(addsuffix .out,$(TSAN_BINARIES))
HOST_BINARIES := $(addprefix $(HOST_BUILD)/,$(HOST_TESTS))
HOST_OUTPUTS := $(addsuffix .out,$(HOST_BINARIES))
FUZZ_BINARIES := $(addprefix $(FUZZ_BUILD)/,$(FUZZ_TARGETS))

# $(call host_sources,FILE): the words of the SOURCES comment, which may span lines.
host_sources = $(shell awk '/SOURCES:/ { on = 1; sub(/.*SOURCES:/, "") } \
	on { end = /\*\//; sub(/\*\/.*/, ""); gsub(/\*/, ""); print; if (end) exit } \
	END { if (!on) print "missing-SOURCES-comment-in-$(1)" }' $(1))

# $(call host_test_rule,NAME): how build/host/NAME is linked.
define host_test_rule
$$(HOST_BUILD)/$(1): $$(HOST_OBJ)/tests/host/$(1).o \
	$$(patsubst %.c,$$(HOST_OBJ)/%.o,$(call host_sources,tests/host/$(1).c)) \
	$$(HOST_BUILD)/libfake.a
endef

define fuzz_target_rule
$$(FUZZ_BUILD)/$(1): $$(FUZZ_OBJ)/tests/fuzz/$(1).o \
	$$(patsubst %.c,$$(FUZZ_OBJ)/%.o,$(call host_sources,tests/fuzz/$(1).c)) \
	$$(FUZZ_BUILD)/libfake.a
endef

# No archive of fakes: each test names what it takes.
define tsan_test_rule
$$(TSAN_BUILD)/$(1): $$(TSAN_OBJ)/tests/tsan/$(1).o \
	$$(patsubst %.c,$$(TSAN_OBJ)/%.o,$(call host_sources,tests/tsan/$(1).c))
endef

$(foreach name,$(HOST_TESTS),$(eval $(call host_test_rule,$(name))))
$(foreach name,$(FUZZ_TARGETS),$(eval $(call fuzz_target_rule,$(name))))

$(foreach name,$(TSAN_TESTS),$(eval $(call tsan_test_rule,$(name))))

$(HOST_BINARIES):
	@echo "  HOSTLD  $@"
	@$(HOST_CC) $(HOST_SANITIZE) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka

$(FUZZ_BINARIES):
	@echo "  FUZZLD  $@"
	@$(FUZZ_CC) $(HOST_SANITIZE) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(HOST_OBJ)/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@echo "  HOSTCC  $<"
	@$(HOST_CC) $(HOST_FLAGS) $(HOST_SANITIZE) -c -o $@ $<

$(FUZZ_OBJ)/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@echo "  FUZZCC  $<"
	@$(FUZZ_CC) $(HOST_FLAGS) $(HOST_SANITIZE) -fsanitize=fuzzer-no-link -c -o $@ $<

$(TSAN_BINARIES):
	@echo "  TSANLD  $@"
	@$(TSAN_CC) -fsanitize=thread -o $@ $(filter %.o,$^) -lcmocka -lpthread

$(TSAN_OBJ)/%.o: %.c tests/host/host.mk
	@mkdir -p $(@D)
	@echo "  TSANCC  $<"
	@$(TSAN_CC) $(HOST_FLAGS) -fsanitize=thread -c -o $@ $<

# An archive, so that a test that links or defines the real thing does not get the fake of it.
$(HOST_BUILD)/libfake.a: $(patsubst %,$(HOST_OBJ)/%.o,$(HOST_FAKES))
	@rm -f $@ && $(HOST_AR) rcs $@ $^

$(FUZZ_BUILD)/libfake.a: $(patsubst %,$(FUZZ_OBJ)/%.o,$(HOST_FAKES))
	@rm -f $@ && $(HOST_AR) rcs $@ $^

.SECONDARY: $(patsubst %,$(TSAN_OBJ)/tests/tsan/%.o,$(TSAN_TESTS)) \
	$(patsubst %,$(HOST_OBJ)/tests/host/%.o,$(HOST_TESTS)) \
	$(patsubst %,$(FUZZ_OBJ)/tests/fuzz/%.o,$(FUZZ_TARGETS))

host-build: $(HOST_BINARIES)

# Tests run each time. A run's output ends with its exit status, for the summary; a failing test
# must not stop the others.
$(HOST_OUTPUTS): $(HOST_BUILD)/%.out: $(HOST_BUILD)/% host-force
	@ulimit -t $(HOST_LIMIT); timeout $(HOST_HANG_LIMIT) $< >$@ 2>&1; \
	echo "exit status $$?" >>$@

# The sanitizer wants its addresses where it expects them; a container may not be allowed that.
TSAN_RUN := $(shell setarch -R true 2>/dev/null && echo setarch -R)
$(TSAN_OUTPUTS): $(TSAN_BUILD)/%.out: $(TSAN_BUILD)/% host-force
	@ulimit -t $(HOST_LIMIT); timeout $(HOST_HANG_LIMIT) $(TSAN_RUN) $< >$@ 2>&1; \
	echo "exit status $$?" >>$@

host-test: host-check-fake $(HOST_OUTPUTS) $(TSAN_OUTPUTS)
	@awk -f tests/host/summary.awk $(HOST_OUTPUTS) $(TSAN_OUTPUTS)

tsan-test: $(TSAN_OUTPUTS)
	@awk -f tests/host/summary.awk $(TSAN_OUTPUTS)

# The fake has each function of cpu/insn.h and no other.
host-check-fake:
	@mkdir -p $(HOST_BUILD)
	@for file in cpu/insn.h tests/host/fake/cpu/insn.h; do \
		names=$(HOST_BUILD)/$$(echo $$file | tr / _).names; \
		grep -o '\<insn_[a-z0-9_]*(' $$file | sort -u >$$names; \
	done
	@diff -u --label cpu/insn.h --label tests/host/fake/cpu/insn.h \
		$(HOST_BUILD)/cpu_insn.h.names $(HOST_BUILD)/tests_host_fake_cpu_insn.h.names

# For `make bench`: the exit path on the fake CPU, with every VMREAD and VMWRITE counted. The
# firmware's tables, which no exit needs, have a part in assembly.
COUNT_VMCS_ACCESSES := $(HOST_BUILD)/count_vmcs_accesses
MAP_CALL_WRITES := $(HOST_BUILD)/map_call_writes
EXIT_PATH_SOURCES := $(wildcard exits/*.c hypercall/*.c devices/*.c) \
	$(filter-out vm/asm_offsets.c vm/guest_firmware.c,$(wildcard vm/*.c)) $(wildcard vmx/*.c) \
	$(filter-out lib/string.c,$(wildcard lib/*.c)) cpu/page_alloc.c cpu/page_ranges.c \
	cpu/tsc.c cpu/wall_clock.c cpu/host_timer.c cpu/local_apic.c
EXIT_PATH_STAND_INS := tests/bench/stand_ins.c

$(COUNT_VMCS_ACCESSES) $(MAP_CALL_WRITES): $(HOST_BUILD)/%: tests/bench/%.c $(EXIT_PATH_SOURCES) \
		$(EXIT_PATH_STAND_INS) $(HOST_BUILD)/libfake.a
	@mkdir -p $(@D)
	@$(HOST_CC) -std=gnu11 -O1 -g $(HOST_WARNINGS) -I tests/host/fake -I. -o $@ \
		$< $(EXIT_PATH_SOURCES) $(EXIT_PATH_STAND_INS) $(HOST_BUILD)/libfake.a \
		$(HOST_SANITIZE) -lcmocka

# For tests/system: a guest's ACPI tables, and a Linux guest's memory, as bytes.
HOST_PROGRAMS := dump_acpi_tables place_linux
$(foreach name,$(HOST_PROGRAMS),$(eval $(call host_test_rule,$(name))))
$(addprefix $(HOST_BUILD)/,$(HOST_PROGRAMS)):
	@echo "  HOSTLD  $@"
	@$(HOST_CC) $(HOST_SANITIZE) -o $@ $(filter %.o,$^)

fuzz-build: $(FUZZ_BINARIES)

# $(call fuzz_command,NAME,CORPUS,OPTIONS): one run, its output shown only if it fails.
fuzz_command = mkdir -p $(2) && if ! $(FUZZ_BUILD)/$(1) -seed=1 -max_len=$(FUZZ_MAX_LEN) \
	-timeout=$(FUZZ_HANG_LIMIT) -rss_limit_mb=1024 \
	-artifact_prefix=$(FUZZ_BUILD)/$(1)- $(3) $(2) \
	$(wildcard tests/fuzz/corpus/$(1)) >$(FUZZ_BUILD)/$(1).log 2>&1; \
	then cat $(FUZZ_BUILD)/$(1).log; echo "fuzz: $(1) failed"; exit 1; fi; \
	echo "fuzz: $(1): $$(grep '^Done ' $(FUZZ_BUILD)/$(1).log)"

FUZZ_RUN_GOALS := $(addprefix fuzz-run-,$(FUZZ_TARGETS))
FUZZ_LONG_GOALS := $(addprefix fuzz-long-,$(FUZZ_TARGETS))
.PHONY: $(FUZZ_RUN_GOALS) $(FUZZ_LONG_GOALS)

# From an empty corpus, so that each run is the same.
$(FUZZ_RUN_GOALS): fuzz-run-%: $(FUZZ_BUILD)/%
	@rm -rf $(FUZZ_BUILD)/run/$*
	@$(call fuzz_command,$*,$(FUZZ_BUILD)/run/$*,-runs=$(FUZZ_RUNS))

$(FUZZ_LONG_GOALS): fuzz-long-%: $(FUZZ_BUILD)/%
	@$(call fuzz_command,$*,$(FUZZ_BUILD)/corpus/$*,-max_total_time=$(FUZZ_SECONDS))

fuzz-run: $(FUZZ_RUN_GOALS)
fuzz-long: $(FUZZ_LONG_GOALS)

-include $(shell find $(HOST_OBJ) $(FUZZ_OBJ) $(TSAN_OBJ) -name '*.d' 2>/dev/null)
