# `make test` is all a fresh machine needs: it has Rust, a C compiler and Python 3, this file installs the rest.

VENV := .venv
BIN := $(VENV)/bin
CARGO ?= cargo
# Named, so that build scripts and macros are built without what is asked of the code itself.
TRIPLE = $(shell rustc --print host-tuple)

.PHONY: help test soak lint golden memcheck bench bench-kernels bench-train supported fuzz clean

help:
	@echo "make test     every test; installs what it needs into $(VENV) and from Debian"
	@echo "make soak     fleets, promotions and outages for longer, with figures (docs/reliability.md)"
	@echo "make lint     formatting, clippy, licences, Dockerfile and compose file"
	@echo "make golden   predictions of real model files against their libraries, one line per library"
	@echo "make memcheck the kernels' tests under AddressSanitizer (not valgrind, which does not know AVX-512)"
	@echo "make supported  the list of what is opened, in docs/supported.md"
	@echo "make fuzz     arbitrary files and bodies, SECONDS=600 for each kind (needs cargo-fuzz)"
	@echo "make bench-kernels  the kernels alone beside the libraries' own, one thread"
	@echo "make bench-train  training beside scikit-learn, XGBoost and LightGBM"
	@echo "make bench    throughput, latency and memory beside FastAPI and Flask (needs a quiet machine)"

# A missing tool fails a test here; under a bare `cargo test` it skips with a message.
test: $(BIN)/.tests
	tests/setup debian chromium:chromium chromium-driver:chromedriver curl:curl postgresql:pg_createcluster nginx:nginx faketime:faketime
	FORETELL_TEST_TOOLS=required $(CARGO) test --workspace

# The same tests with more repetitions and longer outages; prints what it measures.
soak: $(BIN)/.tests
	tests/setup debian curl:curl postgresql:pg_createcluster nginx:nginx
	FORETELL_TEST_TOOLS=required FORETELL_SOAK=1 $(CARGO) test -p foretell-tests --test updates --test keys --test prediction_log -- --nocapture

lint: $(BIN)/.tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; \
	then $(CARGO) deny check bans licenses sources; \
	else echo "cargo-deny is not installed: the tidy test checks the licences and bans of deny.toml"; fi
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml examples/boston/compose.yaml
	bash -n .ci/run tests/setup fuzz/run

supported:
	FORETELL_RENEW=1 $(CARGO) test --quiet -p foretell-formats --test supported

# Seconds for each kind of file and body; FUZZ names some of them.
SECONDS ?= 600
fuzz:
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is not installed: cargo install cargo-fuzz"; exit 1; }
	fuzz/run $(SECONDS) $(FUZZ)

golden:
	$(CARGO) test -p foretell-cli --test golden -- --nocapture

# The only code with `unsafe`, in a target folder of its own. `RUSTC_BOOTSTRAP` lets a stable compiler use a sanitizer. The
# property tests of all models run too: they lead into the kernels by the way that predictions go.
memcheck:
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes" $(CARGO) test --package foretell-model \
		--target $(TRIPLE) --target-dir target/memcheck --lib -- kernel::
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes" $(CARGO) test --package foretell-model \
		--target $(TRIPLE) --target-dir target/memcheck --test model -- invariance::a_row invariance::outputs

bench: $(BIN)/.bench
	tests/setup debian wrk:wrk
	$(BIN)/python bench/run.py

bench-kernels: $(BIN)/.bench
	$(BIN)/python bench/run.py kernels

bench-train: $(BIN)/.bench
	$(CARGO) build --release --package foretell-cli
	$(BIN)/python bench/peers/train.py target/release/foretell

$(BIN)/.tests: tests/requirements.txt examples/requirements.txt
	tests/setup python $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r examples/requirements.txt -r tests/requirements.txt
	touch $@

$(BIN)/.bench: $(BIN)/.tests bench/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	touch $@

clean:
	$(CARGO) clean
	rm -rf $(VENV)
