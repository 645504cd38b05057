# Keras, Made to Measure: every task is one target, and `make` lists them.
# Each target sets up what it needs in .venv and is cheap to run again.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help book test robust bench lab notebooks components lint format lock clean

# The chapters are about TensorFlow, whatever a shell or ~/.keras chooses.
export KERAS_BACKEND := tensorflow

# The stamp's name holds a checksum of this folder's path: an environment
# does not survive a move, so a moved folder is set up again.
PLACE := $(shell pwd -P | cksum | cut -d ' ' -f 1)
ENVIRONMENT := .venv/made-$(PLACE)
READY := .venv/ready-$(PLACE)
TEST_READY := .venv/ready-to-test-$(PLACE)

help:
	@echo "Keras, Made to Measure. What make can do:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

book: $(READY) ## Build the site, and print its address
	@echo "Building the book; each notebook that changed is executed ..."
	@.venv/bin/jupyter-book build . -W -n --keep-going || { \
	  echo "The book was NOT built: the reason stands above."; exit 1; }
	@.venv/bin/python -c 'import pathlib; print("The book is built:", \
	  pathlib.Path("_build/html/index.html").resolve().as_uri())'

# Each notebook is executed once: nbval compares its outputs with the stored, and
# the pages are made from that run. Two notebooks or two files of tests at a
# time, each in its order: within one, tests share a page or a kernel. Every part
# runs even if one before it failed.
test: $(TEST_READY) ## Run every test: the notebooks, the site, the helpers
	@.venv/bin/python tests/chromium.py
	@failed=""; \
	$(MAKE) --no-print-directory lint || failed="$$failed, lint"; \
	.venv/bin/python -m pytest --nbval -n 2 --dist loadscope \
	  --no-loadscope-reorder book || failed="$$failed, the notebooks"; \
	$(MAKE) --no-print-directory book || failed="$$failed, the site"; \
	.venv/bin/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder \
	  tests || failed="$$failed, tests/"; \
	if [ -n "$$failed" ]; then \
	  echo "make test FAILED in: $${failed#, }."; exit 1; fi; \
	echo "make test: everything passed."

# PATHS="book/losses.ipynb ..." limits it to some notebooks or tests; NEWEST=1
# takes the newest TensorFlow and Keras in place of other arithmetics.
robust: $(TEST_READY) ## Compare the notebooks under other arithmetics
	@.venv/bin/python book/_tools/robust.py $(if $(NEWEST),--newest) $(PATHS)

# Figures to compare by eye: nothing fails because a machine is slow. The book
# is built from nothing on the way, so that what is in _build is lost.
bench: $(TEST_READY) ## Measure what one waits for; asserts nothing
	@.venv/bin/python tests/chromium.py
	@PYTHONPATH=book/_tools .venv/bin/python tests/benchmarks/measure_book.py
	@.venv/bin/python -m pytest tests/benchmarks -o python_files='bench_*.py' \
	  --benchmark-only --benchmark-disable-gc --benchmark-sort=name \
	  --benchmark-columns=min,median,max,rounds \
	  --benchmark-json=_build/benchmark.json

# As root, JupyterLab starts only if told so: make lab OPTIONS=--allow-root
lab: $(READY) ## Open the chapters in JupyterLab
	@.venv/bin/jupyter-lab $(OPTIONS) book

notebooks: components ## Execute every notebook anew and store its outputs
	@.venv/bin/python book/_tools/notebooks.py store

components: $(TEST_READY) ## Write helpers/components/ from the chapters
	@.venv/bin/python book/_tools/export_components.py

lint: $(TEST_READY) ## Check the style of code and notebooks
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

format: $(TEST_READY) ## Mend the style of code and notebooks
	@.venv/bin/ruff check --fix .; .venv/bin/ruff format .

# Without the -c lines, so that the old constraints do not bind the new ones.
# TensorFlow has another name on each platform, and requirements.txt pins it.
# Run it with the oldest Python there is to support, Debian 12's 3.11.2: the
# newest version of a package may be too new for it.
lock: $(ENVIRONMENT) ## Write constraints.txt anew from the requirements
	@.venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] > (3, 11) \
	  and "Delete .venv and run make lock PYTHON=python3.11")'
	@mkdir -p _build
	@sed '/^-c/d' requirements.txt tests/requirements.txt > _build/lock.txt
	@.venv/bin/python -m venv --clear _build/lock
	@_build/lock/bin/python -m pip install -r _build/lock.txt
	@{ echo "# Every package below the pinned ones: written by \`make lock\`."; \
	  _build/lock/bin/python -m pip freeze --exclude-editable \
	  | grep '==' | grep -v -i '^tensorflow'; } > _build/constraints.txt
	@mv _build/constraints.txt constraints.txt
	@rm -rf _build/lock _build/lock.txt
	@echo "constraints.txt is written."

clean: ## Remove the site and all caches; .venv stays
	@rm -rf _build
	@find . -path ./.venv -prune -o -type d \
	  \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune \
	  -exec rm -rf {} +
	@echo "Clean. To set up from nothing as well, delete .venv."

# PYTHON=... chooses the Python that .venv is made with. An environment that
# works, has the right version and was made in this folder is kept.
$(ENVIRONMENT):
	@supported='import pip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; \
	if ! { .venv/bin/python -c "$$supported" 2> /dev/null \
	    && grep -qsF "$$(pwd -P)/.venv" .venv/pyvenv.cfg; }; then \
	  if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; \
	  else set -- python3 python3.13 python3.12 python3.11; fi; \
	  python=""; seen=""; comma=""; \
	  for candidate in "$$@"; do \
	    version=$$("$$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' \
	      2> /dev/null) || version="not there"; \
	    if [ "$$version" = "not there" ] && [ -n "$$seen" ]; then continue; fi; \
	    seen="$$seen$$comma$$candidate is $$version"; comma=", "; \
	    case "$$version" in 3.11|3.12|3.13) python=$$candidate; break;; esac; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "The book needs Python 3.11, 3.12 or 3.13 ($$seen):" \
	      "install one, or name yours: make PYTHON=/path/to/python3.12"; \
	    exit 1; fi; \
	  if ! "$$python" -c 'import ensurepip, venv' 2> /dev/null; then \
	    echo "$$python cannot make virtual environments: install its venv module" \
	      "(Debian, Ubuntu: apt-get install python$$version-venv) and run make again."; \
	    exit 1; fi; \
	  echo "Making .venv with $$python ($$version) ..."; \
	  "$$python" -m venv --clear .venv || exit 1; \
	fi
	@touch "$@"

$(READY): $(ENVIRONMENT) requirements.txt constraints.txt pyproject.toml
	@echo "Installing requirements.txt into .venv; the first time this takes minutes ..."
	@.venv/bin/python -m pip install -r requirements.txt || { \
	  echo "The packages could NOT be installed: the reason stands above."; exit 1; }
	@touch "$@"

$(TEST_READY): $(READY) tests/requirements.txt
	@echo "Installing tests/requirements.txt into .venv ..."
	@.venv/bin/python -m pip install -r tests/requirements.txt || { \
	  echo "The packages could NOT be installed: the reason stands above."; exit 1; }
	@touch "$@"
