#!/bin/bash
# Makes the secrets that the services share, once, on their volume: none is in the repository or in an image.
set -euo pipefail
cd /run/secrets-of-compose
make_one() { [ -s "$1" ] || python -c 'import secrets; print(secrets.token_urlsafe(32), end="")' >"$1"; }
make_one db-password
make_one jwt
[ -s fernet ] || python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode(), end="")' >fernet
[ -s db-url ] || echo -n "postgresql+psycopg2://airflow:$(cat db-password)@postgres/airflow" >db-url
# The volume is mounted only where they are used; PostgreSQL runs as another user.
chmod 0444 db-password db-url jwt fernet
