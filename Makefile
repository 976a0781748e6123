# make help lists the targets. scripts/ has what is longer than a line or two.

.DEFAULT_GOAL := help
export CGO_ENABLED ?= 0

# make image FIRMWARE=no: without what is not free software (CPU microcode, network card firmware)
FIRMWARE ?= yes
# make image BOARD=uefi-arm64: another kind of machine (directories in board/)
BOARD ?= pc-amd64
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
image: web build/mkimage ## build/sanduk-BOARD.img, .efi, .update (BOARD=uefi-arm64; FIRMWARE=no: without microcode and firmware)
	@scripts/deps image
	@build/mkimage -board $(BOARD) $(firmware)

.PHONY: release
release: web build/mkimage ## what people download: image with gzip, checksums, signature (KEY=secret minisign key TRUST=directory of *.pub; BOOTKEY, BOOTCERT as KEY, CERT of sign)
	@scripts/deps image $(if $(BOOTKEY),sign)
	@build/mkimage -board $(BOARD) $(firmware) -release $(if $(KEY),-key '$(KEY)' -trust '$(TRUST)') $(if $(BOOTKEY),-boot-key '$(BOOTKEY)' -boot-cert '$(BOOTCERT)')

.PHONY: sign
sign: web build/mkimage ## as image, signed for Secure Boot (KEY=private key CERT=certificate, both PEM files: make keys)
	@test -n '$(KEY)' && test -n '$(CERT)' || { echo 'make sign KEY=private.pem CERT=certificate.pem (make keys makes them)' >&2; exit 2; }
	@scripts/deps image sign
	@build/mkimage -board $(BOARD) $(firmware) -boot-key '$(KEY)' -boot-cert '$(CERT)'

.PHONY: keys
keys: build/mkimage ## a key of your own for Secure Boot: build/secureboot/*.pem
	@build/mkimage -new-boot-key build/secureboot

.PHONY: hello
hello: build/mkimage ## an image that only says hello, to measure against
	@scripts/deps image
	@build/mkimage -board $(BOARD) -hello $(firmware)

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
