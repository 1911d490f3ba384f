# One target per task, for people and for CI. The targets run commands of ops/, scripts/, lab/ and toolchain/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The variables that the command line defines. They are collected here, because the next lines redefine them.
typed := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))

# Scripts get the text of NAME=text unchanged, through the environment. make would expand a $ in it, also when it passes
# it on in MAKEFLAGS. In a recipe, the text would become part of the shell's command line.
$(foreach name,$(typed),$(eval override export $(name) := $$(value $(name))))
MAKEOVERRIDES =

# These name what is replaced, or confirm a loss. So only the command line sets them: a shell may have them from an earlier
# command, and some shells set HOST by themselves.
$(foreach name,HOST FILE DUMP GONE,$(if $(filter environment,$(origin $(name))),$(eval unexport $(name))))

# The stack to work on. `dev` is on the lab of this machine. Any other has the user's cloud, backend and passphrase.
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
status: venv ## Show the health of each role, and what to do about problems; ARGS=--json for machines
	@.venv/bin/python -m scripts.with_args .venv/bin/python -m ops status

.PHONY: verify
verify: venv ## Show manual changes on hosts and in the cloud; ARGS=--json for machines
	@.venv/bin/python -m scripts.with_args .venv/bin/python -m ops verify

.PHONY: repair
repair: venv ## Undo the changes that `make verify` shows
	@.venv/bin/python -m ops repair

.PHONY: backup
backup: venv ## Write the database and Congress's encryption key to the new FILE=path
	@.venv/bin/python -m ops backup -- "$${FILE:-}"

.PHONY: restore
restore: venv ## Restore a backup, FILE=path, or a dump on the database's host, DUMP=name
	@.venv/bin/python -m ops restore $${DUMP:+"--dump=$$DUMP"} $${FILE:+-- "$$FILE"}

.PHONY: replace
replace: venv ## Replace the server of HOST=name, with the image and flavor of the settings; FILE=backup for a lost database
	@.venv/bin/python -m ops replace -- "$${HOST:-}" $${FILE:+"$$FILE"}

.PHONY: confirm-dead
confirm-dead: venv ## Confirm that HOST=name of the pair is dead because its compute host is down: the other host takes over
	@.venv/bin/python -m ops confirm-dead -- "$${HOST:-}"

.PHONY: output
output: ## Print the stack's outputs as one JSON object; SECRETS=1 shows the secret ones
	@scripts/venv >&2
	@.venv/bin/python -m ops output

.PHONY: ssh
ssh: ## Open a shell on HOST=name, or run ARGS='command' in its shell; options of ssh: ARGS='-N -L ...'
	@scripts/venv >&2
	@.venv/bin/python -m ops ssh -- "$${HOST:-}" "$${ARGS:-}"

.PHONY: pulumi
pulumi: venv ## Run the Pulumi CLI in the stack's environment: ARGS='stack history'
	@.venv/bin/python -m scripts.with_args scripts/pulumi

.PHONY: down
down: ## Remove the deployment from the cloud, and the stack; the lab stays
	@scripts/down

.PHONY: image
image: venv ## Make the prebuilt image and upload it to the stack's cloud; ARGS='--name NAME --only build'
	@.venv/bin/python -m scripts.with_args .venv/bin/python -m ops image

.PHONY: leftovers
leftovers: venv ## List what in the cloud bears the stack's name, whoever made it
	@.venv/bin/python -m ops leftovers

##@ Policies
.PHONY: policy-test
policy-test: venv ## Test policies and datasources as code, without a cloud; ARGS='FOLDER --junit FILE', else policies/examples
	@ARGS="$${ARGS:-policies/examples}" .venv/bin/python -m scripts.with_args .venv/bin/python -m ops policy test

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
acceptance: venv validators toolchain lab-up ## Deploy on the lab and prove that it works
	@scripts/pytest acceptance

.PHONY: acceptance-full
acceptance-full: ## Acceptance with what takes too long for every run, then ten interruptions
	@ACCEPTANCE=full $(MAKE) acceptance
	@$(MAKE) interruptions COUNT=10

.PHONY: interruptions
interruptions: venv toolchain lab-up ## Interrupt `up` and `destroy` of stack dev at random, and audit the result of the next run; COUNT=10, SEED=1
	@.venv/bin/python -m tests.bench.interruptions --count "$${COUNT:-10}" --seed "$${SEED:-1}"

.PHONY: bench
bench: venv toolchain lab-up ## Measure up, no-op up, preview and destroy on the running lab; RUNS=3
	@.venv/bin/python -m tests.bench.lifecycle --runs "$${RUNS:-3}"

.PHONY: bench-faults
bench-faults: venv ## Cause each fault in the running stack dev and measure; RUNS=5, ONLY='part of a name'
	@.venv/bin/python -m tests.bench.faults measure --runs "$${RUNS:-5}" --only "$${ONLY:-}"

.PHONY: faults
faults: venv ## Cause random faults in the running stack dev; COUNT=30, SEED=1
	@.venv/bin/python -m tests.bench.faults sequence --count "$${COUNT:-30}" --seed "$${SEED:-1}"

.PHONY: bench-data
bench-data: venv ## Measure the running stack dev with many rows: push ROWS='100 100000'; change rows of TABLES='2 8' for DURATION=600 seconds, with ENGINES='2 4', with FAULTS=1 during faults; poll SERVERS=1000 from a simulated cloud
	@.venv/bin/python -m tests.bench.data

