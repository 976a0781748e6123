# make help lists the targets. scripts/ has what is longer than a line or two.

.DEFAULT_GOAL := help
export CGO_ENABLED ?= 0

# make image FIRMWARE=no: without what is not free software (CPU microcode, network card firmware)
FIRMWARE ?= yes
# make fuzz FUZZTIME=5m
FUZZTIME ?= 30s

firmware = $(if $(filter no,$(FIRMWARE)),-firmware=false)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

.PHONY: run
run: build/vm ports image ## boot the image in QEMU, ports on 127.0.0.1 (FRESH=1: empty disk, SETUP=FILE: set it up)
	@scripts/deps run
	@scripts/interrupt $$PPID $$$$ & exec build/vm $(if $(FRESH),-fresh) $(if $(SETUP),-setup '$(SETUP)')

.PHONY: ports
ports: build/vm
	@build/vm -check $(if $(SETUP),-setup '$(SETUP)')

.PHONY: dev
dev: web ## maild on this machine, without QEMU; data in build/dev-data (FRESH=1, SETUP=FILE as above)
	@mkdir -p build
	@go build -o build/maild ./cmd/maild
	@$(if $(FRESH),rm -rf build/dev-data;) scripts/interrupt $$PPID $$$$ & \
		exec build/maild --dev --data build/dev-data $(if $(SETUP),--setup '$(SETUP)')

.PHONY: test
test: ## all tests; at most 40 minutes on two cores
	@scripts/test

.PHONY: test-long
test-long: ## all tests in their full form
	@scripts/test -long

.PHONY: check
check: ## format, vet, static analysis, unit tests: the quick loop
	@scripts/check

.PHONY: image
image: web build/mkimage ## build/sanduk-pc-amd64.img, .efi, .update (FIRMWARE=no: without microcode and firmware)
	@scripts/deps image
	@build/mkimage $(firmware)

.PHONY: hello
hello: build/mkimage ## an image that only says hello, to measure against
	@scripts/deps image
	@build/mkimage -hello $(firmware)

.PHONY: bench
bench: ## all benchmarks; also writes build/bench.json
	@scripts/bench

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (30s)
	@scripts/fuzz $(FUZZTIME)

.PHONY: powercut
powercut: image hello ## every test in which the power fails, in its full form
	@scripts/powercut

.PHONY: web
web:
	@scripts/web

# Go knows best what has changed.
.PHONY: build/mkimage build/vm
build/mkimage build/vm:
	@go build -o $@ ./cmd/$(notdir $@)
