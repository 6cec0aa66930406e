# Flumen: `make` says what there is to do. Every target sets up what it needs on a fresh machine.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export PATH := $(CURDIR)/.tools/bin:$(PATH)
export CARGO_TERM_COLOR ?= auto

ONCE ?=
NEXTEST_PROFILE := $(if $(CI),ci,default)
comma := ,
say = @printf '\n\033[1m== %s\033[0m\n' "$(1)"

.PHONY: help
help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ------------------------------------------------------------------ run
.PHONY: demo build dist
demo: ## Build, start everything, load real events, show them served; Ctrl-C ends it (ONCE=1: check itself and end)
	$(call say,setting up)
	@scripts/setup build
	@scripts/explorer
	$(call say,building (the first time takes 5 to 10 minutes on 2 cores; afterwards seconds))
	@cargo build --release --bins
	@ONCE=$(ONCE) scripts/demo target/release

build: ## Build every binary (debug)
	@scripts/setup build
	@scripts/explorer
	@cargo build --workspace --bins

dist: ## Build every binary as it is shipped (fat LTO; slow)
	@scripts/setup build
	@scripts/explorer
	@cargo build --profile dist --bins

# ------------------------------------------------------------------ test
# The binaries that tests break can be broken at named places (crates/store/src/failpoint.rs); the same everywhere, so that nothing is built twice.
BREAKABLE := --features store/failpoints
.PHONY: test test-clients test-observability test-explorer test-unit test-integration test-sdk test-pg15
test: ## Every test, on a real Kafka and a real PostgreSQL
	$(call say,setting up)
	@scripts/setup test
	@scripts/explorer
	$(call say,building the services and the tests (8 to 15 minutes on 2 cores when nothing is cached))
	@cargo build --workspace --bins $(BREAKABLE)
	@cargo nextest run --workspace --no-run
	$(call say,tests on a real Kafka and PostgreSQL)
	@target/debug/devstack run -- cargo nextest run --workspace --profile $(NEXTEST_PROFILE)
	$(call say,the most telling faults under load$(comma) on 3 brokers (3 to 5 minutes))
	@target/debug/flumen-faults --reduced --patience 6
	$(call say,the drill$(comma) short: the database destroyed under load and restored from a backup in S3 (1 to 2 minutes))
	@scripts/drill target/debug --short
	$(call say,the examples in the documentation)
	@cargo test --workspace --doc --quiet
	$(call say,the official CloudEvents SDKs against a running pipeline)
	@scripts/with-stack target/debug tests/sdk/run
	$(call say,generated clients$(comma) the examples of docs/api.md$(comma) schemathesis (3 to 5 minutes))
	@scripts/with-stack target/debug tests/clients/run
	$(call say,the Explorer in a real Chromium)
	@scripts/with-stack target/debug scripts/test-explorer
	$(call say,five alerts from the fault to the mail$(comma) every query of rules and dashboards$(comma) every metric (2 to 3 minutes))
	@scripts/with-stack target/debug tests/observability/live target/debug

test-clients: ## Generated clients, the examples of docs/api.md and schemathesis against a running pipeline
	@scripts/setup test
	@scripts/explorer
	@cargo build --workspace --bins
	@scripts/with-stack target/debug tests/clients/run

test-observability: ## Break five things; each must be mailed, and its end. Every query of rules and dashboards has data, every metric moves
	@scripts/setup test
	@scripts/explorer
	@cargo build --workspace --bins $(BREAKABLE)
	@scripts/with-stack target/debug tests/observability/live target/debug

test-explorer: ## The Explorer in a real Chromium, as query-api serves it (SCREENSHOTS_DIR=folder takes pictures)
	@scripts/setup test
	@scripts/explorer
	@cargo build --workspace --bins
	@scripts/with-stack target/debug scripts/test-explorer

test-unit: ## Only what needs no service
	@scripts/setup test
	@cargo nextest run --workspace --lib --bins

test-pg15: ## The tests that touch the database, on PostgreSQL 15
	@scripts/setup test
	@cargo build --workspace --bins $(BREAKABLE)
	@target/debug/devstack run --postgres-version 15 -- cargo nextest run -p store -p writer -p query-api --profile $(NEXTEST_PROFILE)

# ------------------------------------------------------------------ faults
# ONLY="writer-zombie leader" for some faults, MINUTES for a campaign by chance until then, SEED to choose the moments and victims.
.PHONY: faults faults-list soak
SEED ?= 1
MINUTES ?=
faults: ## Break every part under load, on 3 brokers; nothing may be lost or doubled (ONLY=.., MINUTES=.., SEED=..; 20 minutes)
	$(call say,setting up)
	@scripts/setup test
	@scripts/explorer
	$(call say,building)
	@cargo build --workspace --bins $(BREAKABLE)
	$(call say,breaking things)
	@target/debug/flumen-faults --seed $(SEED) $(addprefix --only ,$(ONLY)) $(addprefix --minutes ,$(MINUTES)) \
		$(if $(ONLY)$(MINUTES),,--docs docs/reliability.md)

faults-list: ## Say which faults there are
	@scripts/setup test
	@cargo run --quiet -p faults -- --list

soak: ## Half of the capacity for MINUTES=60 with a random fault every 10 seconds; plots in docs/reliability
	$(call say,setting up)
	@scripts/setup build
	@scripts/explorer
	$(call say,building)
	@cargo build --release -p faults -p ingest-api -p writer -p query-api --bins
	$(call say,soaking for $(or $(MINUTES),60) minutes; leave the machine alone meanwhile)
	@target/release/flumen-faults --seed $(SEED) --docs docs/reliability.md soak --minutes $(or $(MINUTES),60)

