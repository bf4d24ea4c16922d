# The verbs of this project. `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help run install uninstall demo test test-pages test-servers contract openapi check simulate model chaos mutants fuzz bench deps up down

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Run the service (STACK=embedded|local|compose|external|auto; HA=on: with standbys; PROFILE=release: slow to build, fast)
	@crates/testing/dev-servers/run.sh

install: ## Install a release build and its systemd unit (PREFIX=/usr/local DESTDIR= SYSCONFDIR=/etc)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' SYSCONFDIR='$(SYSCONFDIR)' BUILT='$(BUILT)' packaging/install.sh

uninstall: ## Remove what `make install` installed, but for settings and data
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' SYSCONFDIR='$(SYSCONFDIR)' packaging/install.sh remove

demo: deps ## Sell out a sale to thousands of users, and check every unit
	cargo test -q -p app --test demo

# Most tests wait for servers, not for the processor: more of them at once than it has cores.
test: deps ## Run all tests, on private servers
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-6} cargo test --workspace
	@if crates/testing/dev-servers/deps.sh browser; then cargo test --workspace --test pages core::; \
	else echo "note: the pages were NOT tried: Chromium or axe-core is missing, and could not be installed; why is said above. Once they are there, \`make test-pages\` tries them" >&2; fi

# Apart from the others, but for the ways that everybody goes: all of them are minutes of work.
test-pages: deps ## Try the pages in Chromium, which it installs; pictures of them are left in target/pages
	@crates/testing/dev-servers/deps.sh browser
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-6} cargo test --workspace --test pages

test-servers: deps ## Run the adapters' tests on every version of the servers (PG_BINS="dir …" REDIS_BINS="dir …")
	@crates/testing/dev-servers/test-servers.sh

contract: ## Hold the service to docs/openapi*.json by made-up requests (STACK=servers|embedded|tokens EXAMPLES=n SEED=s)
	@STACK='$(STACK)' EXAMPLES='$(EXAMPLES)' SEED='$(SEED)' crates/testing/dev-servers/contract.sh

openapi: ## Write docs/openapi.json and docs/openapi-admin.json anew, after a change of the API
	@crates/testing/dev-servers/deps.sh compiler
	UPDATE_OPENAPI=1 cargo test -q -p http-api the_committed_document

check: ## Check format, lints, documentation, licences and the dependency rules
	@crates/testing/dev-servers/deps.sh compiler deny
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path crates/trials/fuzz/Cargo.toml --check
	RUSTFLAGS='--cfg fuzzing' cargo clippy --manifest-path crates/trials/fuzz/Cargo.toml --no-default-features -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps
	cargo deny --config .deny.toml check --deny warnings bans licenses sources
	crates/check-doors.sh

simulate: ## Run the services with everything going wrong (STACK=embedded SEEDS=1000000; SEED=7 shows one)
	@crates/testing/dev-servers/deps.sh compiler
	cargo build --release -p simulation
	$${CARGO_TARGET_DIR:-target}/release/simulate $(STACK:%=--stack %) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),100000))

model: ## Explore the protocol further than `make test` does (MODEL="--help": how)
	@crates/testing/dev-servers/deps.sh compiler
	cargo build --release -p model
	$${CARGO_TARGET_DIR:-target}/release/model $(MODEL)

chaos: ## Break everything under the service and judge what it answered (STACK=embedded CYCLES=n SEED=s LANES=n CHAOS="--help", CHAOS=upgrade, CHAOS=failover)
	@crates/testing/dev-servers/deps.sh compiler faults $(if $(filter embedded,$(STACK)),,servers)
	cargo build --release -p app -p chaos
	$${CARGO_TARGET_DIR:-target}/release/chaos $(STACK:%=--stack %) $(CYCLES:%=--cycles %) $(SEED:%=--seed %) $(LANES:%=--lanes %) $(CHAOS)

mutants: ## Take the defences out one by one, and see that chaos finds out (MUTANTS="--mutant NAME")
	@crates/testing/dev-servers/deps.sh compiler servers faults
	cargo build --release -p chaos
	$${CARGO_TARGET_DIR:-target}/release/chaos $(SEED:%=--seed %) $(LANES:%=--lanes %) mutants $(MUTANTS)

fuzz: ## Feed garbage to what reads codes, names and replies, guided by coverage (FUZZ_SECONDS=60 a target)
	@crates/trials/fuzz/run.sh $(or $(FUZZ_SECONDS),60)

bench: ## Measure the service, each figure beside the floor of this machine (BENCH="--help": how)
	@crates/testing/dev-servers/deps.sh compiler servers faults wrk
	cargo build --release -p app -p bench
	$${CARGO_TARGET_DIR:-target}/release/bench $(BENCH)

deps: ## Install what is missing: a C compiler, Redis, Postgres, PgBouncer, Prometheus, curl, Python
	@crates/testing/dev-servers/deps.sh compiler servers pooler clients watcher

up: ## Start Redis and Postgres in containers, and print their URLs
	@docker compose up --detach --wait redis postgres
	@echo "export DATABASE_URL=postgres://postgres:flashsale@$$(docker compose port postgres 5432)/flashsale"
	@echo "export REDIS_URL=redis://$$(docker compose port redis 6379)"

down: ## Stop the containers; the database is kept
	@docker compose down
