#!/usr/bin/env bash
# Sets up .venv from requirements.lock: with bytecode, since Airflow would otherwise compile for seconds at every start.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
started=$SECONDS

"$python" - <<'PY' || { echo "Millrace needs Python 3.11 or 3.12; name one: make PYTHON=python3.12 …" >&2; exit 1; }
import sys
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PY

echo "Setting up the environment in .venv (once; about 1.2 GB on disk)"
rm -f .venv/.ready
if ! "$python" -m venv --clear .venv >/dev/null 2>&1; then
    # Debian ships venv's pip apart from Python.
    package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "  installing Debian's $package"
        log="$(mktemp)"
        if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package"; } >"$log" 2>&1; then
            cat "$log" >&2
            exit 1
        fi
        "$python" -m venv --clear .venv
    else
        echo "Python's venv is missing. Install it and try again: sudo apt-get install $package" >&2
        exit 1
    fi
fi

echo "  installing $(grep -c '^[a-z0-9].*==' requirements.lock) locked packages: Airflow 3.3.1, DuckDB, pyarrow, moto and what they need"
uv_pin="$(grep -oE '^uv==[0-9.]+' requirements.lock)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check "$uv_pin"
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --compile-bytecode -r requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/.ready
echo "  done in $((SECONDS - started)) s"
