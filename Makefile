# Millrace: everything a person does here is a target. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
p ?= retraced

export PYTHONDONTWRITEBYTECODE :=
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup demo up test test-whole check format docs lock bench localaws show new deploy doctor clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  \033[1mmake %-10s\033[0m %s\n", $$1, $$2}'
	@echo "  p=<pipeline> chooses the pipeline; it is retraced unless said."

setup: .venv/.ready  ## set up the environment in .venv (the other targets do it by themselves)

.venv/.ready: requirements.lock scripts/setup.sh
	@PYTHON=$(PYTHON) bash scripts/setup.sh

demo: .venv/.ready  ## run a pipeline for real on sample data and show its numbers and its chart
	@$(BIN)/millrace demo $(p)

up: .venv/.ready  ## run Airflow's UI and services and the embedded AWS until stopped; prints the addresses
	@$(BIN)/millrace up

test: .venv/.ready  ## run the tests
	@$(BIN)/python -m pytest

test-whole: .venv/.ready  ## run the tests that take minutes each: whole pipelines, Terraform, scaffolds
	@$(BIN)/python -m pytest -m whole

check: .venv/.ready  ## ruff, mypy, sqlfluff, and generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar sql
	$(BIN)/python -m localaws.docs --check
	$(BIN)/python -m millrace.diagrams --check
	$(BIN)/python -m millrace.dictionary --check
	$(BIN)/python -m millrace.cost_page --check

format: .venv/.ready  ## format the code
	@$(BIN)/ruff check --fix-only --exit-zero . && $(BIN)/ruff format .

docs: .venv/.ready  ## write the generated documents again
	@$(BIN)/python -m localaws.docs
	@$(BIN)/python -m millrace.diagrams
	@$(BIN)/python -m millrace.dictionary
	@$(BIN)/python -m millrace.cost_page

bench: .venv/.ready  ## measure: converter, metrics, Athena, S3, Lambda, the DAG's overhead
	@$(BIN)/python -m benchmarks

localaws: .venv/.ready  ## start the embedded AWS alone
	@$(BIN)/python -m localaws

show: .venv/.ready  ## list all that belongs to a pipeline
	@$(BIN)/millrace show $(p)

new: .venv/.ready  ## scaffold a pipeline for another CSV: make new p=orders [csv=orders.csv]
	@$(BIN)/millrace new $(p) $(if $(csv),--csv $(csv))

deploy: .venv/.ready  ## bring an AWS account to what this checkout says: env=dev [plan=1] [approve=1]
	@$(BIN)/millrace deploy --env $(or $(env),$(error say which: make deploy env=dev)) $(if $(plan),--plan) $(if $(approve),--approve)

doctor:  ## say what is there, what is missing and how to mend it: [env=dev]
	@test -x $(BIN)/millrace || { echo "there is no environment yet: make setup" >&2; exit 1; }
	@$(BIN)/millrace doctor $(if $(env),--env $(env))

lock: .venv/.ready  ## resolve requirements.lock again from pyproject.toml and constraints.txt
	@bash scripts/lock.sh

clean:  ## remove the environment and all that was generated
	rm -rf .venv .millrace build *.egg-info
