# Lastgasp. `make run` and `make test` do everything on a fresh Debian machine; `make help` lists the rest.

GO       ?= go
BIN      := bin
PKGS     := ./...
FUZZTIME ?= 20s
SHELL    := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

.PHONY: help run test bench soak build console fuzz lint clean go-there packages-run packages-test

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: build packages-run ## database, broker, head-end and a simulated district; Ctrl-C stops all of it
	@exec $(BIN)/headend demo

build: go-there ## the programs, into bin/
	@mkdir -p $(BIN)
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/...

console: ## the pages for operators, built anew from headend/console/web; the result is committed
	@deploy/packages.sh nodejs:/usr/bin/node npm:/usr/bin/npm
	@cd headend/console/web && npm ci --no-audit --no-fund && npm run build

test: go-there packages-test lint ## everything, against a real PostgreSQL and a real Mosquitto it starts itself
	@$(GO) test -race -timeout 25m $(PKGS)
	@$(GO) test -timeout 5m -run 'TestStorm|TestScore|TestMemoryAtRest' ./headend/interruption # too large for the race detector
	@$(GO) test -timeout 5m ./headend/reliability # all the random cases; under the race detector there are few
	@deploy/engines.sh

lint: go-there ## formatting, go vet and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	@$(GO) vet $(PKGS)
	@$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PKGS)

soak: go-there packages-test ## ten minutes at 5,000 messages/s: no growth of memory or goroutines
	@SOAK=10m $(GO) test -run TestSoak -timeout 15m -v ./cmd/headend

fuzz: go-there ## every fuzz target for FUZZTIME each (20s)
	@for package in $$($(GO) list $(PKGS)); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep ^Fuzz || true); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
	  done; done

bench: build packages-test ## the speed table, each figure beside its limit in the same run
	@$(GO) run ./cmd/bench

clean: ## remove what was built; var/ with its data stays
	@rm -rf $(BIN)

go-there:
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 or newer (https://go.dev/dl), then run make again"; exit 1; }

packages-run:
	@deploy/packages.sh postgresql:/usr/lib/postgresql/*/bin/postgres

packages-test:
	@deploy/packages.sh postgresql:/usr/lib/postgresql/*/bin/postgres mosquitto:/usr/sbin/mosquitto \
	  mosquitto-clients:/usr/bin/mosquitto_pub gcc:/usr/bin/gcc libc6-dev:/usr/include/stdio.h python3-pymodbus:/usr/lib/python3/dist-packages/pymodbus python3-serial-asyncio:/usr/lib/python3/dist-packages/serial_asyncio mbpoll:/usr/bin/mbpoll \
	  libxml2-utils:/usr/bin/xmllint chromium:/usr/bin/chromium nodejs:/usr/bin/node npm:/usr/bin/npm prometheus:/usr/bin/promtool
	@cd headend/console/browser && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --silent; }
	@cd headend/billing/export/testdata/readers && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --silent; }
