# Needs python3 >= 3.11 with its venv package, and make. Everything else is set up in this folder.
PYTHON := .venv/bin/python
PARALLEL := -n auto --dist worksteal

.PHONY: help setup demo test test-deep mutants soak fuzz test-install test-real bench
help:
	@echo "make demo          a transfer between two embedded FHIR servers, start to receipt"
	@echo "make test          style, types, layers and the quick tests"
	@echo "make test-deep     what takes long, and runs killed at many steps"
	@echo "make mutants       the program with one named fault at a time: each has to be noticed"
	@echo "make test-install  wheel, sdist and editable install, each in an empty environment"
	@echo "make soak          deliveries killed at random steps over a bad line, for ten minutes"
	@echo "make fuzz          foreign input of every sort over the whole way, for two minutes"
	@echo "make bench         speed and memory next to plain requests on a real HAPI; half an hour"
	@echo "make test-real     the suite with real HAPI and Keycloak servers (Java 17 or newer, Maven)"

setup:
	@.ci/setup

demo: setup
	@.venv/bin/connector demo

test: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest $(PARALLEL) -m "not deep" --durations=10

# What takes long, and runs killed at many steps. STEPS=all make test-deep: at every one.
test-deep: setup
	CONNECTOR_STEPS=$(or $(STEPS),many) $(PYTHON) -m pytest $(PARALLEL) --timeout=1800 -m "deep or sweep" --durations=10

# WORD="sync late" make mutants: only those in whose name one of the words stands.
mutants: setup
	$(PYTHON) -m tests.mutants $(WORD)

# Deliveries killed at random steps over a bad line. MINUTES=60 make soak
soak: setup
	$(PYTHON) -m tests.soak --minutes $(or $(MINUTES),10)

# Foreign input of every sort over the whole way. MINUTES=60 make fuzz
fuzz: setup
	$(PYTHON) -m tests.fuzz --minutes $(or $(MINUTES),2)

test-install: setup
	$(PYTHON) -m pytest --durations=10 tests/install

# The first test also builds and starts the servers.
test-real: setup
	$(PYTHON) -m pytest --timeout=1200 --durations=10 tests/real

# Cheap ones first; pull and push start real servers. More charts: CONNECTOR_CHARTS=folder.
bench: setup
	$(PYTHON) -m benchmarks.help
	$(PYTHON) -m benchmarks.carry
	$(PYTHON) -m benchmarks.large
	$(PYTHON) -m benchmarks.pull
	$(PYTHON) -m benchmarks.push
