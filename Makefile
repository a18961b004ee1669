# Every target sets itself up: a virtual environment per Python version, made when it is missing or outdated.
PYTHON ?= python3
# pyenv hides an interpreter that is installed but not selected: look among its versions too.
FOUND := $(shell $(PYTHON) -c 'import sys; print(sys.executable)' 2>/dev/null || \
  ls "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin/$(PYTHON) 2>/dev/null | tail -n 1)
VERSION := $(if $(FOUND),$(shell $(FOUND) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
SUPPORTED := $(if $(FOUND),$(shell $(FOUND) -c 'import sys; print(int(sys.version_info >= (3, 11)))'))
VENV := .venv-$(VERSION)
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
SITE_READY := $(VENV)/.ready-site
PORT ?= 8000

.PHONY: demo digits samplers test test-slow test-site stress test-floor test-newest lint hooks docs course site serve
.PHONY: benchmark costs wheel clean

# Rooms whose types and docstrings are checked.
MATHEMATICS := taxonomy objectives models

demo: $(READY)
	$(RUN) -m experiments.compare --config=experiments/configs/checkerboard.py:recipe --config.training.steps=6500 \
	  --objectives=flow_matching,lsd,esd,psd_m,ict --workdir=runs/demo

digits: $(READY)
	$(RUN) -m experiments.compare --config=experiments/configs/digits.py:lsd,unet --config.training.steps=400 \
	  --objectives=flow_matching,lsd,psd_m,mean_flow,improved_mean_flow,ct,sct --workdir=runs/digits_unet

# A map in a few jumps against the samplers of diffusion models.
samplers: $(READY)
	$(RUN) -m experiments.compare_samplers --workdir=runs/samplers

# A file stays with one worker, which shares its fixtures and compiled programs.
test: $(READY)
	$(RUN) -m pytest -n auto --dist loadfile

test-slow: $(READY)
	$(RUN) -m pytest -m slow

# The site in a browser: builds it, and sets up Chromium where there is none.
test-site: $(SITE_READY)
	$(RUN) -m tests.site.build
	$(RUN) -m pytest -m site tests/site

# Kills a run fifty times at random moments; prints what it did.
stress: $(READY)
	$(RUN) -m pytest -m stress -s

# The oldest versions that setup.cfg admits, in an environment of their own.
test-floor: $(READY)
	$(FOUND) -m venv .venv-floor
	.venv-floor/bin/python -m pip install --quiet uv
	.venv-floor/bin/uv pip install --quiet --python .venv-floor/bin/python --resolution lowest-direct -e '.[test]'
	.venv-floor/bin/python -m pytest -n auto --dist loadfile

# The newest development version of jax, which is published beside PyPI, in an environment of its own.
test-newest: $(READY)
	$(FOUND) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet -e '.[test]'
	.venv-newest/bin/python -m pip install --quiet --pre --upgrade \
	  --extra-index-url https://us-python.pkg.dev/ml-oss-artifacts-published/jax/simple/ jax jaxlib
	.venv-newest/bin/python -m pytest -n auto --dist loadfile

# Style, docstrings that are missing (ruff), types, arguments in docstrings (pydoclint), spelling.
lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy $(MATHEMATICS)
	$(RUN) -m pydoclint.main $(MATHEMATICS)
	$(RUN) -m codespell_lib

# Checks of style and spelling before every commit.
hooks: $(READY)
	$(RUN) -m pre_commit install

# Pages that are generated from the catalogue, and the cards of the weights.
docs: $(READY)
	$(RUN) -m taxonomy --format=markdown > docs/methods.md
	$(RUN) -m taxonomy --format=json > docs/explorer/public/methods.json
	$(RUN) -m taxonomy published --format=markdown > docs/published.md
	$(RUN) -m taxonomy symbols --format=markdown > docs/symbols.md
	$(RUN) -m experiments.ablate --page=docs/ablations > docs/ablations.md
	cd experiments/zoo && for file in */*.safetensors; do name=$${file%.safetensors}; \
	  (cd ../.. && $(RUN) -m experiments.card --workdir=zoo:$$name) > $$name.md.new && mv $$name.md.new $$name.md; done

# Runs the notebooks of the course and keeps them with their figures, which the site shows.
course: $(SITE_READY)
	$(RUN) docs/site/course.py

# All pages, the course, the explorer and the functions, as a folder of static files: build/site.
site: $(SITE_READY)
	$(RUN) docs/site/build.py

# At http://localhost:8000, or PORT; builds the site where it is missing.
serve: build/site/index.html
	@echo "http://localhost:$(PORT)/  (Ctrl-C ends)"
	@$(FOUND) -m http.server $(PORT) --bind 127.0.0.1 --directory build/site

build/site/index.html:
	$(MAKE) site

benchmark: $(READY)
	$(RUN) -m experiments.benchmark --out=runs/benchmark

costs: $(READY)
	$(RUN) -m experiments.costs --out=runs/costs

wheel: $(READY)
	$(RUN) -m build --wheel --outdir dist .

clean:
	rm -rf .venv-* build dist *.egg-info docs/explorer/node_modules docs/explorer/dist docs/site/node_modules

$(READY): setup.cfg pyproject.toml
ifneq ($(SUPPORTED),1)
	$(error PYTHON=$(PYTHON) is $(or $(VERSION),not there); expected Python 3.11 or newer: name one, PYTHON=python3.12)
endif
	$(FOUND) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet -e '.[dev]'
	touch $@

$(SITE_READY): $(READY)
	$(RUN) -m pip install --quiet -e '.[site]'
	touch $@
