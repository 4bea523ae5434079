.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
UV := uv==0.13.9
# each of a dozen processes would compile some thousand modules anew: 6 s of a core where they are kept for the next
unexport PYTHONDONTWRITEBYTECODE

# make up SOURCE=csv CSV=bars.csv SYMBOLS=GOOGL: short names for the settings used most
ifdef SOURCE
export STOCKML_SOURCE := $(SOURCE)
endif
ifdef CSV
export STOCKML_CSV_PATH := $(abspath $(CSV))
endif
ifdef SYMBOLS
export STOCKML_SYMBOLS := $(SYMBOLS)
endif

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .venv/ready ## set everything up, start it, run the pipeline, say where to look (SOURCE=, CSV=, SYMBOLS=)
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

check: .venv/dev ## lint, format, types, import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test: check ## every test: unit, adapters, DAGs, the whole stack in a browser
	.venv/bin/python -m pytest -n 2 tests/unit
	.venv/bin/python -m pytest tests/adapters tests/dags tests/e2e

oldest: ## set-up and unit tests on the oldest Python 3.11 of this machine, in a copy
	@.ci/oldest

bench: .venv/dev ## list the benchmarks, or run one: make bench NAME=start, WITH="seed=2" for its options
	@.venv/bin/python -m benchmarks $(NAME) $(WITH)

screenshot: .venv/dev ## photograph the running dashboard for the README
	@.venv/bin/python -m docs.screenshot

facts: .venv/dev ## draw what the sandbox's markets look like for docs/sandbox.md, and print its figures
	@.venv/bin/python -m docs.stylised_facts

lock: .venv/dev ## resolve requirements.in and requirements-dev.in anew
	.venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes -q --no-header requirements.in -o requirements.txt
	.venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes -q --no-header requirements-dev.in -o requirements-dev.txt

.venv/uv:
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON). Debian: apt-get install python3 python3-venv;" \
	  "macOS: brew install python@3.11; then make up PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) local/preflight.py
	@$(PYTHON) -m venv .venv && .venv/bin/python -m pip install -q $(UV) && touch $@

.venv/ready: requirements.txt .venv/uv
	@.venv/bin/uv pip install -q --python .venv/bin/python -r requirements.txt && touch $@

.venv/dev: requirements-dev.txt .venv/ready
	@.venv/bin/uv pip install -q --python .venv/bin/python -r requirements-dev.txt && touch $@

.PHONY: help up down status logs replay retire backup restore reset check test oldest bench screenshot facts lock
