# Tarn's build. `make` alone prints what there is. Everything that is built goes to build/.

BUILD := build
CROSS ?= $(if $(shell command -v x86_64-elf-gcc),x86_64-elf-,x86_64-linux-gnu-)
CC := $(CROSS)gcc
LD := $(CROSS)ld
NM := $(CROSS)nm
PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(JOBS)
endif

FOLDERS := boot kernel mm executive wdf drivers monitor tests
SOURCES := $(sort $(filter-out tests/host/%,$(foreach d,$(FOLDERS),$(shell find $(d) -name '*.[cS]' 2>/dev/null))))
OBJECTS := $(SOURCES:%=$(BUILD)/obj/%.o)
ELF := $(BUILD)/tarn.elf

WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla -Wundef \
    -Wpointer-arith -Wwrite-strings -Wold-style-definition -Wtrampolines -Wno-multichar \
    -Wno-deprecated-declarations
CFLAGS := -std=gnu17 -O2 -g -ffreestanding -fno-builtin-printf -mno-red-zone -mgeneral-regs-only \
    -mcmodel=kernel -fno-pic -fno-pie -fno-omit-frame-pointer -fno-optimize-sibling-calls \
    -fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none -fno-common \
    -fno-strict-aliasing -fshort-wchar -mms-bitfields -ffunction-sections \
    -maccumulate-outgoing-args \
    -ffile-prefix-map=$(CURDIR)=. $(WARNINGS) -Iinclude -I.
LDFLAGS := -nostdlib -static -z max-page-size=0x1000 -z noexecstack --build-id=none \
    --fatal-warnings -T linker.ld

ifeq ($(V),1)
say =
quiet =
else
say = @printf '  %-6s %s\n' '$(1)' '$(2)';
quiet = @
endif

SECONDS ?= 1800

.PHONY: help all run test soak bench debug lint iso clean conformance host-tests fuzzers compare setup-build setup-run setup-test setup-lint \
    model setup-model
.DEFAULT_GOAL := help

help:
	@echo 'make run          build, boot and stop at the monitor prompt (Ctrl-A X leaves)'
	@echo 'make test         build and run every test; the last line is the verdict'
	@echo 'make soak         fuzzers, storms, all scenarios for SECONDS=1800; prints seeds and totals'
	@echo 'make bench        guest instructions of the hot paths, into build/bench.tsv'
	@echo 'make compare      the pools on the host next to malloc, jemalloc and mimalloc (callgrind)'
	@echo 'make debug        gdb on the kernel, stopped at its entry'
	@echo 'make all          the kernel: build/tarn.elf'
	@echo 'make iso          a GRUB image for BIOS and UEFI: build/tarn.iso'
	@echo 'make lint         format, floors, sizes, cppcheck'
	@echo 'make conformance  every sentence of the specification against the tests that ran'
	@echo 'make model        spin on the models of the dispatcher and of TLB flushes (tests/model)'
	@echo 'make clean        remove build/'
	@echo 'CROSS=prefix- chooses a toolchain, V=1 shows the commands'

all: setup-build $(ELF)

setup-build setup-run setup-test setup-lint setup-model: setup-%:
	@tools/setup $*

run: all setup-run
	@tools/tarn run $(ARGS)

test: all setup-test host-tests
	@tools/tarn prove $(ARGS)

soak: all setup-test setup-model host-tests fuzzers
	@tools/tarn soak $(SECONDS) $(ARGS)

bench: all setup-run
	@tools/tarn bench $(ARGS)

debug: all setup-test
	@tools/tarn debug $(ARGS)

iso: all setup-test
	@tools/tarn iso $(ARGS)

lint: setup-lint
	@tools/lint

conformance: all
	@tools/conformance

model: setup-model
	@tests/model/check

clean:
	@rm -rf $(BUILD)

# The list of sources is an input too: a file that goes away must relink.
$(BUILD)/sources.list: FORCE
	@mkdir -p $(BUILD)
	@echo '$(SOURCES) $(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(SOURCES) $(CC) $(CFLAGS)' > $@
.PHONY: FORCE

$(BUILD)/obj/%.c.o: %.c $(BUILD)/sources.list | setup-build
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.S.o: %.S $(BUILD)/sources.list | setup-build
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# Linked twice: the second time with the table of the first one's symbols, for readable bug checks.
$(BUILD)/pass1.elf: $(OBJECTS) $(BUILD)/empty.ksyms.o linker.ld
	$(call say,LD,$@)$(LD) $(LDFLAGS) $(OBJECTS) $(BUILD)/empty.ksyms.o -o $@

$(BUILD)/empty.ksyms.S: tools/ksyms.py | setup-build
	@mkdir -p $(BUILD)
	$(quiet)$(PYTHON) tools/ksyms.py < /dev/null > $@

$(BUILD)/full.ksyms.S: $(BUILD)/pass1.elf tools/ksyms.py
	$(quiet)$(NM) -n $< | $(PYTHON) tools/ksyms.py > $@

