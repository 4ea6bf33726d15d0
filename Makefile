# Two commands matter:  make doctor   make test
# The rest is what .ci/run and contributors use; 'make help' lists it.

GO       ?= go
BIN      := bin/sockeye
CROSS    := linux/amd64 linux/arm64 windows/amd64 darwin/arm64 freebsd/amd64
TESTFLAGS ?=

.PHONY: help build doctor test wine race deps generate bench fuzz lint vuln cross tidy fresh clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## the binary, bin/sockeye: static, no cgo
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '-s -w' -o $(BIN) ./cmd/sockeye

doctor: build ## examine this machine (with sudo it sees everything)
	@./$(BIN) doctor; code=$$?; [ $$code -le 2 ] || exit $$code

deps: ## install the Debian packages that the tests need (root), or name them
	@./scripts/deps

test: deps ## the whole suite; as root it also tests against the running kernel
	@./scripts/test $(TESTFLAGS)

wine: deps ## run the tests as Windows programs, under Wine
	@./scripts/wine

generate: ## rebuild the eBPF objects (needs clang, llvm-strip and libbpf-dev)
	$(GO) generate ./...

fresh: ## prove that the committed eBPF objects are what the sources give
	@./scripts/fresh

bench: build ## compare with ss, netstat, lsof and bpftrace in one run; print a table
	@./scripts/bench

fuzz: ## run each fuzz target for a minute
	@./scripts/fuzz

lint: ## vet for every system, golangci-lint
	@./scripts/lint

vuln: ## known vulnerabilities in what we depend on
	@./scripts/vuln

cross: ## build for every system
	@for t in $(CROSS); do echo "build $$t"; CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/sockeye || exit 1; done

tidy: ## fail when go.mod is not tidy
	$(GO) mod tidy -diff

clean:
	rm -rf bin
