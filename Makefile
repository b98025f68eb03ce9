# SPDX-License-Identifier: MIT
# socketserver and http.server for C: how it is built, tested and installed.
# `make help` lists the targets. Sources are found by wildcard: a new file needs no line here.

VERSION   := 0.1.0
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

BUILD  ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
OBJCOPY ?= objcopy
PYTHON ?= /usr/bin/python3

# make's own default is "cc" and "ar"; keep any choice of the user's.
ifeq ($(origin CC),default)
CC := gcc
endif

MAKEFLAGS += --no-builtin-rules
# All processors, unless -j is given. A sub-make shares its parent's.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif
.DELETE_ON_ERROR:
.SECONDARY:

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(Q),@printf '  %-5s %s\n' '$(1)' '$(2)')

# ---- packages -------------------------------------------------------------------------------------------------
# What `make deps` installs depends on the other goals of its line: who only serves gets no test tool.

# libllhttp where the system has it, else the sources that Debian 12 ships in node-llhttp
HAVE_LIBLLHTTP := $(shell pkg-config --exists libllhttp 2>/dev/null && echo yes)
LLHTTP_DIR     := /usr/share/llhttp
# Libraries that switch a feature on where they are, by pkg-config's names: content codings. WITHOUT= leaves some out.
OPTIONAL := zlib libbrotlienc libzstd libcrypto libcrypt libssl
# (libssl is of no use without libcrypto.)
HAVE     := $(foreach l,$(filter-out $(WITHOUT) $(if $(filter libcrypto,$(WITHOUT)),libssl),$(OPTIONAL)),$(shell pkg-config --exists $(l) 2>/dev/null && echo $(l)))
CC_PACKAGE     := $(if $(findstring afl,$(CC)),afl++,$(if $(findstring clang,$(CC)),clang,gcc))
# pkg-config finds the libraries, here and in the README's line for one's own program.
PACKAGES_build := $(CC_PACKAGE) libc6-dev $(if $(HAVE_LIBLLHTTP),,node-llhttp) pkgconf zlib1g-dev libbrotli-dev libzstd-dev libssl-dev libcrypt-dev
PACKAGES_test  := libcmocka-dev python3 python3-pytest python3-pytest-xdist python3-requests curl gcc g++ brotli zstd \
                  valgrind strace netcat-openbsd gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user iproute2 procps binutils \
                  wget aria2 git libfaketime bind9-dnsutils bind9-host tftp-hpa redis-tools python3-redis
# For samples that are left out without them.
PACKAGES_all   := libcjson-dev libsqlite3-dev
PACKAGES_test  += $(PACKAGES_all) swaks python3-markdown openssl
# Clients of hundreds of megabytes: `make test` tests with those that are there.
PACKAGES_clients := $(PACKAGES_test) chromium chromium-driver python3-selenium ffmpeg nodejs python3-websockets node-ws nginx-light haproxy
PACKAGES_lint  := gcc g++ clang clang-tidy clang-format cppcheck libcmocka-dev libuv1-dev $(PACKAGES_all)
PACKAGES_bench := nginx-light lighttpd h2o nsd knot libuv1-dev python3 python3-websockets node-ws valgrind redis-server redis-tools
PACKAGES_fuzz  := clang libclang-rt-dev afl++ python3
PACKAGES_check := $(PACKAGES_test)
PACKAGES_tsan  := $(PACKAGES_test)
PACKAGES_faults := $(PACKAGES_test)
PACKAGES_soak  := $(PACKAGES_test)
PACKAGES_coverage := $(PACKAGES_test) gcovr
PACKAGES_fresh := debootstrap

GOALS    := $(filter-out deps,$(MAKECMDGOALS))
PACKAGES := $(sort $(PACKAGES_build) $(foreach goal,$(GOALS),$(PACKAGES_$(goal))))

