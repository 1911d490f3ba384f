# One target a chore, the same for people and for CI. What a target does is in ops/ or scripts/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What the command line defines, taken here: what follows makes it the Makefile's own.
typed := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))

# What is given as NAME=text reaches scripts as it was typed, by environment. make would expand a $ in it, also when it
# hands it on in MAKEFLAGS, and a text that stands in a recipe is a part of the shell's line.
$(foreach name,$(typed),$(eval override export $(name) := $$(value $(name))))
MAKEOVERRIDES =

# The stack to work on. `dev` is the lab on this machine; any other is yours: own cloud, backend, passphrase.
STACK ?= dev
export STACK

##@ Deployment
.PHONY: up
up: ## Bring everything up: toolchain, lab (stack dev only), program; print the endpoint; GONE=servers that are lost
	@scripts/up

.PHONY: preview
preview: venv ## Show what `make up` would change
	@scripts/pulumi preview --diff

.PHONY: status
status: venv ## Show the health of each role and what to do about what is wrong; ARGS=--json for machines
	@.venv/bin/python -m scripts.with_args .venv/bin/python -m ops status

.PHONY: verify
verify: venv ## Show what was changed by hand, on hosts and in the cloud; ARGS=--json for machines
	@.venv/bin/python -m scripts.with_args .venv/bin/python -m ops verify

.PHONY: repair
repair: venv ## Put right what `make verify` shows
	@.venv/bin/python -m ops repair

.PHONY: backup
backup: venv ## Write the database and Congress's encryption key into the new FILE=path
	@.venv/bin/python -m ops backup -- "$${FILE:-}"

.PHONY: restore
restore: venv ## Put a backup back, FILE=path, or DUMP=name, a dump on the database's host
	@.venv/bin/python -m ops restore $${DUMP:+"--dump=$$DUMP"} $${FILE:+-- "$$FILE"}

.PHONY: replace
replace: venv ## Give HOST=name a new server, of the image and flavor in the settings; FILE=backup for a lost database
	@.venv/bin/python -m ops replace -- "$${HOST:-}" $${FILE:+"$$FILE"}

.PHONY: confirm-dead
confirm-dead: venv ## Say that HOST=name of the pair is dead, whose compute host is down: the other one takes over
	@.venv/bin/python -m ops confirm-dead -- "$${HOST:-}"

.PHONY: output
output: ## Print the stack's outputs as one JSON object; SECRETS=1 shows the secret ones
	@scripts/venv >&2
	@.venv/bin/python -m ops output

.PHONY: ssh
ssh: ## Open a shell on HOST=name, or run ARGS='command' there, which its shell reads; ARGS='-N -L ...': ssh's options
	@scripts/venv >&2
	@.venv/bin/python -m ops ssh -- "$${HOST:-}" "$${ARGS:-}"

.PHONY: pulumi
pulumi: venv ## Run the Pulumi CLI in the stack's environment: ARGS='stack history'
	@.venv/bin/python -m scripts.with_args scripts/pulumi

.PHONY: down
down: ## Remove the deployment from the cloud, and the stack; the lab stays
	@scripts/down

##@ Tests
.PHONY: test
test: venv validators ## Run what needs no cloud, no Pulumi engine and no Go
	@scripts/pytest

.PHONY: lint
lint: venv validators ## Check style and types: ruff, mypy, shellcheck
	@scripts/lint

.PHONY: test-toolchain
test-toolchain: ## Test the Pulumi plugins of toolchain/ (needs Go)
	@toolchain/test

.PHONY: acceptance
acceptance: venv toolchain lab-up ## Deploy on the lab and prove that it works
	@scripts/pytest acceptance

.PHONY: acceptance-full
acceptance-full: ## Acceptance with what takes too long for every run, then ten interruptions
	@ACCEPTANCE=full $(MAKE) acceptance
	@$(MAKE) interruptions COUNT=10

.PHONY: interruptions
interruptions: venv toolchain lab-up ## Cut `up` and `destroy` of stack dev off at random, audit what the next run makes of it; COUNT=10, SEED=1
	@.venv/bin/python -m tests.bench.interruptions --count "$${COUNT:-10}" --seed "$${SEED:-1}"

.PHONY: bench
bench: venv toolchain lab-up ## Measure up, no-op up, preview and destroy on the running lab; RUNS=3
	@.venv/bin/python -m tests.bench.lifecycle --runs "$${RUNS:-3}"

.PHONY: bench-faults
bench-faults: venv ## Do each fault to the running stack dev and measure; RUNS=5, ONLY='part of a name'
	@.venv/bin/python -m tests.bench.faults measure --runs "$${RUNS:-5}" --only "$${ONLY:-}"

.PHONY: faults
faults: venv ## Do random faults to the running stack dev; COUNT=30, SEED=1
	@.venv/bin/python -m tests.bench.faults sequence --count "$${COUNT:-30}" --seed "$${SEED:-1}"