$(BUILD)/%.ksyms.o: $(BUILD)/%.ksyms.S
	$(quiet)$(CC) -c $< -o $@

$(ELF): $(OBJECTS) $(BUILD)/full.ksyms.o linker.ld
	$(call say,LD,$@)$(LD) $(LDFLAGS) $(OBJECTS) $(BUILD)/full.ksyms.o -o $@
	@$(NM) $@ | $(PYTHON) tools/kmdf.py

# The cores that also compile for Linux: each tests/host/X_test.c names its sources in its first lines.
HOST_TESTS := $(patsubst tests/host/%.c,$(BUILD)/host/%,$(wildcard tests/host/*_test.c))
HOST_CFLAGS := -std=gnu17 -g -O1 -fshort-wchar -mms-bitfields -fno-strict-aliasing \
    -no-pie -fno-pie -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Werror -Wno-multichar -Wno-deprecated-declarations -DTARN_HOST -Iinclude -I.
HOST_HEADERS := $(wildcard $(addsuffix /*.h,include boot kernel/* mm mm/pool executive/* wdf tests tests/host))
host_sources = $(wildcard $(shell sed -n 's|^/\* sources: \(.*\) \*/$$|\1|p' tests/host/$(1).c))

host-tests: setup-test $(HOST_TESTS)

# Fuzzers for who has clang: tests/host/X_fuzz.c names its sources in the same way. Only what is
# the kernel's own counts as covered. The same model without sanitizers does most operations.
FUZZERS := $(if $(shell command -v clang),$(patsubst tests/host/%.c,$(BUILD)/fuzz/%,$(wildcard tests/host/*_fuzz.c)))
FUZZ_CFLAGS := $(filter-out -mms-bitfields -no-pie -O1 -Werror,$(HOST_CFLAGS)) -O2 -Wno-unknown-attributes
fuzz_sources = $(wildcard $(shell sed -n 's|^/\* sources: \(.*\) \*/$$|\1|p' tests/host/$(1).c) tests/host/$(1).c)

fuzzers: $(FUZZERS) $(BUILD)/fuzz/pool_model
	@$(if $(FUZZERS),,echo 'fuzzers: skipped, there is no clang')

.SECONDEXPANSION:
$(BUILD)/host/%_test: tests/host/%_test.c $$(call host_sources,$$*_test) $(HOST_HEADERS) | setup-test
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)gcc $(HOST_CFLAGS) -o $@ $(filter %.c %.S,$^)

$(BUILD)/fuzz/obj/tests/%.c.o: FUZZ_COVERAGE :=
$(BUILD)/fuzz/obj/%.c.o: FUZZ_COVERAGE := -fsanitize-coverage=inline-8bit-counters,pc-table
$(BUILD)/fuzz/obj/%.c.o: %.c $(HOST_HEADERS)
	@mkdir -p $(@D)
	$(call say,CLANG,$<)clang $(FUZZ_CFLAGS) $(FUZZ_COVERAGE) -c $< -o $@

$(BUILD)/fuzz/obj/%.S.o: %.S $(HOST_HEADERS)
	@mkdir -p $(@D)
	$(call say,CLANG,$<)clang $(FUZZ_CFLAGS) -c $< -o $@

$(BUILD)/fuzz/%_fuzz: $$(addprefix $(BUILD)/fuzz/obj/,$$(addsuffix .o,$$(call fuzz_sources,$$*_fuzz)))
	$(call say,CLANG,$@)clang -no-pie -fsanitize=fuzzer,address,undefined $^ -o $@

$(BUILD)/fuzz/pool_model: tests/host/pool_model_test.c $(call host_sources,pool_model_test) $(HOST_HEADERS)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)gcc $(filter-out -fsanitize% -fno-sanitize% -O1,$(HOST_CFLAGS)) -O2 -o $@ $(filter %.c %.S,$^)

# The workloads of make bench around the pools on the host and around malloc; needs valgrind.
COMPARE := $(if $(wildcard /usr/include/valgrind/callgrind.h),$(addprefix $(BUILD)/compare/,pool malloc null))
COMPARE_CFLAGS := $(filter-out -fsanitize% -fno-sanitize% -O1,$(HOST_CFLAGS)) -O2
compare_pool_sources = $(filter-out tests/host/pool_check.c tests/host/pool_model.c,$(call host_sources,pool_model_test))

compare: setup-test $(COMPARE)
	@tools/compare

$(BUILD)/compare/pool: tests/host/compare.c $(compare_pool_sources) $(HOST_HEADERS)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)gcc $(COMPARE_CFLAGS) -DCOMPARE_POOL -o $@ $(filter %.c %.S,$^)

$(BUILD)/compare/malloc $(BUILD)/compare/null: tests/host/compare.c
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)gcc -std=gnu17 -O2 -fno-builtin -Wall -Wextra -Werror \
	    $(if $(filter %null,$@),-DCOMPARE_NULL) -o $@ $<

.SECONDARY:
.DELETE_ON_ERROR:
-include $(OBJECTS:.o=.d)
