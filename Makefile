# The same commands for people and for CI. All that is needed is make and Python 3.11 or newer.
#
#   make demo    install, then the main job on a small real table
#   make test    install, then all tests
#   make quick   the tests without the slow ones
#   make check   format, lint, types
#   make docs    the site, in build/site
#   make oracle  install PyTorch too, so that `make test` compares with it and not only with the
#                numbers it gave before
#   make bench   speed against the peers (downloads PyTorch, JAX and ONNX Runtime)

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)

.PHONY: demo test quick check docs oracle bench clean

demo: $(VENV)/.installed
	$(BIN)/quickprop demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadscope
	$(BIN)/python tests/sklearn_suite.py

quick: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "not slow"

check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "the site begins at build/site/index.html; its search needs a server:" \
		"$(BIN)/python -m http.server --directory build/site"

oracle: $(VENV)/.oracle

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/python benchmarks/networks.py
	$(BIN)/python benchmarks/full_batch.py
	$(BIN)/python benchmarks/estimators.py
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "quickprop needs Python 3.11 or newer with venv and pip;" \
		"none was found as python3, python3.11, ..., python3.14. Install one and try again."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# pip reads dependency groups itself only from 25.1 on; this works with any pip.
$(VENV)/.test $(VENV)/.check $(VENV)/.docs $(VENV)/.oracle $(VENV)/.bench: $(VENV)/.%: pyproject.toml $(VENV)/.installed
	$(BIN)/python -c "import tomllib; \
	print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['$*']))" \
	> $(VENV)/$*.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/$*.txt
	@touch $@
