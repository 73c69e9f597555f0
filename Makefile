# make test: everything a change is held against, from a clean clone, with only Go (and a C compiler for -race) installed. RabbitMQ, Kafka and
# PostgreSQL are brought by test/servers/run, which on Debian 12 as root installs what is missing.
GO ?= go
.PHONY: build release test quick vet kill matrix mutants bench screenshots

VERSION ?= dev
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.release=$(VERSION)" -o bin/hub ./cmd/hub

# what is given to others, in dist/: docs/operate.md has what
release:
	GO=$(GO) tools/release $(VERSION)

# one package after another: many tests measure time beside real servers, and two packages at once on two cores stall each other
test: vet
	test/servers/run sh -c '$(GO) test -race -p 1 -timeout 20m ./... && $(GO) test -C test/browser -timeout 10m ./...'

# the quick loop: what has no server is skipped
quick:
	$(GO) test ./...

vet:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run gofmt -w"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -C test/browser ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	GO=$(GO) tools/check

# the long form of the crash tests: 100 x kill -9, 20 x SIGTERM under 300 orders/s
kill:
	HUB_TEST_KILLS=100 HUB_TEST_KILL_PAUSE=2500ms HUB_TEST_TERMS=20 $(GO) test -count=1 -v -timeout 30m -run 'TestKill|TestTerm|TestPoison' ./test/system

# the long form of the fault matrix: every source with every target, 2,000 messages and seven faults a cell
matrix:
	HUB_TEST_MATRIX=full test/servers/run $(GO) test -count=1 -v -timeout 30m -run TestMatrix ./test/matrix

# planted bugs, each of which the tests must catch
mutants:
	test/servers/run $(GO) run ./test/mutants

# pictures of all pages of the console, empty and full, light, dark and on a telephone, for people to look at
DIR ?= /tmp/screenshots
screenshots:
	HUB_SCREENSHOTS=$(DIR) $(GO) test -C test/browser -count=1 -run TestScreenshots ./...

bench:
	bench/run
