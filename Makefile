# The book, its notebooks and the library's tests. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PORT ?= 8000
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout 120
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
# Two processes at a time, with a thread each: more threads than cores wait for each other, busily.
TWO := OMP_NUM_THREADS=1

# Old and newer Jupyter packages disagree on folders and print about it; nobody here needs to know.
export JUPYTER_PLATFORM_DIRS := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help book test recompute test-site wheel pdf citation bench mutate lint format compare sync lab serve clean distclean venv FORCE
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

book: venv  ## run every chapter and build _build/html/index.html; any warning fails
	@$(BIN)/python book/tools/fresh.py begin
	@$(TWO) $(BIN)/python book/tools/notebooks.py run || { $(BIN)/python book/tools/fresh.py fail; exit 1; }
	@$(BIN)/jupyter-book build . -n -W --keep-going || { $(BIN)/python book/tools/fresh.py fail; exit 1; }
	@$(BIN)/python book/tools/fresh.py done

test: lint  ## lint, then the tests, then every notebook's outputs compared with the book's
	@$(TWO) $(PYTEST) tests book $(NBVAL) --nbval-built --ignore tests/site

recompute: venv  ## compute stored rows again, ten minutes of them (ROWS="claim --seconds 60 --seed 7")
	@$(BIN)/python -m tests.recompute $(ROWS)

mutate: venv  ## change the library's core in thousands of places; do tests fail? (a quarter of an hour or more)
	@$(BIN)/python tests/mutation/run.py

test-site: book  ## every built page in a real browser, if Chromium is there
	@$(BIN)/python -m pytest -n 2 tests/site

pdf: book  ## the whole book as one PDF, printed by Chromium: _build/circuits-in-superposition.pdf
	@$(BIN)/jupyter-book build . --builder singlehtml -n -W --keep-going
	@$(BIN)/python book/tools/pdf.py

wheel: venv  ## build the library's wheel, install it alone, and run the README's example on it
	@rm -rf build _build/dist $(VENV)/wheel
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir _build/dist .
	@rm -rf build
	@$(PYTHON) -m venv $(VENV)/wheel
	@$(VENV)/wheel/bin/python -m pip install --quiet "$$(ls _build/dist/*.whl)"
	@$(VENV)/wheel/bin/python -I tests/wheel.py library _build/dist/*.whl
	@$(VENV)/wheel/bin/python -m pip install --quiet "$$(ls _build/dist/*.whl)[sklearn]"
	@$(VENV)/wheel/bin/python -I tests/wheel.py readme

citation: $(VENV)/cff/installed  ## is CITATION.cff valid?
	@$(VENV)/cff/bin/cffconvert --validate

# In an environment of its own: it needs an old jsonschema.
$(VENV)/cff/installed: $(INSTALLED) book/tools/citation.txt
	@rm -f $@
	@$(PYTHON) -m venv --clear $(VENV)/cff
	@$(VENV)/cff/bin/python -m pip install --quiet --requirement book/tools/citation.txt
	@touch $@

compare: venv  ## run every notebook, whatever has run before, and compare its outputs
	@$(PYTEST) book $(NBVAL)

bench: venv  ## times, growth and memory; prints a page and keeps it in tests/benchmarks/results
	@$(BIN)/python -m tests.benchmarks --write

lint: venv  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: venv  ## let ruff rewrite the library, the tools and the tests
	@$(BIN)/ruff check --fix lib tests book/tools book/conftest.py
	@$(BIN)/ruff format lib tests book/tools book/conftest.py

sync: venv  ## run the chapters (book/*.md) and write the notebooks beside them
	@$(BIN)/python book/tools/notebooks.py sync

lab: venv  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab book

serve: book  ## show the book at http://localhost:8000 (PORT=… for another)
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

clean:  ## remove what was built, keep the environment
	@rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find lib tests book -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## remove the environment, too
	@rm -rf $(VENV) lib/*.egg-info

venv: $(INSTALLED)

# Start over after a half-finished install, and in a copied or moved folder: scripts and the
# editable install hold its path.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR))
CLEAR := --clear
$(INSTALLED): FORCE
endif

# The stamp goes first and comes back last.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: '$(PYTHON)' is not Python 3.11 or newer; try: make PYTHON=python3.12" >&2; exit 1; }
	@rm -f $@
	@echo "Installing into $(VENV) (a minute or two) …"
	@$(PYTHON) -m venv $(CLEAR) $(VENV)
	@$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@mkdir -p $(VENV)/etc/ipython  # each kernel would print a notice about its connection
	@echo 'c.IPKernelApp.log_level = "ERROR"' > $(VENV)/etc/ipython/ipython_kernel_config.py
	@$(BIN)/python -c 'import matplotlib.font_manager'  # its first use would print into a chapter
	@echo "$(CURDIR)" > $@
