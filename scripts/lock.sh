#!/usr/bin/env bash
# Resolves requirements.lock for Python 3.11 and 3.12 as of Airflow 3.3.1's own constraint set; hashes, no registry's name.
set -euo pipefail
cd "$(dirname "$0")/.."
newer=()
for package in awslambdaric duckdb moto pytest sqlglot uv; do
    newer+=(--exclude-newer-package "$package=2026-11-20")
done
.venv/bin/uv pip compile --quiet --universal --python .venv/bin/python --python-version 3.11 --extra dev \
    --constraint constraints.txt --exclude-newer 2026-08-12 "${newer[@]}" \
    --generate-hashes --no-emit-index-url --no-annotate --no-header \
    --output-file requirements.lock pyproject.toml
