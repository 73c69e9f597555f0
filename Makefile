# make test: everything a change is held against, from a clean clone, with only Go (and a C compiler for -race) installed.
GO ?= go
.PHONY: build test quick vet kill bench

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/hub ./cmd/hub

test: vet
	$(GO) test -race -timeout 14m ./...

# the quick loop
quick:
	$(GO) test ./...

vet:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run gofmt -w"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...

# the long form of the crash tests: 100 x kill -9, 20 x SIGTERM under 300 orders/s
kill:
	HUB_TEST_KILLS=100 HUB_TEST_TERMS=20 $(GO) test -count=1 -v -timeout 30m -run 'TestKill|TestTerm|TestPoison' ./test/system

bench:
	bench/run
