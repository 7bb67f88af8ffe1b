# `make run` and `make test` work on a fresh checkout: each makes .venv first, from the pinned requirements.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Wheels alone: building from source runs code, with build tools that no hash covers. PIP_ONLY_BINARY=:none: allows it.
PIP_ONLY_BINARY ?= :all:
export PIP_ONLY_BINARY

# One lock for every system and for Python 3.11 and newer. `make lock UPGRADE=--upgrade` raises what the pins need, too.
LOCK = $(BIN)/uv pip compile -q --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-build \
	--custom-compile-command "make lock" $(UPGRADE)

.PHONY: docs examples help run doctor test attack fuzz incidents cluster deploy-check browser web openapi faults bench bench-quick bench-guard bench-faults soak bench-stream bench-overhead bench-scaling check audit lock install install-dev install-node sandbox walkthrough clean
.DEFAULT_GOAL := help

# As `make help` groups them.
TO_USE_IT     := help run sandbox doctor install clean
TO_CHANGE_IT  := test check docs audit lock install-dev install-node
TO_PROVE_IT   := walkthrough openapi web browser examples attack fuzz faults incidents cluster deploy-check
TO_MEASURE_IT := bench bench-quick bench-guard bench-faults soak bench-stream bench-overhead bench-scaling

show = @printf '%s\n' '$(1)'; for target in $(2); do awk -F ':.*[\#][\#] ' -v wanted=$$target \
	'$$1 == wanted { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST); done

help: ## this list
	$(call show,To use it,$(TO_USE_IT))
	$(call show,To change it,$(TO_CHANGE_IT))
	$(call show,To prove it,$(TO_PROVE_IT))
	$(call show,To measure it,$(TO_MEASURE_IT))

run: install ## the BFF on PORT (8000), in development; with the sandbox behind it unless API_BASE_URL is set
	@APP_ENV=$${APP_ENV:-development} exec $(BIN)/python serve.py

doctor: install ## what is wrong with the environment, in words
	@$(BIN)/python doctor.py

test: install-dev ## the whole test suite; the tests of next-auth's own cookies where there is npm
	@if command -v npm >/dev/null; then $(MAKE) -s install-node; else echo "no npm: next-auth's own cookies are not tested"; fi
	@$(BIN)/pytest

attack: install-dev install-node tests/browser/node_modules ## what an attacker would try, on raw sockets and in a browser (needs nginx, Node.js, Chromium)
	@$(BIN)/pytest -vv --no-header -p no:cacheprovider tests/attack/smuggling.py tests/attack/injection.py \
		tests/attack/paths.py tests/attack/cookies.py tests/attack/limits.py tests/attack/browser.py

incidents: install-dev ## what operators see of what goes wrong, provoked for real (needs redis-server, prometheus, jq)
	@$(BIN)/pytest -v -s tests/operations/incidents.py tests/operations/failures.py tests/operations/prometheus.py

deploy-check: install-dev $(VENV)/deploy/installed tests/deploy/node_modules ## what is shipped for deploying, in front of real instances
	@$(BIN)/pytest tests/deploy/origin.py tests/deploy/tools.py tests/deploy/image.py

web: install-dev tests/web/node_modules ## the sandbox's front end in a real browser (needs Node.js, Chromium); PORTRAITS=1 takes its pictures
	@$(BIN)/pytest tests/web/front_end.py

openapi: install-dev $(VENV)/openapi/installed tests/browser/node_modules ## the document against a live service, the explorer in a browser (needs Node.js, Chromium)
	@$(BIN)/pytest tests/openapi/conformance.py tests/openapi/explorer.py tests/openapi/viewer.py

fuzz: $(VENV)/fuzz/installed ## ten minutes of coverage-guided fuzzing of what reads requests and replies
	@$(VENV)/fuzz/bin/python -m tests.fuzz.run 600

cluster: install-dev ## two instances, Redis and HAProxy, and what they do together (needs redis-server, haproxy)
	@$(BIN)/python -m tests.cluster

browser: install-dev tests/browser/node_modules examples/nextjs-auth/node_modules ## the Next.js example in a real browser (needs Node.js and Chromium)
	@$(BIN)/pytest tests/browser/nextjs_auth.py

bench: install-dev bench/peers/node_modules ## ours against others, every bound; written to bench/RESULTS.md (needs wrk, nginx, Node.js)
	@$(BIN)/python -m bench.compare

bench-quick: install-dev bench/peers/node_modules ## the main four cases in two minutes, written nowhere (needs wrk, nginx, Node.js)
	@$(BIN)/python -m bench.compare --quick