##@ Set-up
.PHONY: deps
deps: ## install the Debian packages missing for the other goals: make deps serve, make deps test
	@missing=; for p in $(PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q ' ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	    echo "deps: no apt-get here; install what Debian calls:$$missing" >&2; exit 1; fi; \
	root=; if [ "$$(id -u)" != 0 ]; then root=sudo; fi; \
	if [ -n "$$root" ] && ! command -v sudo >/dev/null; then \
	    echo "deps: no sudo here; as root: apt-get install --no-install-recommends$$missing" >&2; exit 1; fi; \
	printf '  %-5s%s\n' APT "$$missing"; \
	$$root apt-get -q update </dev/null; \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $$missing </dev/null

# ---- several goals --------------------------------------------------------------------------------------------
# One after the other as they were typed, -j or not, each in a make of its own: what deps has installed is then
# seen, `clean all` is no race, and two test runs do not disturb each other. The trap keeps Ctrl-C quiet (this make
# gets the signal too, and ends by it).
ifneq ($(and $(MAKECMDGOALS),$(filter deps,$(MAKECMDGOALS))$(word 2,$(MAKECMDGOALS))),)
FIRST := $(firstword $(GOALS))
.PHONY: $(GOALS)
ifneq ($(FIRST),)
$(FIRST): $(filter deps,$(MAKECMDGOALS))
	@trap 'exit 0' INT; for goal in $(GOALS); do $(MAKE) --no-print-directory $$goal || exit; done
$(filter-out $(FIRST),$(GOALS)): $(FIRST) ; @:
endif

else

# ---- what is missing? -----------------------------------------------------------------------------------------
HASH := \#
COMMA := ,
lacks_header = $(shell printf '$(HASH)include <%s>\n' '$(1)' | $(CC) $(CPPFLAGS) $(2) -E - >/dev/null 2>&1 || echo yes)
lacks_fuzzer = $(shell printf 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
    $(CC) -fsanitize=fuzzer -xc - -xnone -o /dev/null >/dev/null 2>&1 || echo yes)
lacks_command = $(if $(shell command -v $(firstword $(1))),,yes)
need = $(if $(1),$(error $(2) is missing: install the package $(3), or: $(strip make deps $(patsubst %-fuzz,fuzz,$(filter-out all,$(GOAL))))))

GOAL   := $(or $(MAKECMDGOALS),all)
BUILDS := $(filter-out clean help uninstall deps fresh faults,$(GOAL))
TESTS  := $(filter test clients check tsan coverage build-tests run-coverage objects lint,$(GOAL))
FUZZES := $(filter build-fuzz run-fuzz,$(GOAL))

ifneq ($(BUILDS),)
CC_VERSION := $(shell $(CC) --version 2>/dev/null | head -n 1)
$(call need,$(call lacks_command,$(CC)),the C compiler $(CC),$(CC_PACKAGE))
$(call need,$(call lacks_header,stdio.h),the C library's stdio.h,libc6-dev)
$(call need,$(if $(HAVE_LIBLLHTTP)$(wildcard $(LLHTTP_DIR)/llhttp.c),,yes),llhttp,node-llhttp)
endif
ifneq ($(TESTS),)
$(call need,$(call lacks_header,cmocka.h,$(addprefix -include ,stdarg.h stddef.h stdint.h setjmp.h)),cmocka,libcmocka-dev)
$(call need,$(call lacks_command,$(PYTHON)),$(PYTHON),python3)
endif
ifneq ($(FUZZES),)
$(call need,$(call lacks_fuzzer),libFuzzer or AFL++ for $(CC),libclang-rt-dev or afl++)
endif
ifneq ($(filter fresh,$(GOAL)),)
$(foreach c,debootstrap,$(call need,$(call lacks_command,$(c)),$(c),$(c)))
endif
ifneq ($(filter coverage,$(GOAL)),)
$(foreach c,gcovr gcov,$(call need,$(call lacks_command,$(c)),$(c),$(if $(filter gcov,$(c)),gcc,$(c))))
endif
ifneq ($(filter lint,$(GOAL)),)
$(foreach c,clang clang-tidy clang-format cppcheck g++,$(call need,$(call lacks_command,$(c)),$(c),$(c)))
endif

# ---- flags ----------------------------------------------------------------------------------------------------
# The user's CPPFLAGS, CFLAGS and LDFLAGS come last and so win.
# Fat objects hold machine code too: the installed archives suit every compiler and linker, and unit tests link fast.
# clang 14 has none, and an archive of LLVM bitcode is of use to nobody else, so there LTO is for who asks:
# make CC=clang AR=llvm-ar LTO=-flto=thin LDFLAGS=-fuse-ld=lld
LTO := $(if $(findstring clang,$(CC) $(CC_VERSION)),,-flto=auto -ffat-lto-objects)
OPTIMIZE := -O2
ifneq ($(SANITIZE),)
LTO :=
OPTIMIZE := -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
# With the run-time library of AddressSanitizer in it a program starts and ends in half of the time. clang always puts
# it there.
SANITIZER_LIBS := $(if $(findstring clang,$(CC) $(CC_VERSION)),,-static-libasan -static-libubsan)
endif

# Without optimization each branch that is counted is one that a reader reads. Many threads and processes count.
ifneq ($(COVERAGE),)
LTO :=
OPTIMIZE := -O0 --coverage -fprofile-update=atomic '-DSS_COUNTED="$(abspath $(BUILD))"'
$(BUILD)/llhttp/%: private OPTIMIZE := -O2
endif

# Against what a mistake in memory could be used for: canaries, checked copies, read-only relocations (-z relro, which
# is the linker's default, and -z now). Branch targets are marked; return addresses are not vouched for, because the
# switch between coroutines keeps no shadow stack. A PLT is of no use without lazy binding. FORTIFY needs -O, and hides
# calls from sanitizers, as the canaries do.
HARDEN := -fstack-protector-strong -fno-plt $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),-fcf-protection=branch)
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
ifneq ($(SANITIZE)$(filter -O0,$(OPTIMIZE) $(CFLAGS))$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
FORTIFY :=
endif
ifneq ($(SANITIZE),)
HARDEN :=
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
# One compilation serves archive and shared library: hidden visibility and no interposition leave -fPIC little to cost.
# Handlers run on small stacks: -z now keeps the dynamic linker's lazy binding off them, stack clash protection makes
# sure that an overflow meets the guard below them.
cppflags = -D_GNU_SOURCE $(FORTIFY) -DSS_VERSION='"$(VERSION)"' $(INCLUDES) $(CPPFLAGS)
cflags   = -std=c11 $(OPTIMIZE) -g $(LTO) $(WARNINGS) -fPIC -fvisibility=hidden -fno-semantic-interposition \
           $(HARDEN) -fstack-clash-protection -pthread $(CFLAGS)
ldflags  = $(cflags) -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(SANITIZER_LIBS) $(LDFLAGS)
# With sanitizers a program has so many addresses in it that to adapt them takes a third of the pages of its start.
PIE     := $(if $(SANITIZE),-no-pie,$(if $(filter -static%,$(LDFLAGS)),,-pie))

# The dependencies of the house point one way; include paths keep it so. ("private" here and below: a variable of a
# target would otherwise reach everything that is built on its behalf.)
INCLUDES := -Iframework
$(BUILD)/handlers/%: private INCLUDES := -Iframework -Ihandlers
$(BUILD)/samples/%: private INCLUDES := -Iframework -Ihandlers -Isamples
$(BUILD)/tests/%: private INCLUDES := -Iframework -Ihandlers -Isamples -Itests
ifneq ($(HAVE_LIBLLHTTP),)
LLHTTP_CPPFLAGS := $(shell pkg-config --cflags libllhttp)
LLHTTP_LIBS     := $(shell pkg-config --libs libllhttp)
else
LLHTTP_CPPFLAGS := -isystem /usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
LLHTTP_OBJECTS  := $(patsubst $(LLHTTP_DIR)/%.c,$(BUILD)/llhttp/%.o,$(wildcard $(LLHTTP_DIR)/*.c))
# llhttp reads sixteen bytes at a time with SSE 4.2, which not each x86-64 has: there it is built twice, with another
# name for the one function that http_request.c chooses by, and all other names hidden. That nearly halves what
# llhttp takes for a browser's request.
SSE42           := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),llhttp__internal_execute_sse42)
ifneq ($(SSE42),)
LLHTTP_OBJECTS  += $(BUILD)/llhttp/sse42/llhttp.o
$(BUILD)/llhttp/sse42/%.o: private LTO :=
$(BUILD)/llhttp/sse42/%.o: private INCLUDES := $(LLHTTP_CPPFLAGS) -msse4.2 -Dllhttp__internal_execute=$(SSE42)
$(BUILD)/handlers/http/fields.o: private INCLUDES += -DHTTP_LLHTTP_SSE42=$(SSE42)
endif
endif
# Nobody else sees llhttp.
$(BUILD)/handlers/http/fields.o: private INCLUDES += $(LLHTTP_CPPFLAGS)
$(BUILD)/llhttp/%.o: private INCLUDES := $(LLHTTP_CPPFLAGS)
$(BUILD)/llhttp/%.o: private WARNINGS := -w
# Nor the libraries that may be missing: one file for each.
optional        = $(if $(filter $(1),$(HAVE)),-D$(2) $(shell pkg-config --cflags $(1)))
ZLIB_CPPFLAGS   := $(call optional,zlib,HTTP_ZLIB)
BROTLI_CPPFLAGS := $(call optional,libbrotlienc,HTTP_BROTLI_ENCODER)
ZSTD_CPPFLAGS   := $(call optional,libzstd,HTTP_LIBZSTD)
CRYPTO_CPPFLAGS := $(call optional,libcrypto,HTTP_LIBCRYPTO)
CRYPT_CPPFLAGS  := $(call optional,libcrypt,HTTP_LIBCRYPT)
TLS_CPPFLAGS    := $(call optional,libssl,SS_LIBSSL)
TLS_LIBS        := $(if $(filter libssl,$(HAVE)),$(shell pkg-config --libs libssl libcrypto))
OPTIONAL_LIBS   := $(if $(HAVE),$(shell pkg-config --libs $(HAVE)))
$(addprefix $(BUILD)/handlers/compress/,gzip.o deflate.o): private INCLUDES += $(ZLIB_CPPFLAGS)
$(BUILD)/handlers/compress/brotli.o: private INCLUDES += $(BROTLI_CPPFLAGS)
$(BUILD)/handlers/compress/zstd.o: private INCLUDES += $(ZSTD_CPPFLAGS)
$(BUILD)/handlers/websocket/key.o: private INCLUDES += $(CRYPTO_CPPFLAGS)
$(BUILD)/handlers/access/password.o: private INCLUDES += $(CRYPT_CPPFLAGS)
$(BUILD)/framework/tls/%.o: private INCLUDES += $(TLS_CPPFLAGS)
$(BUILD)/framework/loop/features.o: private INCLUDES += $(TLS_CPPFLAGS)
$(BUILD)/tests/fault/calls.o: private INCLUDES += $(ZLIB_CPPFLAGS) $(BROTLI_CPPFLAGS) $(ZSTD_CPPFLAGS) $(CRYPTO_CPPFLAGS) $(CRYPT_CPPFLAGS)
# What is tested is linked as it ships, what tests it without LTO, which would be most of the time that it takes.
$(foreach room,unit fuzz http framework matrix fault,$(BUILD)/tests/$(room)/%): private LTO := $(if $(LTO),-fno-lto)
# So are samples, but for those that `make bench` measures.
MEASURED := echo ws_echo kvstore
$(foreach f,$(filter-out $(MEASURED),$(patsubst samples/%/,%,$(sort $(dir $(wildcard samples/*/*.c))))),$(BUILD)/samples/parts/$(f)/%) \
$(foreach s,$(filter-out $(MEASURED),$(basename $(notdir $(wildcard samples/*.c)))),$(BUILD)/samples/$(s) $(BUILD)/samples/$(s).o): \
    private LTO := $(if $(LTO),-fno-lto)

# ---- files ----------------------------------------------------------------------------------------------------
objects  = $(patsubst %.c,$(BUILD)/%.o,$(1))
programs = $(patsubst %.c,$(BUILD)/%,$(1))

# TLS is in where libssl is.
TLS_FILES  := $(if $(filter libssl,$(HAVE)),$(wildcard framework/tls/*.c),framework/tls/absent.c)
FRAMEWORK  := $(call objects,$(filter-out framework/tls/%,$(wildcard framework/*/*.c)) $(TLS_FILES))
HANDLERS   := $(call objects,$(filter-out handlers/httpserver/%,$(wildcard handlers/*/*.c))) $(LLHTTP_OBJECTS)
HTTPSERVER := $(call objects,$(wildcard handlers/httpserver/*.c))
# A sample is a file, or a folder of files; the program has the folder's name.
FOLDERS    := $(patsubst samples/%/,%,$(sort $(dir $(wildcard samples/*/*.c))))
# Those that need a library are built where it is.
FOLDERS    := $(filter-out $(if $(call lacks_header,sqlite3.h,-include cjson/cJSON.h),rest),$(FOLDERS))
parts       = $(patsubst samples/%.c,$(BUILD)/samples/parts/%.o,$(wildcard samples/$(1)/*.c))
SAMPLES    := $(call programs,$(wildcard samples/*.c)) $(addprefix $(BUILD)/samples/,$(FOLDERS))
DIGESTS    := $(call parts,fileserver) $(call parts,fileserver_client)
$(DIGESTS): private INCLUDES += $(CRYPTO_CPPFLAGS)
UNIT       := $(call programs,$(wildcard tests/unit/test_*.c))
HTTP       := $(call programs,$(wildcard tests/http/*.c tests/framework/*.c))
MATRIX     := $(call objects,$(wildcard tests/matrix/*.c))
FUZZ       := $(call programs,$(wildcard tests/fuzz/fuzz_*.c))
# They have one thread.
FUZZED     := $(if $(findstring thread,$(SANITIZE)),,$(FUZZ))
BENCH      := $(call programs,$(wildcard tests/bench/*.c))
# The comparison with libuv is built where libuv is.
UV_BENCH   := $(call programs,$(shell grep -l '^$(HASH)include <uv.h>' tests/bench/*.c 2>/dev/null))
ifneq ($(if $(UV_BENCH),$(call lacks_header,uv.h)),)
BENCH := $(filter-out $(UV_BENCH),$(BENCH))
endif

PROGRAM    := $(BUILD)/httpserver
# Programs linked once more, with calls of the C library that can be made to fail.
WRAPS      := $(call objects,tests/fault/calls.c tests/fault/state.c $(if $(findstring address,$(SANITIZE)),tests/fault/leaks.c))
FAULT_RIGS := $(call programs,$(filter-out $(addprefix tests/fault/,calls.c state.c leaks.c),$(wildcard tests/fault/*.c)))
FAULTY     := $(patsubst $(BUILD)/%,$(BUILD)/fault/%,$(PROGRAM) $(SAMPLES) $(HTTP) $(FAULT_RIGS))

# For users: one object each, in which only what a public header declares is global, and no name of ours meets one of
# theirs. Our own programs are linked with the loose objects, into which link-time optimization and unit tests see.
ARCHIVES := $(BUILD)/libhttpserver.a $(BUILD)/libsocketserver.a
LOOSE    := $(BUILD)/loose/libhttpserver.a $(BUILD)/loose/libsocketserver.a
SHARED   := $(BUILD)/libsocketserver.so $(BUILD)/libhttpserver.so
LINKED   := $(PROGRAM) $(SAMPLES) $(UNIT) $(HTTP) $(BENCH) $(FUZZ) $(if $(MATRIX),$(BUILD)/tests/matrix/matrix)
OBJECTS  := $(FRAMEWORK) $(HANDLERS) $(HTTPSERVER) $(MATRIX) $(foreach f,$(FOLDERS),$(call parts,$(f))) \
            $(addsuffix .o,$(call programs,$(wildcard samples/*.c)) $(UNIT) $(HTTP) $(BENCH) $(FUZZ) $(FAULT_RIGS)) \
            $(BUILD)/tests/fuzz/replay.o $(WRAPS)

# ---- targets --------------------------------------------------------------------------------------------------

##@ Build and run
.PHONY: all serve objects build-tests test clients check tsan coverage run-coverage fuzz build-fuzz run-fuzz faults run-faults soak fresh bench trace run-trace lint install uninstall clean help FORCE
.DEFAULT_GOAL := all
# Shared libraries are built neither with sanitizers nor to count: nothing tests them there.
all: $(ARCHIVES) $(if $(SANITIZE)$(COVERAGE),,$(SHARED)) $(PROGRAM) $(SAMPLES) ## the libraries, httpserver and the samples (the default)
serve: all ## serve www/ on http://127.0.0.1:8000/ (PORT=N: another port)
	@exec $(PROGRAM) -d www $(if $(PORT),-p $(PORT))

##@ Test
objects: $(OBJECTS)
build-tests: all $(UNIT) $(HTTP) $(FAULTY) $(FUZZED) $(filter %/matrix,$(LINKED)) $(if $(SANITIZE)$(COVERAGE),,$(BENCH))
# With T or K only what the chosen tests need is built. K is for pytest's names, so then no other test is run.
matching = $(strip $(foreach f,$(1),$(if $(findstring $(T:.c=),$(f:$(BUILD)/%=%)),$(f))))
PYTEST  := $(call matching,$(wildcard tests/test_*.py tests/*/test_*.py))
# The scripts run the matrix, and unit programs.
TESTED  := $(if $(K),,$(call matching,$(UNIT) $(FUZZED) $(filter %/matrix,$(LINKED))) \
               $(if $(call matching,$(wildcard tests/unit/*.sh)),$(filter %/matrix,$(LINKED)) $(UNIT))) \
           $(if $(PYTEST),all $(HTTP)) $(if $(filter tests/fault/%,$(PYTEST)),$(FAULTY)) \
           $(if $(filter tests/test_bench.py,$(PYTEST)),$(if $(SANITIZE),,$(BENCH)))
test: $(if $(T)$(K),$(TESTED),build-tests) ## build and run all tests (T=PATTERN: files with PATTERN in their path; K=NAMES: pytest's -k)
	@BUILD='$(abspath $(BUILD))' SANITIZE='$(SANITIZE)' CC='$(CC)' K='$(K)' \
	    $(RUN_UNDER) $(PYTHON) tests/run '$(T)'
# Elsewhere they run under one mix-in.
clients: ## the tests with real clients under every mix-in; for them deps installs Chromium, ffmpeg and node as well
	@CLIENTS=all $(MAKE) --no-print-directory test T=real_clients
check: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer, in build/asan
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=address,undefined test
# ThreadSanitizer's fixed memory layout does not survive the address randomisation of every kernel.
tsan: ## the tests under ThreadSanitizer, in build/tsan
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SANITIZE=thread test \
	    RUN_UNDER="$$(setarch -R true 2>/dev/null && echo setarch -R)"
# What is counted: these goals, one after the other. MAKE_COMMAND: see lint.
COUNTED := test run-faults
coverage: ## the lines and branches that the tests reach, by file, in build/coverage (T, K as for test)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage COVERAGE=yes run-coverage
run-coverage: build-tests
	@BUILD='$(abspath $(BUILD))' COVERAGE='$(COVERAGE)' MAKE='$(MAKE_COMMAND)' $(PYTHON) tests/coverage/run $(COUNTED)
# Built anew in build/libfuzzer or build/afl; the tests run the same targets without a fuzzer, in a second or so each.
FUZZER ?= libfuzzer
FUZZ_TIME ?= 600
fuzz: ## fuzz every target for FUZZ_TIME=600 seconds, two at a time (T=PATTERN; FUZZER=afl: AFL++, not libFuzzer)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/$(FUZZER) CC=$(if $(filter afl,$(FUZZER)),afl-clang-fast,clang) \
	    SANITIZE=address,undefined$(if $(filter afl,$(FUZZER)),,$(COMMA)fuzzer-no-link) run-fuzz
build-fuzz: $(FUZZ)
run-fuzz: build-fuzz
	@BUILD='$(abspath $(BUILD))' FUZZER='$(FUZZER)' FUZZ_TIME='$(FUZZ_TIME)' $(PYTHON) tests/fuzz/run $(T)
# All cases as it ships, and some with sanitizers, whose programs start and fork several times as slowly: what is done
# after a failure must not read or write what it may not, and leave nothing behind.
faults: run-faults ## each call fails once, and in bursts, under every composition (ARGS='--share 0.1', ARGS=PATTERN)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=address,undefined run-faults
run-faults: all $(FAULTY)
	@BUILD='$(abspath $(BUILD))' SANITIZE='$(SANITIZE)' $(PYTHON) tests/fault/run $(ARGS)
# As it ships, but for the wrappers: what is looked for is what shows after a while.
soak: all $(FAULTY) ## ten minutes of clients that verify every byte, failing calls, kills and signals (ARGS='--seconds N')
	@BUILD='$(abspath $(BUILD))' $(PYTHON) tests/soak $(ARGS)
fresh: ## both commands of the README in a Debian of their own, made by debootstrap: minutes, and as root (PORT=N)
	@BUILD='$(abspath $(BUILD))' PORT='$(PORT)' tests/fresh
bench: all $(BENCH) ## measure CPU, memory and latency against nginx, lighttpd, h2o, Python, libuv and raw loops
	@BUILD='$(abspath $(BUILD))' $(PYTHON) tests/bench/bench.py

# Without optimization each call that is written is made: what is counted is what a reader reads.
trace: ## the files, functions and calls of a GET on a kept connection (ARGS=--calls: each of them)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/trace LTO= OPTIMIZE=-O0 WARNINGS=-w CFLAGS="-finstrument-functions -gdwarf-4" \
	    run-trace
run-trace: $(PROGRAM) $(BUILD)/tests/trace/recorder.so
	@BUILD='$(abspath $(BUILD))' $(PYTHON) tests/trace/run

HEADERS := framework/socketserver.h $(wildcard handlers/*.h)
# MAKE_COMMAND, because what says $(MAKE) is run by `make -n`, too.
lint: $(SHARED) $(PROGRAM) ## formats, warnings, static analysis, public headers, exported symbols, licences, rooms
	@BUILD='$(BUILD)' PYTHON='$(PYTHON)' MAKE='$(MAKE_COMMAND)' HEADERS='$(HEADERS)' LIBRARIES='$(SHARED)' LLHTTP='$(LLHTTP_CPPFLAGS)' \
	    OPTIONAL='$(ZLIB_CPPFLAGS) $(BROTLI_CPPFLAGS) $(ZSTD_CPPFLAGS) $(CRYPTO_CPPFLAGS) $(CRYPT_CPPFLAGS) $(TLS_CPPFLAGS)' tests/lint

##@ Install
include_dir := $(DESTDIR)$(PREFIX)/include
lib_dir     := $(DESTDIR)$(LIBDIR)
bin_dir     := $(DESTDIR)$(PREFIX)/bin
doc_dir     := $(DESTDIR)$(PREFIX)/share/doc/socketserver
INSTALLED   := $(bin_dir)/httpserver $(doc_dir)/LICENSE $(addprefix $(include_dir)/,$(notdir $(HEADERS))) \
               $(foreach l,socketserver httpserver,$(addprefix $(lib_dir)/lib$(l).,a so so.$(SOVERSION) so.$(VERSION)) \
                   $(lib_dir)/pkgconfig/$(l).pc)

# -z now: the handlers in the user's program run on small stacks too. -fstack-clash-protection: one that needs more than
# there is meets the guard below it, and not the next handler's stack.
define pc
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))

Name: $(1)
Version: $(VERSION)
Description: $(2)
Requires: $(3)
Requires.private: $(4)
Cflags: -I$${includedir} -pthread -fstack-clash-protection
Libs: -L$${libdir} -l$(1) -Wl,-z,now
Libs.private: $(strip -pthread $(5))
endef
# Not Requires.private: brotli's own file forgets that a program without shared libraries needs -lm, at the end.
STATIC_LIBS = $(if $(HAVE),$(shell pkg-config --static --libs $(HAVE)) -lm)
install: export SOCKETSERVER_PC = $(call pc,socketserver,Python's socketserver for C,,,$(if $(TLS_LIBS),$(shell pkg-config --static --libs libssl libcrypto)))
install: export HTTPSERVER_PC = $(call pc,httpserver,Python's http.server for C,socketserver,$(if $(HAVE_LIBLLHTTP),libllhttp),$(STATIC_LIBS))
install: all $(SHARED) ## headers, libraries, pkg-config files, httpserver and the licence (PREFIX=, LIBDIR=, DESTDIR=)
	$(call say,INST,$(DESTDIR)$(PREFIX))
	$(Q)install -d $(include_dir) $(lib_dir)/pkgconfig $(bin_dir) $(doc_dir)
	$(Q)install -m 644 LICENSE $(doc_dir)
	$(Q)install -m 644 $(HEADERS) $(include_dir)
	$(Q)install -m 644 $(ARCHIVES) $(lib_dir)
	$(Q)install -m 755 $(addsuffix .$(VERSION),$(SHARED)) $(lib_dir)
	$(Q)for l in socketserver httpserver; do \
	    ln -sf lib$$l.so.$(VERSION) $(lib_dir)/lib$$l.so.$(SOVERSION); ln -sf lib$$l.so.$(SOVERSION) $(lib_dir)/lib$$l.so; done
	$(Q)printf '%s\n' "$$SOCKETSERVER_PC" >$(lib_dir)/pkgconfig/socketserver.pc
	$(Q)printf '%s\n' "$$HTTPSERVER_PC" >$(lib_dir)/pkgconfig/httpserver.pc
	$(Q)install -m 755 $(PROGRAM) $(bin_dir)
	$(Q)[ -n '$(DESTDIR)' ] || ldconfig 2>/dev/null || :
uninstall: ## remove what install has put there
	$(call say,RM,$(DESTDIR)$(PREFIX))
	$(Q)rm -f $(INSTALLED)
	$(Q)rmdir $(doc_dir) 2>/dev/null || :

##@ Other
clean: ## remove build/
	$(Q)rm -rf $(BUILD)
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@printf '%s\n' 'Variables' '  V=1 shows the commands; CC, CPPFLAGS, CFLAGS, LDFLAGS are honoured'

# ---- rules ----------------------------------------------------------------------------------------------------
# Stamps, rewritten only when their text changes: another compiler or flag rebuilds everything, a file that is gone
# leaves the archives, a library that comes or goes concerns the file that uses it. (The coroutines are annotated for
# valgrind when its header is there.)
$(BUILD)/flags: export TEXT = $(CC_VERSION) $(CC) $(cppflags) $(ldflags) $(LLHTTP_CPPFLAGS) \
    $(wildcard /usr/include/valgrind/valgrind.h)
# BUILD may be told by another name for the same folder: that is no reason to link anew, under running tests.
$(BUILD)/files: export TEXT = $(AR) $(OBJCOPY) $(patsubst $(BUILD)/%,%,$(FRAMEWORK) $(HANDLERS) $(HTTPSERVER) $(MATRIX))
$(BUILD)/optional: export TEXT = $(HAVE)
OF_OPTIONAL := $(addprefix $(BUILD)/,$(addprefix handlers/compress/,gzip.o deflate.o brotli.o zstd.o) handlers/websocket/key.o tests/fault/calls.o framework/loop/features.o framework/tls/absent.o) $(DIGESTS)
$(OF_OPTIONAL): $(BUILD)/optional
$(BUILD)/flags $(BUILD)/files $(BUILD)/optional: FORCE
	@mkdir -p $(@D); printf '%s\n' "$$TEXT" | cmp -s - $@ || printf '%s\n' "$$TEXT" >$@
FORCE:

define compile
$(call say,CC,$<)
@mkdir -p $(@D)
$(Q)$(CC) $(cppflags) $(cflags) -MMD -MP -c -o $@ $<
endef
define link
$(call say,LD,$@)
@mkdir -p $(@D)
$(Q)$(CC) $(ldflags) $(PIE) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LLHTTP_LIBS) $(OPTIONAL_LIBS) $(LDLIBS)
endef

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(compile)
$(BUILD)/samples/parts/%.o: samples/%.c $(BUILD)/flags
	$(compile)
$(BUILD)/llhttp/%.o: $(LLHTTP_DIR)/%.c $(BUILD)/flags
	$(compile)
$(BUILD)/llhttp/sse42/%.o: $(LLHTTP_DIR)/%.c $(BUILD)/flags
	$(compile)
	$(Q)$(OBJCOPY) --keep-global-symbol=$(SSE42) $@

$(BUILD)/loose/libsocketserver.a $(BUILD)/libsocketserver.o: $(FRAMEWORK)
$(BUILD)/loose/libhttpserver.a $(BUILD)/libhttpserver.o: $(HANDLERS)
# Link-time optimization takes place here, within the library: what users get is machine code for every compiler.
$(patsubst %.a,%.o,$(ARCHIVES)): $(BUILD)/files
	$(call say,LD,$@)
	$(Q)$(CC) $(filter-out -pthread,$(cflags)) $(LDFLAGS) -r -nostdlib $(if $(findstring -ffat-lto-objects,$(LTO)),-flinker-output=nolto-rel) \
	    -o $@ $(filter %.o,$^)
	$(Q)$(OBJCOPY) --localize-hidden $@
$(ARCHIVES): %.a: %.o
$(LOOSE): $(BUILD)/files
$(ARCHIVES) $(LOOSE):
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) qcs $@ $(filter %.o,$^)

# libx.so -> libx.so.0 -> libx.so.0.1.0; the second library finds the first through its soname.
$(BUILD)/libsocketserver.so: $(FRAMEWORK) $(BUILD)/files
$(BUILD)/libhttpserver.so: $(HANDLERS) $(BUILD)/files $(BUILD)/libsocketserver.so
$(SHARED):
	$(call say,LD,$@.$(VERSION))
	$(Q)$(CC) -shared $(ldflags) -Wl,-z,defs -Wl,-soname,$(@F).$(SOVERSION) -o $@.$(VERSION) \
	    $(filter %.o,$^) $(filter %.so,$^) $(if $(filter %/libhttpserver.so,$@),$(LLHTTP_LIBS) $(OPTIONAL_LIBS),$(TLS_LIBS))
	$(Q)ln -sf $(@F).$(VERSION) $@.$(SOVERSION) && ln -sf $(@F).$(SOVERSION) $@

$(BUILD)/tests/trace/recorder.so: tests/trace/recorder.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(cppflags) $(cflags) -fno-instrument-functions -shared -o $@ $<

$(PROGRAM): $(HTTPSERVER)
$(filter-out $(addprefix $(BUILD)/samples/,$(FOLDERS)),$(SAMPLES)) $(UNIT) $(HTTP) $(BENCH) $(FUZZ): %: %.o
$(foreach f,$(FOLDERS),$(eval $(BUILD)/samples/$(f): $(call parts,$(f))))
# Their clients speak the same words.
SPEAKERS := discovery stream position
$(foreach f,$(SPEAKERS),$(eval $(BUILD)/samples/$(f)_client $(BUILD)/fault/samples/$(f)_client: $(filter-out %/main.o,$(call parts,$(f)))))
$(UNIT): private LDLIBS += -lcmocka
$(UV_BENCH): private LDLIBS += -luv
$(BUILD)/tests/fuzz/fuzz_discovery: $(filter-out %/main.o,$(call parts,discovery))
$(BUILD)/tests/fuzz/fuzz_stream: $(filter-out %/main.o,$(call parts,stream) $(call parts,stream_client))
$(BUILD)/tests/fuzz/fuzz_position: $(filter-out %/main.o,$(call parts,position))
$(BUILD)/tests/fuzz/fuzz_dns $(BUILD)/tests/fuzz/fuzz_dns_zone: $(filter-out %/main.o,$(call parts,dns))
$(BUILD)/tests/fuzz/fuzz_tftp: $(BUILD)/samples/parts/tftp/packet.o
$(BUILD)/samples/rest $(BUILD)/fault/samples/rest: private LDLIBS += -lcjson -lsqlite3
# The targets for parsers of samples need these.
$(BUILD)/tests/fuzz/fuzz_statsd: $(addprefix $(BUILD)/samples/parts/metrics/,statsd.o table.o)
$(BUILD)/tests/fuzz/fuzz_smtp: $(BUILD)/samples/parts/smtp_sink/smtp.o
$(BUILD)/tests/fuzz/fuzz_syslog: $(BUILD)/samples/parts/syslog/message.o
# The main of a fuzz target: the fuzzer's, or ours.
ifneq ($(FUZZES),)
$(FUZZ): private LDLIBS += -fsanitize=fuzzer
else
$(FUZZ): $(BUILD)/tests/fuzz/replay.o
endif
$(BUILD)/tests/fuzz/fuzz_resp: $(BUILD)/samples/parts/kvstore/resp.o
$(BUILD)/tests/matrix/matrix: $(MATRIX)
$(BUILD)/tests/http/masked: $(filter-out %/main.o,$(HTTPSERVER))
# However a process ends, it writes down what it has counted.
ifneq ($(COVERAGE),)
$(LINKED) $(FAULTY): private LDFLAGS += -Wl,--wrap=_exit,--wrap=abort,--wrap=raise,--wrap=sigaction
$(LINKED) $(FAULTY): $(BUILD)/tests/coverage/ends.o
endif
$(LINKED): $(LOOSE) $(BUILD)/files
	$(link)

# By the same objects, which LTO would not let anybody wrap. What a sanitizer calls for itself is not to be wrapped.
$(BUILD)/fault/httpserver: $(HTTPSERVER)
$(BUILD)/fault/tests/http/masked: $(filter-out %/main.o,$(HTTPSERVER))
$(filter-out %/httpserver $(addprefix $(BUILD)/fault/samples/,$(FOLDERS)),$(FAULTY)): $(BUILD)/fault/%: $(BUILD)/%.o
$(foreach f,$(FOLDERS),$(eval $(BUILD)/fault/samples/$(f): $(call parts,$(f))))
$(FAULTY): private LTO := $(if $(LTO),-fno-lto)
$(FAULTY): private SANITIZER_LIBS :=
$(FAULTY): private LDFLAGS += $$(nm $(WRAPS) | sed -n 's/.* T __wrap_/-Wl,--wrap=/p')
$(FAULTY): $(WRAPS) $(LOOSE) $(BUILD)/files
	$(link)

-include $(OBJECTS:.o=.d)

endif
