# make serve   serve ML/ on http://0.0.0.0:8280            (HOST, PORT, WEB_CONCURRENCY, SIMPLEML_*)
# make class   the same for a class: prints link and QR code
# make train   the training requirements, for python train.py
# make test    everything that the tests need, then all tests
# make quick   the tests that one waits for
# make test-oldest  serving with the oldest libraries that required-serve.txt allows
# make test-newest  serving on the newest Python  (NEWEST_PYTHON=3.13)
# make test-harness  lm-evaluation-harness against /v1; 900 MB in an environment of its own
# make test-image  deploy/Dockerfile, both targets, really built and run; root, 6 GB of disk, 5 minutes
# make test-cluster  two nodes of Ray, as root; in an environment of its own
# make lint    ruff and strict types
# make wheel   dist/simpleml-*.whl, for pip install
# make bench   speed and memory beside TFLearn
# make chaos   faults for 20 minutes while every text is checked  (CHAOS_ARGS="--minutes 3 --seed 2")

PYTHON ?= python3
VENV   ?= .venv
HOST   ?= 0.0.0.0
PORT   ?= 8280
TEST_PROCESSES ?= 2
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: serve class train test quick test-oldest test-newest test-harness test-image test-cluster lint wheel bench chaos pins clean
.DELETE_ON_ERROR:

serve: $(VENV)/.serve
	@HOST=$(HOST) PORT=$(PORT) exec $(BIN)/python -m simpleml serve $${SIMPLEML_MODELS_DIR:-ML}

class: $(VENV)/.train
	@HOST=$(HOST) PORT=$(PORT) exec $(BIN)/python -m simpleml class $${SIMPLEML_MODELS_DIR:-ML}

train: $(VENV)/.train

test: $(VENV)/.dev $(VENV)/.system
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS) \
	  -m "not slow and not browser and not tensorflow and not faults"

SERVING_TESTS := tests/reading tests/generation tests/commands tests/web --ignore tests/web/test_fuzz.py
SERVING_TOOLS := pytest pytest-xdist hypothesis psutil httpx openai jsonschema-rs

# The oldest versions of what serving names itself; what those need comes as new as they take it.
OLDEST := $(VENV)-oldest
test-oldest: $(VENV)/.dev
	$(BIN)/python -m uv venv --quiet --clear --python $(BIN)/python $(OLDEST)
	$(BIN)/python -m uv pip install --quiet --python $(OLDEST) --resolution lowest-direct -r required-serve.txt
	$(BIN)/python -m uv pip freeze --quiet --python $(OLDEST) > $(OLDEST)/pins.txt
	$(BIN)/python -m uv pip install --quiet --python $(OLDEST) --constraint $(OLDEST)/pins.txt $(SERVING_TOOLS)
	$(OLDEST)/bin/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS) $(SERVING_TESTS)

# The newest Python that is supported: a version that is at hand, or a path.
NEWEST := $(VENV)-newest
NEWEST_PYTHON ?= 3.13
test-newest: $(VENV)/.dev
	$(BIN)/python -m uv venv --quiet --clear --no-python-downloads --python $(NEWEST_PYTHON) $(NEWEST)
	$(BIN)/python -m uv pip install --quiet --python $(NEWEST) --constraint constraints.txt \
	  -r required-serve.txt $(SERVING_TOOLS)
	$(NEWEST)/bin/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS) $(SERVING_TESTS)

HARNESS := $(VENV)-harness
test-harness: $(VENV)/.dev
	$(BIN)/python -m uv venv --quiet --allow-existing --python $(BIN)/python $(HARNESS)
	$(BIN)/python -m uv pip install --quiet --python $(HARNESS) -r required-harness.txt
	SIMPLEML_TEST_HARNESS=$(HARNESS)/bin/python $(BIN)/python -m pytest $(PYTEST_ARGS) tests/harness

# buildah builds without an engine; mmdebstrap makes a base of Debian's packages where no registry is.
test-image: $(VENV)/.dev
	@for tool in buildah mmdebstrap; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then echo "Installing$$missing …"; apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; fi
	SIMPLEML_TEST_TRAIN_IMAGE=1 $(BIN)/python -m pytest -n 0 $(PYTEST_ARGS) tests/deploy/test_image.py

CLUSTER := $(VENV)-cluster
test-cluster: $(VENV)/.dev
	$(BIN)/python -m uv venv --quiet --allow-existing --python $(BIN)/python $(CLUSTER)
	$(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(CLUSTER) --constraint constraints.txt \
	  -r required.txt -r required-ray.txt pytest hypothesis psutil httpx openai
	$(CLUSTER)/bin/python -m pytest $(PYTEST_ARGS) tests/cluster

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(VENV)/bin/python
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/simpleml-*.whl

bench: $(VENV)/.bench
	$(BIN)/python bench/generate.py
	$(BIN)/python bench/serve.py

chaos: $(VENV)/.dev
	$(BIN)/python bench/chaos $(CHAOS_ARGS)

clean:
	rm -rf $(VENV) build dist simpleml.egg-info .pytest_cache .mypy_cache .ruff_cache artifacts

# A stamp is younger than the lists it was installed from, so a second start installs nothing.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else \
	  f"Python 3.11, 3.12 or 3.13 is needed; this is {v.major}.{v.minor}. Say which one: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: required-serve.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing what serving needs (once; about a minute) …"
	$(PIP) -r required-serve.txt
	@touch $@

$(VENV)/.train: required.txt required-documents.txt required-serve.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing what training needs (once; some minutes) …"
	$(PIP) -r required.txt
	@touch $@

$(VENV)/.dev: required-dev.txt required.txt required-documents.txt required-serve.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing what the tests need (once; some minutes) …"
	$(PIP) -r required-dev.txt
	@touch $@

$(VENV)/.bench: required-bench.txt required.txt required-documents.txt required-serve.txt constraints.txt | $(VENV)/bin/python
	$(PIP) -r required-bench.txt
	@touch $@

# A browser for the page's tests, nginx and HAProxy for the deployment's, where the system lacks them.
$(VENV)/.system: | $(VENV)/.dev
	@for pair in chromium:chromium firefox-esr:firefox-esr nginx:nginx-light haproxy:haproxy; do \
	  command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	if [ -n "$$missing" ]; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "Installing$$missing …"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	  else echo "Without$$missing the tests that need them are skipped."; fi; fi
	@touch $@

# That the pins also resolve for the other Pythons. pip resolves for another version from wheels
# alone; TFLearn has none (pure Python, needing numpy, six and pillow) and is left out.
pins: $(VENV)/.dev
	@for version in 3.12 3.13; do for list in required-serve.txt required-ray.txt required-dev.txt; do \
	  $(BIN)/python -c "import pathlib, re; seen = lambda n: [x for l in pathlib.Path(n).read_text().splitlines() \
	    for x in (seen(l[3:]) if l.startswith('-r ') else [l])]; print('\n'.join(l for l in seen('$$list') \
	    if l and l[0] != '#' and not l.startswith('tflearn')), 'six', 'pillow', sep='\n')" > $(VENV)/pins.txt; \
	  $(PIP) --dry-run --python-version $$version --only-binary=:all: --target $(VENV)/pins \
	    -r $(VENV)/pins.txt || exit 1; echo "$$list resolves for Python $$version"; done; done