.PHONY: bench-changes
bench-changes: venv ## Measure changes of the running stack dev with clients at its endpoint
	@.venv/bin/python -m tests.bench.changes

##@ Lab
.PHONY: lab-up
lab-up: ## Start the embedded OpenStack on this machine (root, Debian 12)
	@lab/up

.PHONY: lab-down
lab-down: ## Stop the lab, keeping its servers
	@lab/down

.PHONY: lab-purge
lab-purge: ## Remove the lab from this machine, with stack dev
	@scripts/lab-purge

##@ Parts
.PHONY: venv
venv: ## Create .venv from the pinned requirements
	@scripts/venv

.PHONY: toolchain
toolchain: ## Build the Pulumi engine and plugins, unless the official Pulumi is installed
	@toolchain/build

.PHONY: validators
validators: ## Install the programs that validate rendered files in `make test` (root, Debian)
	@scripts/validators

.PHONY: audit
audit: venv ## List known vulnerabilities of the pinned Python packages
	@scripts/audit

.PHONY: pins
pins: venv ## Update requirements.txt and requirements-*.txt from pyproject.toml
	@scripts/pins

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile
	@printf '\nSTACK=name picks a stack (now: %s).\n' "$$STACK"

# With a misspelt name, the default would apply (`make down STAK=test` would remove stack dev). A word that is not a target
# would be noticed only after the targets before it have run (`make down prod`). So both are refused before anything runs.
# These checks come last, because a shell that completes targets must get them from make first.
settings := STACK HOST FILE DUMP GONE ARGS SECRETS COUNT SEED RUNS ONLY ROWS SERVERS DURATION TABLES ENGINES FAULTS ACCEPTANCE PYTHON
# Variables of Pulumi, OpenStack's tools, pip, uv, Go and make.
others := OS_% PULUMI_% PIP_% UV_% GOPROXY GOSUMDB GOFLAGS %_proxy %_PROXY SSL_CERT_FILE TMPDIR CI SHELL MAKEFLAGS
of_the_lab := $(if $(filter LAB_%,$(typed)),$(shell sed -n 's/^: "$${\(LAB_[A-Z_]*\):=.*/\1/p' lab/lab.env))
unknown := $(filter-out $(settings) $(others) $(of_the_lab),$(typed))
$(if $(unknown),$(error nothing was done: there is no setting $(unknown); the settings are $(settings), and those of lab/lab.env))
# make takes the last of two (`make replace HOST=a HOST=b`), and keeps no trace of the other but in its own words.
twice := $(if $(typed),$(shell words=/proc/$$PPID/cmdline; [[ ! -r $$words ]] || sed -zn 's/^\([A-Za-z_]*\)[ :+?!]*=.*/\1/p' $$words | sort -z | uniq -zd | tr '\0' ' '))
$(if $(twice),$(error nothing was done: $(strip $(twice)) is given twice: give it once))
targets := $(if $(MAKECMDGOALS),$(shell sed -n 's/^\.PHONY: //p' Makefile))
unknown := $(filter-out $(targets),$(MAKECMDGOALS))
$(if $(unknown),$(error nothing was done: there is no target $(unknown); `make help` lists them, and STACK=name picks a stack))
# These deploy, disrupt and destroy stack dev. If STACK named another stack, they would do this to that one.
of_dev := $(filter acceptance acceptance-full interruptions bench% faults,$(MAKECMDGOALS))
elsewhere := $(filter-out dev,$(value STACK))
$(if $(and $(of_dev),$(elsewhere)),$(error nothing was done: $(of_dev) is only for stack dev, and STACK is $(elsewhere)))

# The settings that each target reads. A target would ignore any other (`make down HOST=x` would remove all hosts).
reads_help := $(settings)
$(foreach target,preview status verify repair backup restore replace confirm-dead output ssh pulumi up down leftovers image,$(eval reads_$(target) := STACK))
$(foreach target,up down pulumi repair replace,$(eval reads_$(target) += GONE))
$(foreach target,status verify ssh pulumi policy-test image,$(eval reads_$(target) += ARGS))
$(foreach target,replace confirm-dead ssh,$(eval reads_$(target) += HOST))
$(foreach target,backup restore replace,$(eval reads_$(target) += FILE))
reads_restore += DUMP
reads_output += SECRETS
reads_acceptance := ACCEPTANCE
reads_interruptions := COUNT SEED
reads_faults := COUNT SEED
reads_bench := RUNS
reads_bench-faults := RUNS ONLY
reads_bench-data := ROWS SERVERS DURATION TABLES ENGINES FAULTS
$(foreach target,acceptance acceptance-full interruptions bench bench-faults bench-data bench-changes faults,$(eval reads_$(target) += STACK))
goals := $(or $(MAKECMDGOALS),help)
# Each target is checked, because `make down ssh HOST=x` would also remove all hosts.
unread_by = $(filter-out $(reads_$(1)) PYTHON,$(filter $(settings),$(typed)))
blamed := $(firstword $(foreach goal,$(goals),$(if $(call unread_by,$(goal)),$(goal))))
$(if $(blamed),$(error nothing was done: $(call unread_by,$(blamed)) is not a setting of `make $(blamed)`, which takes $(or $(sort $(reads_$(blamed))),none)))
