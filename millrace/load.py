"""``millrace load PIPELINE --sql FILE``: fill a pipeline's source database from a dump."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from millrace import source_tables
from millrace.mysql import LoadError, Server
from millrace.sources.mysql import connection_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--sql", type=Path, required=True, metavar="FILE", help="a dump, *.sql or *.sql.gz")
    parser.add_argument("--replace", action="store_true", help="drop the database's tables first, if there are any")
    parser.add_argument("--host", metavar="H", help="the server; else the source's secret says where it is")
    parser.add_argument("--port", type=int, default=3306, metavar="P", help="with --host (default 3306)")
    parser.add_argument("--user", default="root", metavar="U", help="with --host; the password is in MYSQL_PWD")


def main(options: argparse.Namespace) -> int:
    """Load the dump and say what the source has now. Raises ValueError or RuntimeError."""
    contracts = source_tables.tables(options.slug)
    if not contracts:
        raise ValueError(f"{options.slug} has no database as its source, so there is nothing to load a dump into")
    if not options.sql.is_file():
        raise ValueError(f"{options.sql}: there is no such file")
    connection = connection_of(options.slug)
    server = _server(options, connection.secret)
    database = connection.database
    asked = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'"
    if tables := [table for (table,) in server.run([asked.encode()])]:
        if not options.replace:
            raise LoadError(
                f"the database {database} at {server.host}:{server.port} holds tables already "
                f"({', '.join(sorted(tables))}); give --replace to drop them first"
            )
        server.run([f"DROP DATABASE `{database}`".encode()])
    rows = server.load_dump(options.sql, database, contracts)
    print(f"{database} at {server.host}:{server.port}: {', '.join(f'{n:,} {table}' for table, n in rows.items())}")
    return 0


def _server(options: argparse.Namespace, secret: str) -> Server:
    if options.host:
        return Server(options.host, options.port, options.user, os.environ.get("MYSQL_PWD", ""))
    try:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret)
    except (BotoCoreError, ClientError) as error:
        raise LoadError(
            f"where the source is should be in the secret {secret}, which cannot be read: {error}. "
            "Set AWS_ENDPOINT_URL to the embedded AWS (or AWS credentials), or give --host, --port and --user"
        ) from None
    where = json.loads(answer["SecretString"])
    return Server(where["host"], int(where.get("port", 3306)), where["username"], where["password"])
