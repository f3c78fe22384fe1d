"""A MySQL or MariaDB database, filled by its own command-line client: any dump loads as it would by hand."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from millrace import source_tables
from millrace.contracts import Contract

_CHUNK = 1 << 20
_HOW = "install one (Debian, Ubuntu: apt-get install mariadb-client; it comes with mariadb-server)"


class LoadError(RuntimeError):
    """Something could not be loaded; the message says what, where and what to do."""


@dataclass(frozen=True)
class Server:
    """Where a database is and who asks."""

    host: str
    port: int
    user: str
    password: str

    def run(self, sql: Iterable[bytes], database: str = "") -> list[tuple[str, ...]]:
        """Run statements and return what they give, as text. Raises LoadError with the server's own words."""
        arguments = [
            client(), "--no-defaults", "--protocol=tcp", f"--host={self.host}", f"--port={self.port}",
            f"--user={self.user}", "--default-character-set=utf8mb4", "--max-allowed-packet=64M", "--batch",
            "--skip-column-names", database,
        ]  # fmt: skip
        process = subprocess.Popen(
            [argument for argument in arguments if argument],
            env={**os.environ, "MYSQL_PWD": self.password},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        try:
            for chunk in sql:
                process.stdin.write(chunk)
        except BrokenPipeError:  # it ended at an error, which it tells
            pass
        out, errors = process.communicate()
        if process.returncode:
            said = errors.decode(errors="replace")
            raise LoadError(said[max(said.find("ERROR "), 0) :].strip())  # before it the client repeats the statement
        return [tuple(line.split("\t")) for line in out.decode().splitlines()]

    def load_dump(self, path: Path, database: str, contracts: Iterable[Contract]) -> dict[str, int]:
        """Fill the database from a dump (``.sql`` or ``.sql.gz``); rows by table.

        The dump may make and use a database of its own, if it has that name. Raises LoadError, also where a table or
        column that the contracts know is missing afterwards.
        """
        contracts = list(contracts)
        head = f"CREATE DATABASE IF NOT EXISTS `{database}`; USE `{database}`; "
        try:
            self.run(_after(head.encode(), _chunks(path)))
        except (LoadError, EOFError, gzip.BadGzipFile) as error:
            raise LoadError(f"{path}: {error}") from None
        return self.check(path, database, contracts)

    def check(self, path: Path, database: str, contracts: Iterable[Contract]) -> dict[str, int]:
        """Rows by table. Raises LoadError that names `path` where the database lacks a table or column."""
        found: dict[str, set[str]] = {}
        places: dict[str, set[str]] = {}
        columns = self.run([b"SELECT table_schema, table_name, column_name FROM information_schema.columns"])
        for schema, table, column in columns:
            places.setdefault(table.lower(), set()).add(schema)
            if schema == database:
                found.setdefault(table.lower(), set()).add(column.lower())
        rows = {}
        for contract in contracts:
            if contract.table not in found:
                elsewhere = ", ".join(sorted(places.get(contract.table, ())))
                hint = f"; it is in {elsewhere}, so change the dump's USE line" if elsewhere else ""
                raise LoadError(f"{path}: there is no table {contract.table} in the database {database}{hint}")
            names = {source_tables.column_name(column) for column in contract.columns}
            if missing := sorted(name for name in names if name.lower() not in found[contract.table]):
                raise LoadError(
                    f"{path}: the table {contract.table} has no column {', '.join(missing)} "
                    f"(see datasets/{contract.pipeline}/{contract.table}.yaml)"
                )
            ((count,),) = self.run([f"SELECT COUNT(*) FROM `{contract.table}`".encode()], database)
            rows[contract.table] = int(count)
        return rows


def client() -> str:
    """The path of the command-line client. Raises LoadError that says how to get it."""
    found = shutil.which("mariadb") or shutil.which("mysql")
    if not found:
        raise LoadError(f"There is no MySQL or MariaDB client on this machine: {_HOW}")
    return found


def _chunks(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _after(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """In front of the first line, so that lines keep their numbers in errors; without a mark of byte order."""
    first = next(chunks, b"")
    yield head + first.removeprefix(b"\xef\xbb\xbf")
    yield from chunks
