#!/bin/bash
# Makes the database on an empty volume, then serves it. The password comes from the volume of secrets.
set -euo pipefail
if [ ! -s /data/PG_VERSION ]; then
    initdb --pgdata=/data --username=airflow --pwfile=/run/secrets-of-compose/db-password \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    echo "host all all samenet scram-sha-256" >>/data/pg_hba.conf
    echo "CREATE DATABASE airflow" | postgres --single -D /data postgres >/dev/null
fi
exec postgres -D /data -c listen_addresses='*'
