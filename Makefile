# Two commands: `make parity` asks whether the frameworks drifted, `make test` tests the harness.
# Both install the pinned environment into .venv on the first call and again when the pins change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Options for pytest: `make parity ARGS="--parity-lanes=torch"`; WORKERS processes share the lanes.
ARGS ?=
WORKERS ?= auto
PYTEST = $(BIN)/pytest$(if $(WORKERS), -n $(WORKERS))

.PHONY: parity test lint install clean

parity: $(INSTALLED)
	$(PYTEST) parity $(ARGS)

test: lint
	$(PYTEST) tests $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

install: $(INSTALLED)

# tf_keras comes without its dependencies: it requires the distribution `tensorflow`, which would
# unpack over the `tensorflow-cpu` that is pinned; what it imports is installed by the second line.
# setuptools comes first, so that the build uses the pinned one too.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt setuptools tf_keras
	$(BIN)/python -m pip install --quiet --no-build-isolation -c constraints.txt -e '.[all,dev]'
	touch $@

clean:
	rm -rf $(VENV)
