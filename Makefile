# Every target first installs what it lacks (scripts/setup.sh); make help lists them.

GO         ?= go
BASELINE   ?= runc@v1.1.14
CANDIDATE  ?= runc@v1.1.15
GATE_FLAGS ?=
FUZZTIME   ?= 10m
PREFIX     ?= /usr/local

initbench := bin/initbench
builtin   := bin/initbench-builtin
setup     := scripts/setup.sh
version   := $(shell git -c safe.directory='$(CURDIR)' describe --tags --always --dirty 2>/dev/null || echo unversioned)

# A distribution's Go may be told not to fetch the newer one that go.mod asks for.
export GOTOOLCHAIN ?= auto
# The command is static: the same file runs here and in the guest. So is the built-in
# runtime, which needs cgo: what builds it sees to that.
export CGO_ENABLED := 0
export PATH := $(PATH):/usr/local/go/bin

# What make was told is not for the programs it starts.
unexport MAKEFLAGS MFLAGS

# `make gate` ends with the gate's own 0 (pass) and 1 (regressed). GNU make ends
# with 2 whatever way a recipe fails, but for one: when it is asked (-q) whether
# something is left to do, recipes marked with + run all the same, and a 1 of one
# is taken for a sub-make's "yes" and is make's own. So for this goal make is asked
# that. Not with -n or -t, where + would run what is only to be shown. What gate
# depends on is marked too and may be a goal beside it; other goals are not: -q would
# not run them.
with_gate := gate build setup-build setup-measure
letters := $(firstword -$(MAKEFLAGS))
ifneq ($(filter gate,$(MAKECMDGOALS)),)
ifneq ($(filter-out $(with_gate),$(MAKECMDGOALS)),)
$(error gate ends with a code of its own: make $(filter-out $(with_gate),$(MAKECMDGOALS)) apart from it)
endif
ifeq ($(findstring n,$(letters))$(findstring t,$(letters)),)
MAKEFLAGS += -q
always := +
endif
endif
# What fails on the way to a gate must not look like its 1.
or_2 := || exit 2

.DEFAULT_GOAL := help
# Two setups at once would contend for dpkg's lock, and the lanes for the machine.
.NOTPARALLEL:
.PHONY: help build install gate test test-fast test-guest lint bench fuzz generate clean setup-build setup-measure setup-lint setup-generate setup-browser

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup-build setup-measure setup-lint setup-generate setup-browser:
	@$(always)$(setup) build $(filter-out build,$(subst generate,ebpf,$(subst lint,lint ebpf,$(subst measure,runtimes guest,$(@:setup-%=%))))) $(or_2)

build: setup-build ## build bin/initbench and its built-in runtime, bin/initbench-builtin
	@$(always)echo "build: $(initbench) $(version)"
	@$(always)$(GO) build -buildvcs=false -trimpath -ldflags '-X main.version=$(version)' -o $(initbench) ./cmd/initbench $(or_2)
	@$(always)echo "build: $(builtin)"
	@$(always)$(GO) run ./internal/builtin/build -o $(builtin) $(or_2)

install: build ## install both in $(PREFIX)/bin
	@echo "install: $(DESTDIR)$(PREFIX)/bin/initbench $(DESTDIR)$(PREFIX)/bin/initbench-builtin"
	@install -D -m 755 $(initbench) $(DESTDIR)$(PREFIX)/bin/initbench
	@install -D -m 755 $(builtin) $(DESTDIR)$(PREFIX)/bin/initbench-builtin

gate: setup-measure build ## judge the upgrade of BASELINE to CANDIDATE: ends with 0 pass, 1 regressed, 2 anything else
	@$(always)$(initbench) gate --baseline $(BASELINE) --candidate $(CANDIDATE) $(GATE_FLAGS)

test: setup-lint setup-measure setup-browser build ## lint, lane 0 as an ordinary user with the race detector, lane 1 in two guests
	@scripts/test.sh lint race guest guest612

test-fast: setup-build ## lane 0 alone: no root, no guest
	@scripts/test.sh host

test-guest: setup-measure build ## lane 1 alone: real cgroups, systemd and runtimes in the guest, a few on Linux 6.12
	@scripts/test.sh guest guest612

lint: setup-lint ## gofmt, vet, staticcheck, shellcheck, other systems, generated files
	@scripts/test.sh lint

bench: setup-build ## the Go benchmarks of initbench's own code, scripts/bench/scale among them (its cost in a guest: scripts/bench/harness.sh)
	@echo "bench: go test -bench . ./..."
	@$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: setup-build ## run every fuzz target for FUZZTIME
	@scripts/fuzz.sh $(FUZZTIME)

generate: setup-generate ## make the generated files again
	@echo "generate: go generate ./..."
	@$(GO) generate ./...

clean: ## remove what was built here (what a killed run left: initbench clean)
	@echo "clean: bin"
	@rm -rf bin
