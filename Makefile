# SPDX-License-Identifier: EUPL-1.2
# Draht: `make run` and `make test` are all a newcomer needs; `make help` lists the rest.
MAKEFLAGS += --no-builtin-rules
BUILD ?= build
CC ?= gcc
ifeq ($(CC),cc)
CC := gcc
endif
SAN ?= 0
FUZZ ?= 0

PKGS := libuv libwebsockets hiredis libcurl gmime-3.0 jansson libfyaml libsodium libcrypto
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lytnef -lm -ldl -lpthread

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Werror -Werror=vla
CFLAGS_BASE := -std=c17 -D_GNU_SOURCE -I. $(WARN) -fstack-protector-strong -fno-omit-frame-pointer -g
ifeq ($(SAN),1)
OBJ := $(BUILD)/san
CFLAGS_ALL := $(CFLAGS_BASE) -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined $(PKG_CFLAGS)
LDFLAGS_ALL := -fsanitize=address,undefined
else
OBJ := $(BUILD)/opt
CFLAGS_ALL := $(CFLAGS_BASE) -O2 -D_FORTIFY_SOURCE=2 $(PKG_CFLAGS)
LDFLAGS_ALL := -Wl,-z,relro,-z,now
endif

# Everything but main.c goes into one archive; programs and tests link what they use.
LIB_SRC := $(sort $(wildcard gateway/base/*.c config/*.c gateway/net/*.c router/*.c channels/*.c \
  channels/*/*.c gateway/api/*.c) $(filter-out gateway/main.c,$(wildcard gateway/*.c)))
GEN_SRC := $(patsubst %,$(BUILD)/gen/%.c,functions locales assets conformance skeletons)
LIB_OBJ := $(LIB_SRC:%.c=$(OBJ)/%.o) $(GEN_SRC:$(BUILD)/gen/%.c=$(OBJ)/gen/%.o)
LIB := $(OBJ)/libdraht.a
DRAHT := $(OBJ)/draht

.PHONY: all
all: $(DRAHT)

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"; $(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$(OBJ)/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	@echo "CC $<"; $(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$(LIB): $(LIB_OBJ)
	@rm -f $@
	@ar rcs $@ $^
$(DRAHT): $(OBJ)/gateway/main.o $(LIB)
	@echo "LD $@"; $(CC) $(LDFLAGS_ALL) -rdynamic $^ -o $@ $(PKG_LIBS)

# Files that the binary carries: Redis functions, locales, web assets.
$(BUILD)/gen/functions.c: tools/embed.js $(wildcard router/functions/*/*.lua)
	@mkdir -p $(@D)
	node tools/embed.js functions router/functions $@
$(BUILD)/gen/locales.c: tools/embed.js $(wildcard config/locales/*.yaml)
	@mkdir -p $(@D)
	node tools/embed.js locales config/locales $@
$(BUILD)/gen/conformance.c: tools/embed.js $(wildcard channels/*/conformance.yaml)
	@mkdir -p $(@D)
	node tools/embed.js conformance channels $@
$(BUILD)/gen/skeletons.c: tools/embed.js $(wildcard channels/skeleton/*/*)
	@mkdir -p $(@D)
	node tools/embed.js skeletons channels/skeleton $@
WEB_SRC := $(shell find gateway/web channels/webchat/widget -type f -not -path '*/node_modules/*' 2>/dev/null)
$(BUILD)/web/.stamp: tools/web.mjs package.json $(WEB_SRC) node_modules/.package-lock.json
	@mkdir -p $(BUILD)/web
	node tools/web.mjs $(BUILD)/web
	@touch $@
$(BUILD)/gen/assets.c: tools/embed.js $(BUILD)/web/.stamp
	@mkdir -p $(@D)
	node tools/embed.js assets $(BUILD)/web $@
node_modules/.package-lock.json: package.json
	npm install --ignore-scripts --include=dev --no-audit --no-fund --silent
	npm rebuild esbuild --silent >/dev/null 2>&1 || true
	@touch $@

# Unit tests: each tests/<area>/test_*.c is a Check program of its own, always sanitized.
TEST_SRC := $(sort $(wildcard tests/base/test_*.c tests/config/test_*.c tests/net/test_*.c tests/router/test_*.c \
  tests/channels/test_*.c tests/api/test_*.c tests/issues/test_*.c))
TEST_BIN := $(TEST_SRC:tests/%.c=$(BUILD)/san/tests/%)
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null)
$(BUILD)/san/tests/%: tests/%.c $(BUILD)/san/libdraht.a
	@mkdir -p $(@D)
	@echo "TEST $<"; $(CC) $(CFLAGS_ALL) $(ORACLE_CFLAGS) -Wno-missing-prototypes -MMD -MP $< -o $@ $(LDFLAGS_ALL) -rdynamic $(BUILD)/san/libdraht.a $(ORACLE_LIBS) $(CHECK_LIBS) $(PKG_LIBS)
# Another implementation of SMPP, for the one test that compares with it.
$(BUILD)/san/tests/channels/test_smpp_oracle: ORACLE_CFLAGS = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libsmpp34))
$(BUILD)/san/tests/channels/test_smpp_oracle: ORACLE_LIBS = $(shell pkg-config --libs libsmpp34)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- what people call ---------------------------------------------------------------------------
.PHONY: help run test test-peers packages packages-test unit system browser fault-short lint fmt strata tidy cppcheck \
  typescript fuzz fuzz-short fault bench install clean san web sizes san-programs
STATE ?= .local/state
CONF ?=
DEMO ?= 0
help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

packages:
	@tools/packages.sh build
packages-test:
	@tools/packages.sh build test
# pkg-config's answers are read when make starts, so whatever may install packages starts make anew.
run: packages ## installs what is missing, builds, starts Draht (STATE=folder, CONF=file, DEMO=1)
	@$(MAKE) --no-print-directory all
	@exec $(BUILD)/opt/draht run $(if $(CONF),-c $(CONF)) --state $(STATE) $(if $(filter 1,$(DEMO)),--demo)

test: packages-test ## installs what the tests need, runs unit, system, browser, fuzz and a short fault run
	@$(MAKE) --no-print-directory all san
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory system
	@$(MAKE) --no-print-directory browser
	@$(MAKE) --no-print-directory fuzz-short
	@$(MAKE) --no-print-directory fault-short

san:
	@$(MAKE) --no-print-directory SAN=1 build/san/draht san-programs
san-programs: $(TEST_BIN)

export ASAN_OPTIONS ?= detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS ?= suppressions=tests/lsan.supp:print_suppressions=0
unit: ## Check programs, sanitized
	@$(MAKE) --no-print-directory SAN=1 san-programs
	@tools/unit.sh $(TEST_BIN)
NODE_TEST = node --test --test-reporter=spec --test-timeout=1200000
system: ## the whole process with real peers
	$(NODE_TEST) --test-concurrency=2 $$(ls tests/system/*.test.js)
test-peers: packages-test ## real Synapse and GoToSocial, foreign Open311 clients; says loudly which peer could not be had
	@$(MAKE) --no-print-directory SAN=1 build/san/draht
	@tools/peers.sh
browser: ## Chromium: widget and inbox
	$(NODE_TEST) --test-concurrency=1 $$(ls tests/browser/*.test.js)

KILLS ?= 50
SEED ?= 0
fault-short:
	node tests/fault/fault.js --kills 6 --seed 7 --out $(BUILD)/fault-short.json
fault: packages-test ## kill, cut, fill: nothing is lost (KILLS=n SEED=n)
	@$(MAKE) --no-print-directory all
	node tests/fault/fault.js --kills $(KILLS) --seed $(SEED) --out $(BUILD)/fault.json
bench: packages-test ## measures side by side, writes build/bench.json and docs/benchmarks.md
	@$(MAKE) --no-print-directory all bench-programs
	node tests/bench/bench.js --out $(BUILD)/bench.json --table docs/benchmarks.md

BENCH_BIN := $(patsubst tests/bench/%.c,$(BUILD)/opt/bench/%,$(wildcard tests/bench/*.c))
.PHONY: bench-programs
bench-programs: $(BENCH_BIN)
$(BUILD)/opt/bench/%: tests/bench/%.c $(BUILD)/opt/libdraht.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Wno-missing-prototypes $< -o $@ $(LDFLAGS_ALL) $(BUILD)/opt/libdraht.a $(PKG_LIBS)

# Fuzzing: clang's libFuzzer over the same sources; the corpus is kept in the tree.
FUZZ_SECONDS ?= 60
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OBJ := $(LIB_SRC:%.c=$(BUILD)/fuzz/obj/%.o) $(GEN_SRC:$(BUILD)/gen/%.c=$(BUILD)/fuzz/obj/gen/%.o)
FUZZ_CFLAGS := $(CFLAGS_BASE) -O1 -fsanitize=address,undefined,fuzzer-no-link $(PKG_CFLAGS)
$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "CLANG $<"; clang $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/fuzz/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	@clang $(FUZZ_CFLAGS) -c $< -o $@
$(BUILD)/fuzz/libdraht.a: $(FUZZ_OBJ)
	@rm -f $@
	@ar rcs $@ $^
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/libdraht.a
	@echo "FUZZ $<"; clang $(FUZZ_CFLAGS) -Wno-missing-prototypes $< -fsanitize=fuzzer -o $@ $(BUILD)/fuzz/libdraht.a $(PKG_LIBS)
.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_BIN)
fuzz-short:
	@$(MAKE) --no-print-directory fuzz-programs
	@FUZZ_FIXED=20000 tools/fuzz.sh 5 $(FUZZ_BIN)
fuzz: packages-test ## fuzzes every parser (FUZZ_SECONDS each), keeps what it finds in build/fuzz
	@$(MAKE) --no-print-directory fuzz-programs
	@tools/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_BIN)

# Lint: strata, format, compilers, analysers, TypeScript. Sizes are guides and only printed.
C_ALL := $(filter-out channels/skeleton/%,$(shell git ls-files 'gateway/*.[ch]' 'config/*.[ch]' 'router/*.[ch]' 'channels/*.[ch]' 2>/dev/null))
lint: strata files-check fmt-check cppcheck tidy typescript sizes ## strata, format, clang, clang-tidy, cppcheck, TypeScript
strata:
	@awk -f tools/lint-strata.awk $(C_ALL) && echo "strata: every arrow points down"
.PHONY: fmt-check files-check
files-check:
	@node tools/files.js --check
fmt: ## formats the C sources
	clang-format -i $(C_ALL)
fmt-check:
	@clang-format --dry-run --Werror $(C_ALL) && echo "format: clean"
cppcheck:
	@cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 -I. \
	  --suppress=unknownMacro --suppress=nullPointerRedundantCheck --suppress=missingInclude --suppress=varFuncNullUB -j 2 $(filter %.c,$(C_ALL)) && echo "cppcheck: clean"
TIDY_STAMPS := $(patsubst %.c,$(BUILD)/tidy/%.ok,$(LIB_SRC) gateway/main.c)
$(BUILD)/tidy/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(filter-out -Werror%,$(CFLAGS_BASE)) $(PKG_CFLAGS) 2>/dev/null
	@clang $(CFLAGS_BASE) $(PKG_CFLAGS) -fsyntax-only $<
	@touch $@
.PHONY: tidy-all
tidy-all: $(TIDY_STAMPS)
tidy:
	@$(MAKE) --no-print-directory -j 2 tidy-all && echo "clang and clang-tidy: clean"
typescript: node_modules/.package-lock.json
	@npx --no-install tsc --noEmit -p . && echo "TypeScript: clean"
sizes:
	@tools/sizes.sh

PREFIX ?= /usr
install: all ## installs into DESTDIR: binary, unit, man page, completions, example configuration
	install -D -m 0755 $(DRAHT) $(DESTDIR)$(PREFIX)/bin/draht
	install -D -m 0755 channels/xmpp/draht-xmpp $(DESTDIR)$(PREFIX)/lib/draht/draht-xmpp
	install -d $(DESTDIR)$(PREFIX)/lib/draht/draht_xmpp
	install -m 0644 channels/xmpp/draht_xmpp/*.py $(DESTDIR)$(PREFIX)/lib/draht/draht_xmpp
	install -D -m 0644 docs/draht.service $(DESTDIR)/lib/systemd/system/draht.service
	install -D -m 0644 docs/draht.1 $(DESTDIR)$(PREFIX)/share/man/man1/draht.1
	install -D -m 0644 docs/completions/draht.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/draht
	test -e $(DESTDIR)/etc/draht/draht.yaml || install -D -m 0640 config/draht.yaml $(DESTDIR)/etc/draht/draht.yaml
	install -D -m 0644 channels/abi/draht_channel.h $(DESTDIR)$(PREFIX)/include/draht/draht_channel.h
clean:
	rm -rf $(BUILD)
