# Each target sets up its environment by itself: `make demo` or `make test` can be the first command after a clone.
PYTHON ?= python3
# Further pip options, for example: make test PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_FLAGS ?=
# One process per core: two halve the time of the suite. PYTEST_FLAGS= runs it in one.
# Of plugins only xdist: pytest would rewrite the assertions in every module of packages that bring others.
PYTEST_FLAGS ?= -n 2 --dist worksteal --disable-plugin-autoload -p xdist

BIN := .venv/bin
DEMO_STAMP := .venv/.installed-demo
STAMP := .venv/.installed
DOCS_STAMP := .venv/.installed-docs
SITE := docs/_build/html
FRESH := build/fresh
LOWEST := .venv-lowest
# Laws of missing labels and of members side by side, pickles; none of them needs a package of the extras.
LOWEST_TESTS := tests/contracts/test_training_laws.py tests/estimators/test_laws.py tests/estimators/test_held_out.py \
	tests/estimators/test_stack.py tests/estimators/test_state.py \
	tests/callbacks/test_older_scikit_learn.py

# Small products run faster on one thread than on several that wait for each other.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
# Otherwise each process that tests start compiles every module anew, and pytest rewrites every assertion in each worker.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test suite test-lowest lint types docs docs-test package clean

help:  ## Show this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(DEMO_STAMP)  ## Show a case where sharing pays: a table, and a picture in build/why_share.png
	@mkdir -p build
	MPLBACKEND=Agg $(BIN)/python -W ignore::UserWarning:__main__ examples/00_why_share.py build/why_share.png

# All run to their end, so that the last line of the output tells of a failure anywhere.
test: $(STAMP)  ## Run linter, type checker, tests and doctests, side by side
	@$(MAKE) --no-print-directory --jobs=3 --keep-going lint types suite

suite: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

test-lowest: $(LOWEST)/.installed  ## Check an estimator and test laws with the lowest versions that pyproject.toml allows
	$(LOWEST)/bin/python -m pytest tests/estimators/test_check_estimator.py -k "losses or gradients"
	$(LOWEST)/bin/python -m pytest $(LOWEST_TESTS)

lint: $(STAMP)  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## Check types
	$(BIN)/mypy

docs: $(DOCS_STAMP)  ## Build the site into docs/_build/html, with the pictures of the examples
	$(BIN)/python -m sphinx -E -W --keep-going -b html docs $(SITE)

docs-test: docs  ## Build the site, check its links, and open it in the system's Chromium where there is one
	$(BIN)/python -m pytest docs/test_site.py

# The new environment has nothing but the wheel. It finds the dependencies where .venv has them; paths in .venv's own .pth
# files, which lead to this folder, do not count there.
package: $(DOCS_STAMP)  ## Build sdist and wheel, and try the wheel in a new environment
	rm -rf dist $(FRESH)
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m venv --without-pip $(FRESH)
	$(BIN)/python -m pip --python $(FRESH)/bin/python install -qq --no-index --no-deps dist/*.whl
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> $$($(FRESH)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dependencies.pth
	$(FRESH)/bin/python -I tests/installed_package.py dist

clean:  ## Remove the environment, caches and build results
	rm -rf .venv $(LOWEST) build dist docs/_build docs/api docs/benchmarks docs/gallery docs/methods.md .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --group needs pip 25.1, newer than what a Python brings with it.
$(DEMO_STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'skmtl needs Python 3.11 or newer; name one with: make PYTHON=python3.x'; exit 1; }
	@echo 'Setting up .venv, once'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq -c constraints.txt --upgrade pip
	$(BIN)/python -m pip install -qq $(PIP_FLAGS) -c constraints.txt -e . --group demo
	@touch $@

$(STAMP): $(DEMO_STAMP)
	$(BIN)/python -m pip install -qq $(PIP_FLAGS) -c constraints.txt --group test
	@touch $@

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install -qq $(PIP_FLAGS) -c constraints.txt --group docs --group release
	@touch $@

$(LOWEST)/.installed: pyproject.toml
	@echo 'Setting up $(LOWEST): a few minutes, once'
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -c 'import tomllib; \
		project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*(line.replace(">=", "==") for line in project["dependencies"]), sep="\n")' > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install -qq $(PIP_FLAGS) -c $(LOWEST)/lowest.txt -e . pytest
	@touch $@
