# A face for newcomers: what to run, and what it needs first.
#
#   make demo      build, seed a CRM, serve it on 127.0.0.1:8000
#   make test      every test, with the servers it needs
#   make bench     toolhost beside bare rmcp, in one run
#   make lint      formatting and clippy
#   make plugins   the plugins, as .wasm files

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
VENV   := $(TARGET)/venv
DEMO_PLUGINS = sql.wasm athena.wasm prometheus.wasm bedrock.wasm case_insights.wasm
AS_ROOT = test "$$(id -u)" = 0 || { echo "Run this once as root: $(1)" >&2; exit 1; }; $(1)

.PHONY: demo test bench lint plugins wasm-target mariadb prometheus python

demo: plugins
	$(CARGO) build -p toolhost
	mkdir -p $(TARGET)/debug/plugins
	cd $(TARGET)/wasm32-wasip2/plugin && cp $(DEMO_PLUGINS) $(abspath $(TARGET))/debug/plugins/
	$(TARGET)/debug/toolhost demo

test: plugins mariadb prometheus python
	$(CARGO) build --workspace --all-targets
	TOOLHOST_TEST_PYTHON=$(abspath $(VENV))/bin/python $(CARGO) test --workspace --no-fail-fast

bench: plugins mariadb
	$(CARGO) build --release --workspace
	$(CARGO) bench -p toolhost-tests

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

plugins: wasm-target
	$(CARGO) build --target wasm32-wasip2 --profile plugin -p 'toolhost-plugin-*' -p 'toolhost-guest-*'

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
