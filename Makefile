# A face for newcomers: what to run, and what it needs first.
#
#   make demo         build, seed a CRM, serve it on 127.0.0.1:8000
#   make test         every test, with the servers it needs
#   make conformance  the protocol's own conformance suite alone, with its totals
#   make bench        toolhost beside bare rmcp, in one run; what grows under load, and what must not; and what
#                     a question to the policy costs
#   make bench-gate   the same calls; fails if they are slower beside bare rmcp than they are to be
#   make soak         callers, hostile calls, reloads and kills for ten minutes (SOAK_S seconds)
#   make lint         formatting and clippy
#   make plugins      the plugins, as .wasm files
#   make python-echo  one in Python, which takes an interpreter along

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
VENV   := $(TARGET)/venv
NODE   := $(TARGET)/node
PYTHON_ECHO := $(TARGET)/wasm32-wasip2/plugin/python_echo.wasm
DEMO_PLUGINS = sql.wasm athena.wasm prometheus.wasm bedrock.wasm case_insights.wasm
AS_ROOT = test "$$(id -u)" = 0 || { echo "Run this once as root: $(1)" >&2; exit 1; }; $(1)

# Other people's programs, by which the tests find them.
OTHERS = TOOLHOST_TEST_PYTHON=$(abspath $(VENV))/bin/python TOOLHOST_TEST_NODE=$(abspath $(NODE))/bin/node

.PHONY: demo test conformance bench bench-gate soak lint plugins python-echo wasm-target mariadb prometheus python node

demo: plugins
	$(CARGO) build --workspace --bin toolhost
	mkdir -p $(TARGET)/debug/plugins
	cd $(TARGET)/wasm32-wasip2/plugin && cp $(DEMO_PLUGINS) $(abspath $(TARGET))/debug/plugins/
	$(TARGET)/debug/toolhost demo

test: plugins python-echo mariadb prometheus python node
	$(CARGO) build --workspace --all-targets
	$(OTHERS) $(CARGO) test --workspace --no-fail-fast

conformance: plugins node
	$(CARGO) build --workspace --bin toolhost
	$(OTHERS) $(CARGO) test --workspace --test conformance -- --nocapture

# Without the embedded engine, which no call here uses and which takes most of a build's time.
bench: plugins python-echo mariadb
	$(CARGO) build --profile dist -p toolhost -p toolhost-tests --no-default-features
	$(CARGO) bench --profile dist -p toolhost -p toolhost-tests --no-default-features --no-fail-fast \
		--bench calls --bench loads --bench policy

bench-gate: plugins python-echo
	$(CARGO) build --profile dist -p toolhost -p toolhost-tests --no-default-features
	$(CARGO) bench --profile dist -p toolhost -p toolhost-tests --no-default-features --bench calls -- --gate

soak: plugins
	$(CARGO) build --workspace --bin toolhost
	SOAK_S=$(or $(SOAK_S),600) $(CARGO) test --workspace --test soak -- --nocapture

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

plugins: wasm-target
	$(CARGO) build --target wasm32-wasip2 --profile plugin -p 'toolhost-plugin-*' -p 'toolhost-guest-*'

# Its folder says what each of these words does.
python-echo: $(PYTHON_ECHO)
$(PYTHON_ECHO): $(VENV)/guests $(wildcard tests/guests-python/echo/*.py tests/guests-python/echo/wit/* wit/*.wit wit/deps/*)
	mkdir -p $(@D)
	$(VENV)/bin/componentize-py --quiet -d wit -d tests/guests-python/echo/wit -w example:echo/echo \
		componentize --stub-wasi -p tests/guests-python/echo -o $@ app

wasm-target:
	@rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2

mariadb:
	@command -v mariadbd >/dev/null || test -x /usr/sbin/mariadbd || { \
		$(call AS_ROOT,apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y mariadb-server); }

prometheus:
	@command -v prometheus >/dev/null || { \
		$(call AS_ROOT,apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y prometheus); }

python: $(VENV)/ready
$(VENV)/ready: tests/python/requirements.txt
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { \
		$(call AS_ROOT,apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y python3-venv); }
	mkdir -p $(TARGET)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
	touch $@

$(VENV)/guests: $(VENV)/ready tests/python/requirements-guests.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/python/requirements-guests.txt
	touch $@

# Whatever Node and npm there are fetch the Node that the packages need, without running any script of theirs.
node: $(NODE)/ready
$(NODE)/ready: tests/node/package.json tests/node/package-lock.json
	@command -v npm >/dev/null || { \
		$(call AS_ROOT,apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends npm); }
	mkdir -p $(NODE)/bin
	cp tests/node/package.json tests/node/package-lock.json $(NODE)
	cd $(NODE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd $(NODE)/bin && ln -sf ../node_modules/node-linux-*/bin/node node && ./node --version
	touch $@
