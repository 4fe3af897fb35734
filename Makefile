# gridpilot: `make run` operates a grid, `make test` checks everything. `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run setup test check bench docs clean

BIN := .venv/bin
ARGS ?=
PYTEST_ARGS ?=
export PYTHON

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 14

run: ## Operate a grid for a day: make run ARGS="--scenario ieee14"
	@scripts/setup run
	@$(BIN)/gridpilot run $(ARGS)

setup: ## Make .venv with all that tests, benchmarks and docs need; does nothing when it is fresh
	@scripts/setup full

check: setup ## Lint, format and types
	@scripts/check

test: check ## Lint, format, types and the tests: make test PYTEST_ARGS="-k twin"
	@$(BIN)/pytest -q -n 2 --dist loadfile $(PYTEST_ARGS)

bench: setup ## Measure power flow, N-1, environments, messages and knowledge: make bench ARGS="--json"
	@$(BIN)/gridpilot bench powerflow $(ARGS)
	@$(BIN)/gridpilot bench contingency $(ARGS)
	@$(BIN)/gridpilot bench env $(ARGS)
	@$(BIN)/gridpilot bench messages $(ARGS)
	@$(BIN)/gridpilot bench knowledge $(ARGS)

docs: setup ## Build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean: ## Remove .venv and everything that was built; runs/ stays
	@rm -rf .venv site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find src tests scripts examples benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