.PHONY: bench-data
bench-data: venv ## Measure the running stack dev with many rows: ROWS='100 100000' are pushed; with DURATION=600 rows of TABLES=2 change all the time, FAULTS=1 beside it; SERVERS=1000 are polled from a simulated cloud
	@.venv/bin/python -m tests.bench.data

.PHONY: bench-changes
bench-changes: venv ## Change the running stack dev with clients at its endpoint, and measure
	@.venv/bin/python -m tests.bench.changes

##@ Lab
.PHONY: lab-up
lab-up: ## Start the embedded OpenStack on this machine (root, Debian 12)
	@lab/up

.PHONY: lab-down
lab-down: ## Stop it, keeping its servers
	@lab/down

.PHONY: lab-purge
lab-purge: ## Remove everything the lab left on this machine, and what stack dev had on it
	@scripts/lab-purge

##@ Parts
.PHONY: venv
venv: ## Make .venv from the pinned requirements
	@scripts/venv

.PHONY: toolchain
toolchain: ## Build the Pulumi engine and plugins, unless the official Pulumi is installed
	@toolchain/build

.PHONY: validators
validators: ## Install the programs that validate rendered files in `make test` (root, Debian)
	@scripts/validators

.PHONY: audit
audit: venv ## List known vulnerabilities of the pinned Python packages, as the package index knows them
	@scripts/audit

.PHONY: pins
pins: venv ## Renew requirements.txt, requirements-dev.txt and requirements-audit.txt from pyproject.toml
	@scripts/pins

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile
	@printf '\nSTACK=name picks a stack (now: %s).\n' "$$STACK"

# A misspelt name would leave the default in its place (`make down STAK=test`: stack dev is removed), and a word that is no
# target would be missed only after the targets before it (`make down prod`). So both are refused before anything runs;
# down here, where a shell that asks make for its targets, to complete a word, has got them.
settings := STACK HOST FILE DUMP GONE ARGS SECRETS COUNT SEED RUNS ONLY ROWS SERVERS DURATION TABLES FAULTS ACCEPTANCE PYTHON
# Of the environment that Pulumi, OpenStack's tools, pip, uv and Go read, and make's own.
others := OS_% PULUMI_% PIP_% UV_% GOPROXY GOSUMDB GOFLAGS %_proxy %_PROXY SSL_CERT_FILE TMPDIR CI SHELL MAKEFLAGS
of_the_lab := $(if $(filter LAB_%,$(typed)),$(shell sed -n 's/^: "$${\(LAB_[A-Z_]*\):=.*/\1/p' lab/lab.env))
unknown := $(filter-out $(settings) $(others) $(of_the_lab),$(typed))
$(if $(unknown),$(error nothing was done: there is no setting $(unknown); known are $(settings), and those of lab/lab.env))
targets := $(if $(MAKECMDGOALS),$(shell sed -n 's/^\.PHONY: //p' Makefile))
unknown := $(filter-out $(targets),$(MAKECMDGOALS))
$(if $(unknown),$(error nothing was done: there is no target $(unknown); `make help` lists them, and STACK=name picks a stack))
# These deploy, break and destroy stack dev. A shell may have another one in STACK, which they would not spare.
of_dev := $(filter acceptance acceptance-full interruptions bench% faults,$(MAKECMDGOALS))
elsewhere := $(filter-out dev,$(value STACK))
$(if $(and $(of_dev),$(elsewhere)),$(error nothing was done: $(of_dev) is for stack dev alone, and STACK is $(elsewhere)))

# Which of them a target reads. One that it does not read would be left out (`make down HOST=x`: all hosts are removed).
# What acts on stack dev alone takes no other one's name.
reads_help := $(settings)
$(foreach target,preview status verify repair backup restore replace confirm-dead output ssh pulumi up down,$(eval reads_$(target) := STACK))
$(foreach target,up down pulumi repair replace,$(eval reads_$(target) += GONE))
$(foreach target,status verify ssh pulumi,$(eval reads_$(target) += ARGS))
$(foreach target,replace confirm-dead ssh,$(eval reads_$(target) += HOST))
$(foreach target,backup restore replace,$(eval reads_$(target) += FILE))
reads_restore += DUMP
reads_output += SECRETS
reads_acceptance := ACCEPTANCE
reads_interruptions := COUNT SEED
reads_faults := COUNT SEED
reads_bench := RUNS
reads_bench-faults := RUNS ONLY
reads_bench-data := ROWS SERVERS DURATION TABLES FAULTS
$(foreach target,acceptance acceptance-full interruptions bench bench-faults bench-data bench-changes faults,$(eval reads_$(target) += STACK))
goals := $(or $(MAKECMDGOALS),help)
# Of each of them: `make down ssh HOST=x` is about all hosts, too.
unread_by = $(filter-out $(reads_$(1)) PYTHON,$(filter $(settings),$(typed)))
blamed := $(firstword $(foreach goal,$(goals),$(if $(call unread_by,$(goal)),$(goal))))
$(if $(blamed),$(error nothing was done: $(call unread_by,$(blamed)) is no setting of `make $(blamed)`, which takes $(or $(sort $(reads_$(blamed))),none)))
