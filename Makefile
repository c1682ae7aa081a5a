# One target for each thing a contributor does daily. The two that do everything: `make lab` and `make test`.
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RACK ?= inventory/lab
export PATH := $(CURDIR)/$(BIN):$(PATH):/usr/sbin:/sbin

.PHONY: help lab down test unit e2e lint golden bench chaos deps clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

lab: deps ## Bring up the virtual rack as a real cloud: image, nodes, and all stages
	$(BIN)/scs-rack image build -r $(RACK)
	$(BIN)/scs-rack lab up -r $(RACK)
	$(BIN)/scs-rack up -r $(RACK)

down: deps ## Remove the virtual rack; the caches stay
	$(BIN)/scs-rack lab down -r $(RACK)

test: deps lint ## All tests: lint, unit, golden and error tests, roles, and the whole lab once
	$(BIN)/scs-rack image build -r $(RACK)
	$(BIN)/pytest

unit: deps ## The fast tests alone
	$(BIN)/pytest -m "not lab and not root"

e2e: deps ## The tests that build a virtual rack
	$(BIN)/scs-rack image build -r $(RACK)
	$(BIN)/pytest -m "lab or root"

lint: deps ## ruff, mypy, yamllint, ansible-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --offline -q

golden: deps ## Write the expected outputs anew (look at the diff before you commit it)
	$(BIN)/python -m tests.golden.write

bench: deps ## Bring-up against a plain shell script of the raw commands
	$(BIN)/python benchmarks/bring_up.py

SEEDS ?= 1-20
chaos: deps ## Kill runs and nodes at random moments (SEEDS=1-20) and compare what is observed afterwards; takes hours
	$(BIN)/scs-rack image build -r $(RACK)
	$(BIN)/python -m tests.chaos -r $(RACK) --seeds $(SEEDS)

deps: $(VENV)/.installed ## Host packages and the virtual environment
	@PYTHON=$(PYTHON) scs_rack/share/host-packages --check

$(VENV)/.installed: requirements.lock pyproject.toml scs_rack/share/host-packages
	PYTHON=$(PYTHON) scs_rack/share/host-packages
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

clean: ## Remove the virtual environment and caches of tools
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .ansible
