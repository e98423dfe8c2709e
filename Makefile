# Two commands to begin with: `make demo` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
VENV = .venv
PY = $(VENV)/bin/python
PIP = $(PY) -m pip --disable-pip-version-check --quiet
# One thread a process: small problems lose by more, and two cores are soon taken.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# Each takes one core and up to 3 GB.
TEST_PROCESSES ?= 2

.PHONY: demo test test-long locked hashes licences docs lint types format bench robustness networks-table conformance-table wheel-check clean

demo: $(VENV)/.installed
	$(PY) -m annealcam demo --output demo

test: $(VENV)/.dev
	$(PY) -m pytest -m "not long" --numprocesses $(TEST_PROCESSES) --dist loadfile

test-long: $(VENV)/.dev
	$(PY) -m pytest -m long

# The set-up of `make test` in a new .venv, in which pip compares every file with its hash before it opens it.
locked:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --no-deps --requirement hashes/build.txt
	$(PY) tools/hashes.py requirements > $(VENV)/requirements.txt
	$(PIP) install --no-build-isolation --constraint hashes/build.txt --constraint hashes/packages.txt --requirement $(VENV)/requirements.txt
	$(PIP) install --no-build-isolation --constraint hashes/packages.txt --no-deps quantus
	$(PIP) install --no-build-isolation --no-deps --editable .
	touch $(VENV)/.installed $(VENV)/.dev

# The hashes of the pins, after a change of constraints.txt.
hashes:
	$(PYTHON) tools/hashes.py

# Name, version and licence of every package that annealcam and its extras need.
licences: $(VENV)/.dev
	$(PY) tools/licences.py

# The site docs/_build/html, without a network: pages, tutorials that run, and the reference from the docstrings.
docs: $(VENV)/.dev
	$(PY) -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	$(PY) tools/check_site.py docs/_build/html

lint: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(VENV)/.dev
	$(PY) -m mypy

format: $(VENV)/.dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(VENV)/.dev
	$(PY) benchmarks/run.py
	$(PY) benchmarks/study.py

# What kills, damage and outsiders do (docs/robustness.md): minutes; hours with ROBUSTNESS=--full.
robustness: $(VENV)/.dev
	$(PY) -m benchmarks.robustness $(ROBUSTNESS)

# The page docs/networks-table.md, from the networks of tests/any_network.
networks-table: $(VENV)/.dev
	ANNEALCAM_NETWORKS_TABLE=1 $(PY) -m pytest -q tests/any_network/test_catalogue.py -k page

# The tables of docs/conformance.md, from the samplers and explainers of tests/testing.
conformance-table: $(VENV)/.dev
	ANNEALCAM_CONFORMANCE_TABLE=1 $(PY) -m pytest -q tests/testing/test_page.py -k written

# The wheel in a new environment: demo, study and page. Takes minutes and 7 GB of temporary files.
wheel-check:
	$(PYTHON) tools/wheel_check.py

clean:
	rm -rf $(VENV) demo docs/_build

# The package with its pinned dependencies; the stamp is made last, so a broken set-up starts over.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(PIP) install --constraint constraints.txt --editable ".[dev]"
	# By itself: it asks for opencv-python, whose files are those of grad-cam's opencv-python-headless.
	$(PIP) install --constraint constraints.txt --no-deps quantus
	touch $@
