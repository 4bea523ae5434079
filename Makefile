.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
PYTHON ?= python3
UV := local/locks/uv.txt
# each of a dozen processes would compile some thousand modules anew: 6 s of a core where they are kept for the next
unexport PYTHONDONTWRITEBYTECODE

# what may stand after a target; other variables go before `make`, into the environment
VARIABLES := CI CSV FROM NAME PYTHON SECONDS SOURCE SPEED SYMBOLS TO UPGRADE WITH
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
UNKNOWN := $(filter-out $(VARIABLES) STOCKML_% ALPHAVANTAGE_API_KEY MAKE% -*,$(GIVEN))
NEAREST = from stock_ml.domain.spelling import nearest as n; import sys; print(n(sys.argv[1], sys.argv[2:]) or "")
MEANT = $(patsubst %, Did you mean %?,$(shell $(PYTHON) -c '$(NEAREST)' '$(1)' $(VARIABLES)))
$(foreach name,$(UNKNOWN),$(error make knows no variable $(name).$(call MEANT,$(name)) \
  It knows $(VARIABLES), and settings of .env.example by their whole names; nothing was done))

# make up SOURCE=csv CSV=bars.csv SYMBOLS=GOOGL: short names for the settings used most
ifdef SOURCE
export STOCKML_SOURCE := $(SOURCE)
endif
ifdef CSV
export STOCKML_CSV_PATH := $(abspath $(CSV))
endif
ifdef CSV_ZONE
export STOCKML_CSV_ZONE := $(CSV_ZONE)
endif
ifdef SYMBOLS
export STOCKML_SYMBOLS := $(SYMBOLS)
endif

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .venv/ready ## set everything up, start it, run the pipeline, say where to look (SOURCE=, CSV=, CSV_ZONE=, SYMBOLS=)
	@.venv/bin/python -m local up

down: .venv/ready ## stop everything and keep the data
	@.venv/bin/python -m local down

status: .venv/ready ## show each process and each DAG's last run
	@.venv/bin/python -m local status

logs: .venv/ready ## follow the log of one process: make logs NAME=consumer
	@.venv/bin/python -m local logs "$(NAME)"

replay: .venv/ready ## publish stored sessions again: make replay FROM=2024-03-04 TO=2024-03-08 SPEED=max
	@.venv/bin/python -m local replay "$(FROM)" $(if $(TO),--last "$(TO)") --speed "$(or $(SPEED),max)"

retire: .venv/ready ## move days older than the newest STOCKML_KEEP_SESSIONS sessions from PostgreSQL to S3
	@.venv/bin/python -m local retire

backup: .venv/ready ## back the three databases up to S3 and read them back
	@./stockml backup

restore: .venv/ready ## put a backup in the place of the databases, after asking: make restore [NAME=2026-11-26T03-00-00Z]
	@.venv/bin/python -m local restore $(if $(NAME),--name "$(NAME)")

reset: .venv/ready ## forget an installation and its data, after asking
	@.venv/bin/python -m local reset

check: .venv/dev ## lint, format, types, import contracts, schemas of YAML files
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	.ci/compose

fix: .venv/dev ## mend what ruff can mend by itself, and format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# plug-ins of pytest that no unit test uses: a second for each process
LEAN = -p no:schemathesis -p no:anyio -p no:typeguard
# each worker begins with a half of the files: a calendar or a table that tests of a file share is made in one of them
SIDE_BY_SIDE = -n 2 --dist worksteal
# `make unit` alone tries ten examples of each property; `make test` and CI try a hundred
EXAMPLES = $(if $(CI),,--hypothesis-profile=quick)
unit: .venv/dev ## the unit tests alone: no servers, no sockets
	.venv/bin/python -m pytest $(SIDE_BY_SIDE) $(LEAN) $(EXAMPLES) tests/unit

test: EXAMPLES =
test: check unit ## every check and test: unit, adapters, DAGs, the whole stack in a browser
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/e2e tests/dags tests/adapters