bench-guard: install-dev ## has a request become more expensive than recorded? (needs wrk, nginx)
	@$(BIN)/python -m bench.guard

examples: install-dev tests/browser/node_modules examples/react-vite/node_modules examples/nextjs-rewrites/node_modules ## the other examples and generated groups, each against a live service (needs Node.js and Chromium)
	@$(BIN)/pytest tests/examples/run.py tests/scaffold/new_group.py

docs: install-dev $(VENV)/docs/installed ## the documentation as a site in var/site; every link is checked
	@$(VENV)/docs/bin/python -m tests.docs.build
	@$(BIN)/pytest tests/docs/site.py

bench-faults: install-dev ## a backend that misbehaves in every way, promise by promise; written to bench/RESULTS.md (needs haproxy)
	@$(BIN)/python -m bench.faults

faults: install-dev ## the same in less than three minutes, written nowhere (needs haproxy)
	@$(BIN)/python -m bench.faults --short

soak: install-dev ## half an hour of mixed load and faults: do the workers grow?; written to bench/RESULTS.md
	@$(BIN)/python -m bench.soak

bench-stream: install-dev ## what streams cost; written to bench/RESULTS.md
	@$(BIN)/python -m bench.stream

bench-overhead: install-dev ## what the log and the metrics cost; written to bench/RESULTS.md (needs wrk, nginx)
	@$(BIN)/python -m bench.overhead

bench-scaling: install-dev ## how capacity, latency and memory grow with users (needs wrk, nginx)
	@$(BIN)/python -m bench.scaling

check: install-dev ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

audit: install-dev ## what is locked: hashes, licences, known advisories
	@$(BIN)/python -m tests.audit

lock: install-dev ## requirements*.txt anew, from requirements*.in
	@$(LOCK) requirements.in -o requirements.txt >/dev/null
	@$(LOCK) requirements-otel.in -o requirements-otel.txt >/dev/null
	@$(LOCK) requirements-gevent.in -o requirements-gevent.txt >/dev/null
	@$(LOCK) requirements-dev.in -o requirements-dev.txt >/dev/null
	@$(LOCK) tests/openapi/requirements.in -o tests/openapi/requirements.txt >/dev/null
	@$(LOCK) tests/docs/requirements.in -o tests/docs/requirements.txt >/dev/null
	@$(LOCK) examples/python-script/requirements.in -o examples/python-script/requirements.txt >/dev/null

walkthrough: install-dev ## the README's curl commands against a live `make run`, answers compared, twice
	@$(BIN)/python -m tests.walkthrough

sandbox: install ## the development backend alone, on port 8001
	@exec $(BIN)/python -m sandbox

install: $(VENV)/installed ## .venv, with what the service runs on

install-dev: $(VENV)/installed-dev ## .venv, with what tests and checks need too

install-node: tests/next_auth/node_modules ## next-auth's own packages, for the tests of its cookies (needs Node.js)

clean: ## remove .venv, the sandbox's data and the site
	rm -rf $(VENV) var

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "venv is missing: on Debian, apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

%/node_modules: %/package-lock.json
	@npm ci --prefix $* --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/deploy/installed: tests/deploy/requirements.txt
	@$(PYTHON) -m venv $(VENV)/deploy
	@$(VENV)/deploy/bin/pip install -q --require-hashes -r tests/deploy/requirements.txt
	@touch $@

$(VENV)/openapi/installed: tests/openapi/requirements.txt
	@$(PYTHON) -m venv $(VENV)/openapi
	@$(VENV)/openapi/bin/pip install -q --require-hashes -r tests/openapi/requirements.txt
	@touch $@

$(VENV)/docs/installed: tests/docs/requirements.txt
	@$(PYTHON) -m venv $(VENV)/docs
	@$(VENV)/docs/bin/pip install -q --require-hashes -r tests/docs/requirements.txt
	@touch $@

$(VENV)/fuzz/installed: requirements.txt
	@$(PYTHON) -m venv $(VENV)/fuzz
	@$(VENV)/fuzz/bin/pip install -q --require-hashes -r requirements.txt
	@$(VENV)/fuzz/bin/pip install -q atheris==3.0.0
	@touch $@

$(VENV)/installed: requirements.txt | $(BIN)/pip
	@$(BIN)/pip install -q --require-hashes -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements-otel.txt requirements-gevent.txt requirements.txt | $(BIN)/pip
	@$(BIN)/pip install -q --require-hashes -r requirements-dev.txt
	@touch $(VENV)/installed $@
