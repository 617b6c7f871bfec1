# `make help` lists the targets. Only make and Python 3.11 or newer need to be on the machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install kernels demo check test lint format bench bridges clean notebooks site

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

install: $(STAMP) ## make .venv with the tested versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("dispatchgym needs Python 3.11 or newer; try make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all,dev,docs,cuda]'
	touch $@

demo: $(STAMP) ## train two minutes, then compare the policy with rules, tabu search and CP-SAT
	rm -rf runs/demo results/demo
	$(BIN)/python train.py jobshop --minutes 2 --out runs/demo
	$(BIN)/python evaluate.py jobshop --instances ft06 ft10 "la01..la05" "ta01..ta03" \
		--methods spt mwkr fdd-mwkr tabu:1s cpsat:10s policy@runs/demo policy@runs/demo:x64 --out results/demo --plot

kernels: $(STAMP) ## compile what all families need, once; tests in several processes then load it
	$(BIN)/python -m dispatchgym.compile --workers 2

check: lint kernels ## lint, types and all but the slow tests: for every change, in three minutes
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile -m "not slow" --quiet

test: lint kernels ## lint, types, tests and coverage
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --cov --cov-report=term

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## rewrite the sources as the linter wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

site: $(STAMP) ## the documentation as a site, in site/
	$(BIN)/python -m mkdocs build

notebooks: $(STAMP) ## execute the tutorials and store their outputs
	$(BIN)/python docs/run_notebooks.py

bench: $(STAMP) ## steps per second of the environments
	$(BIN)/python benchmarks/throughput.py

bridges: $(STAMP) ## the examples of other libraries, each in an environment of its own in .bridges
	mkdir -p .bridges
	$(BIN)/python -m tests.commands.bridges

clean: ## remove .venv, caches, runs and results
	rm -rf $(VENV) .bridges site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage runs results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