# ------------------------------------------------------------------ drill
.PHONY: drill
drill: ## Destroy the database under load and restore it from a backup in S3; nothing accepted may be missing or doubled (5 minutes)
	$(call say,setting up)
	@scripts/setup test
	@scripts/explorer
	$(call say,building)
	@cargo build --workspace --bins $(BREAKABLE)
	$(call say,the drill)
	@scripts/drill target/debug --docs docs/reliability.md

.PHONY: test-migration
test-migration: ## Move a running pipeline from PostgreSQL 15 to 18 under load, and back, and forth; nothing may be lost or doubled (4 minutes; nightly)
	$(call say,setting up)
	@scripts/setup test
	@scripts/setup pgtools
	@scripts/explorer
	$(call say,building)
	@cargo build --workspace --bins $(BREAKABLE)
	$(call say,the rehearsal of a migration)
	@python3 -B tests/migrate/run.py target/debug --docs docs/reliability.md

# ------------------------------------------------------------------ fuzz
# SECONDS for each target, two at a time; TARGETS="body record cursor filters copy" for some. bash counts in SECONDS itself, hence the other name inside.
fuzz: FUZZ_SECONDS := $(or $(SECONDS),600)
.PHONY: fuzz
fuzz: ## Fuzz parsers, decoders and the COPY encoder with a nightly compiler (SECONDS=600, TARGETS="..")
	$(call say,setting up)
	@scripts/setup test
	@scripts/explorer
	@cargo build -p devstack
	$(call say,fuzzing)
	@$(if $(FLUMEN_TEST_POSTGRES),,target/debug/devstack run --) scripts/fuzz $(FUZZ_SECONDS) $(TARGETS)

# ------------------------------------------------------------------ bench
# QUICK=1 for under 7 minutes, ONLY="writer_copy page_filtered" for some groups, COMPARE=results.json to be told what got worse.
# ONLY=growth for the large table, which nothing else includes: a quarter of an hour and 40 GB of disk.
# A full run measures what is shipped, which takes 13 minutes to build; a quick one the release build (PROFILE=.. for the other).
QUICK ?=
ONLY ?=
COMPARE ?=
PROFILE ?= $(if $(QUICK),release,dist)
.PHONY: bench
bench: ## Measure everything, each figure beside its limit (QUICK=1, ONLY=.., COMPARE=results.json)
	$(call say,setting up)
	@scripts/setup build
	@scripts/explorer
	$(call say,building with profile $(PROFILE))
	@cargo build --profile $(PROFILE) -p bench -p ingest-api -p writer -p query-api --bins
	$(call say,measuring ($(if $(filter growth,$(ONLY)),about 15,$(if $(QUICK),under 7,under 20)) minutes; leave the machine alone meanwhile))
	@target/$(PROFILE)/bench $(if $(QUICK),--quick) $(addprefix --only ,$(ONLY)) $(if $(COMPARE),--compare $(COMPARE)) \
		$(if $(ONLY),--out target/bench/only) $(if $(QUICK)$(filter-out growth,$(ONLY)),,--docs docs/benchmarks.md)

# ------------------------------------------------------------------ check
.PHONY: check check-observability fmt clippy doc deny shell check-explorer check-deploy check-terraform
check: fmt clippy doc deny shell check-explorer check-observability check-terraform check-deploy ## Formatting, lints, documentation, licences, the page, deployment, Terraform

fmt: ## Formatting
	@cargo fmt --all --check

clippy: ## Lints, warnings refused
	$(call say,clippy)
	@scripts/setup test
	@cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings

doc: ## The documentation builds, its links resolve
	$(call say,rustdoc)
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --quiet

deny: ## Licences, bans, sources of every dependency; advisories where their database can be had
	$(call say,dependencies)
	@scripts/setup test
	@cargo fetch --locked --quiet
	@cargo deny --log-level error --offline check licenses bans sources
	@scripts/advisories

shell: ## Shell scripts parse
	@for f in $$(git ls-files scripts tests .ci | xargs grep -lE '^#!.*\bbash'); do bash -n "$$f"; done

check-explorer: ## The page: lint, types, unit tests, size
	@cd explorer && npm ci --no-audit --no-fund --loglevel=error && npm run check

check-deploy: ## Images, Compose, charts, ArgoCD, workflows: without Docker or a cluster (5 minutes; the first time about 10 more)
	@scripts/setup test
	@scripts/check-deploy

check-observability: ## Alerts, dashboards, runbooks and the routing of alerts (half a minute)
	$(call say,rules and dashboards)
	@scripts/setup test
	@scripts/check-observability

check-terraform: ## Terraform: format, validate, test, policies; without a cloud or a registry (4 to 6 minutes)
	@scripts/check-terraform

# ------------------------------------------------------------------ environments on AWS
ENVIRONMENT ?=
.PHONY: smoke destroy
smoke: ## Look at an environment from outside: ENVIRONMENT=staging or production (scripts/smoke says more)
	@scripts/smoke "$(ENVIRONMENT)"

destroy: ## Take an environment away, in order, and look for what is left: ENVIRONMENT=staging (scripts/destroy says more)
	@scripts/destroy "$(ENVIRONMENT)"

.PHONY: clean
clean: ## Remove what was built; caches of Kafka and PostgreSQL stay
	@rm -rf target