fuzz: .venv/dev ## fuzz a parser, guided by coverage: make fuzz NAME=csv (json, yahoo) SECONDS=600
	@.venv/bin/python -m tests.fuzz "$(or $(NAME),csv)" "$(or $(SECONDS),600)"

oldest: ## set-up and unit tests on the oldest Python 3.11 of this machine, in a copy
	@.ci/oldest

coverage: .venv/dev ## measure what unit tests cover, then all but the browser tests, and list the files covered least
	.venv/bin/python -m pytest $(SIDE_BY_SIDE) --cov --cov-report= tests/unit
	@echo "the unit tests alone cover $$(.venv/bin/coverage report --format=total) %"
	.venv/bin/python -m pytest --cov --cov-append --cov-report= tests/adapters tests/dags
	@.venv/bin/coverage report --sort=cover | sed -n '1,22p;$$p'

bench: .venv/dev ## list the benchmarks, or run one: make bench NAME=start, WITH="seed=2" for its options
	@.venv/bin/python -m benchmarks $(NAME) $(WITH)

screenshot: .venv/dev ## photograph the running dashboard for the README
	@.venv/bin/python -m docs.screenshot

facts: .venv/dev ## draw what the sandbox's markets look like for docs/sandbox.md, and print its figures
	@.venv/bin/python -m docs.stylised_facts

lock: .venv/dev ## pin what requirements.in and requirements-dev.in ask for; pins stay unless UPGRADE=1
	$(PIN) requirements.in -o requirements.txt
	$(PIN) requirements-dev.in -o requirements-dev.txt
	for lock in local/locks/uv local/locks/nodejs docker/mlflow; do $(PIN) $$lock.in -o $$lock.txt; done

# pip-audit has an environment of its own: what it needs must not decide what is locked
audit: .venv/dev ## look every locked package up among known vulnerabilities; this asks the package index for each
	for lock in requirements.txt requirements-dev.txt local/locks/uv.txt local/locks/nodejs.txt docker/mlflow.txt; do \
	  .venv/bin/uv tool run --from pip-audit==2.10.1 pip-audit --disable-pip --require-hashes --requirement $$lock; done

PIN = .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes -q --no-header $(if $(UPGRADE),--upgrade)
SYNC = .venv/bin/uv pip sync -q --python .venv/bin/python
# the Python that .venv must be of: the one that PYTHON= names, else the one that it was made by
OWN_PYTHON = $(if $(filter file,$(origin PYTHON)),.venv/bin/python,$(PYTHON))

# looked at each time: .venv is made anew for another Python, or where its own is gone
.venv/uv: FORCE
	@$(OWN_PYTHON) local/preflight.py .venv 2>/dev/null || { \
	  command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON). Debian: apt-get install python3 python3-venv;" \
	    "macOS: brew install python@3.11; then make up PYTHON=python3.11" >&2; exit 1; }; \
	  $(PYTHON) local/preflight.py && rm -rf .venv && $(PYTHON) -m venv .venv; }
	@cmp -s $(UV) $@ || { .venv/bin/python -m pip install -q --require-hashes -r $(UV) && cp $(UV) $@; }

# packages of sources that you chose (docs/sources.md); they change no package of the lock
SOURCES = $(wildcard requirements-sources.txt)
ADD = .venv/bin/uv pip install -q --python .venv/bin/python --constraint requirements.txt --requirement

# sync: a package that left the lock leaves .venv too
.venv/ready: requirements.txt $(SOURCES) .venv/uv
	@$(SYNC) requirements.txt $(if $(wildcard .venv/dev),requirements-dev.txt) $(SOURCES:%=&& $(ADD) %) && touch $@

.venv/dev: requirements-dev.txt .venv/ready
	@$(SYNC) requirements.txt requirements-dev.txt $(SOURCES:%=&& $(ADD) %) && touch $@

.PHONY: help up down status logs replay retire backup restore reset
.PHONY: check fix unit test fuzz oldest coverage bench screenshot facts lock audit FORCE
