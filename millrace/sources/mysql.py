"""A MySQL database of this machine, filled from a dump or from CSV files: RDS on the embedded AWS runs it."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import importlib
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from botocore.exceptions import ClientError

from millrace import resources, source_tables
from millrace.contracts import Contract
from millrace.kinds import Connection
from millrace.mysql import LoadError, Server, client
from millrace.sources import Brought, Run

_DUMPS, _TABLES = (".sql", ".sql.gz"), (".csv", ".csv.gz")
_NULLS = ("", "NULL", "\\N")
_USER = "millrace"
_POLL_SECONDS, _PATIENCE_SECONDS = 0.1, 120


class Source:
    """A folder with one dump, or with a CSV file for each table of the source, named by it."""

    def __init__(self, slug: str, raw: Path) -> None:
        self._raw = raw
        self._contracts = source_tables.tables(slug)
        self._dump, self._files = self._found()
        client()  # raises where there is none
        self._server: Server | None = None

    def prepare(self, run: Run) -> None:
        """Start the database and leave the secret that says where it is."""
        with run.screen.step("MySQL on RDS") as step:
            self._server = start(run.aws.client, run.slug)
            step.done(f"{self._server.host}:{self._server.port}")

    def bring(self, run: Run) -> Brought:
        """Load the data; the run is for today, for a database is as it is now."""
        assert self._server is not None
        database = connection_of(run.slug).database
        with run.screen.step("load the source") as step:
            if self._dump:
                rows = self._server.load_dump(self._dump, database, self._contracts)
            else:
                head = f"CREATE DATABASE `{database}`; USE `{database}`;\n".encode()
                self._server.run(_with_head(head, self._statements()))
                rows = self._server.check(self._raw, database, self._contracts)
            step.done(", ".join(f"{count:,} {table}" for table, count in rows.items()))
        return Brought(str(dt.datetime.now(dt.UTC).date()))

    def _found(self) -> tuple[Path | None, dict[str, Path]]:
        names = ", ".join(contract.table for contract in self._contracts)
        wanted = f"{self._raw} must hold one dump (*.sql, *.sql.gz) or a CSV file for each of {names}"
        if not self._raw.is_dir():
            raise ValueError(f"{wanted}; there is no such folder")
        files = sorted(path for path in self._raw.iterdir() if path.is_file())
        dumps = [path for path in files if path.name.lower().endswith(_DUMPS)]
        if len(dumps) > 1:
            raise ValueError(f"{wanted}; it holds {len(dumps)} dumps: {', '.join(path.name for path in dumps)}")
        if dumps:
            return dumps[0], {}
        tables = {path.name.lower().split(".")[0]: path for path in files if path.name.lower().endswith(_TABLES)}
        if missing := [contract.table for contract in self._contracts if contract.table not in tables]:
            raise ValueError(f"{wanted}; there is no dump, and no file for {', '.join(missing)}")
        return None, tables

    def _statements(self) -> Iterator[bytes]:
        for contract in self._contracts:
            yield source_tables.definition(contract).encode()
            for statement in source_tables.inserts(contract, csv_rows(self._files[contract.table], contract)):
                yield statement.encode()


def connection_of(slug: str) -> Connection:
    """The pipeline's connection to its source."""
    return resources.pipeline(slug).connections[0]


def start(client: Callable[[str], Any], slug: str) -> Server:
    """An RDS instance for the pipeline, and the secret that says where it is. client: makes a boto3 client.

    Where there is one already it is given another password, which the secret then tells.
    """
    server = create(client("rds"), slug)
    content = {"host": server.host, "port": server.port, "username": server.user, "password": server.password}
    store, name = client("secretsmanager"), connection_of(slug).secret
    try:
        store.create_secret(Name=name, SecretString=json.dumps(content))
    except store.exceptions.ResourceExistsException:
        store.put_secret_value(SecretId=name, SecretString=json.dumps(content))
    return server


def seed(client: Callable[[str], Any], slug: str) -> None:
    """Have the pipeline's source run, and holding the sample if it holds nothing: for an AWS that goes on running."""
    server, database = start(client, slug), connection_of(slug).database
    if server.run([f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'".encode()]):
        return
    with tempfile.TemporaryDirectory() as folder:
        importlib.import_module(f"millrace.samples.{slug}").generate(Path(folder))
        (dump,) = Path(folder).glob("*.sql")
        server.load_dump(dump, database, source_tables.tables(slug))


def create(rds: Any, name: str) -> Server:
    """An RDS instance of that name, with a password of its own, when it is available.

    Raises LoadError where there is no MariaDB, and says how to get it, or where it does not come up.
    """
    password = secrets.token_urlsafe(24)
    try:
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            Engine="mysql",
            DBInstanceClass="db.t4g.micro",
            MasterUsername=_USER,
            MasterUserPassword=password,
        )
    except rds.exceptions.DBInstanceAlreadyExistsFault:
        rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword=password, ApplyImmediately=True)
    except ClientError as error:
        raise LoadError(f"the source cannot be had: {error.response['Error']['Message']}") from None
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        (instance,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        if instance["DBInstanceStatus"] == "available":
            return Server(instance["Endpoint"]["Address"], instance["Endpoint"]["Port"], _USER, password)
        if instance["DBInstanceStatus"] == "failed":
            break
        time.sleep(_POLL_SECONDS)
    raise LoadError(f"the database {name} did not come up; the log of the embedded AWS says why")


def csv_rows(path: Path, contract: Contract) -> Iterator[list[str | None]]:
    """The rows of a CSV file with a header, its values in the contract's order; nothing or NULL for null.

    Raises LoadError for a file that lacks a column, or a row of another length.
    """
    with _open(path) as file:
        reader = csv.reader(file)
        header = {_folded(name): index for index, name in enumerate(next(reader, []))}
        try:
            places = [header[_folded(source_tables.column_name(column))] for column in contract.columns]
        except KeyError:
            wanted = [source_tables.column_name(column) for column in contract.columns]
            lacking = ", ".join(name for name in wanted if _folded(name) not in header)
            raise LoadError(f"{path}: there is no column {lacking}; the header must name {', '.join(wanted)}") from None
        for row in reader:
            if len(row) != len(header):
                raise LoadError(f"{path} line {reader.line_num}: {len(row)} values, but the header has {len(header)}")
            values = [row[place] for place in places]
            yield [
                None if value in _NULLS and not column.required else value
                for value, column in zip(values, contract.columns, strict=True)
            ]


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _folded(name: str) -> str:
    return name.strip().lower().replace("_", "")


def _with_head(head: bytes, statements: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from statements
