"""Databases over JDBC, by a connection of the catalog or by options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from pyspark.sql import DataFrame, SparkSession

from .bookmarks import BOOKMARK
from .catalog import client

Options = Mapping[str, Any]

KINDS = ("mysql", "mariadb", "postgresql", "sqlserver", "oracle", "jdbc")
_FETCH_SIZE = "1000"


def connection(name: str) -> dict[str, str]:
    """A JDBC connection of the catalog, its secret resolved: ``parts`` of its address, user and password."""
    found = client().get_connection(Name=name)["Connection"]
    if found["ConnectionType"] != "JDBC":
        raise ValueError(f"The connection {name} is of the type {found['ConnectionType']}, not JDBC.")
    properties = found["ConnectionProperties"]
    user, password = properties.get("USERNAME", ""), properties.get("PASSWORD", "")
    if secret := properties.get("SECRET_ID"):
        text = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        values = json.loads(text)
        user, password = values.get("username") or values["USERNAME"], values.get("password") or values["PASSWORD"]
    url = properties["JDBC_CONNECTION_URL"]
    return {**parts(url), "user": user, "password": password}


def parts(url: str) -> dict[str, str]:
    """What a JDBC address says: url (without the database), fullUrl, vendor, host, port and database."""
    if not url.startswith("jdbc:"):
        raise ValueError(f"{url!r} is no JDBC address.")
    at = urlsplit(url.removeprefix("jdbc:"))
    port = str(at.port or "")
    host = at.hostname or ""
    return {
        "url": f"jdbc:{at.scheme}://{host}{':' + port if port else ''}",
        "fullUrl": url,
        "vendor": at.scheme,
        "host": host,
        "port": port,
        "database": at.path.strip("/"),
    }


def read(spark: SparkSession, kind: str, options: Options, context: str) -> DataFrame:
    """The rows of a table, of new ones only where a bookmark says so."""
    properties = _properties(kind, options)
    table = str(options.get("dbtable") or "")
    if options.get("sampleQuery"):
        table = f"({options['sampleQuery']}) AS sampled"
    if not table:
        raise ValueError("A source over JDBC needs dbtable (or sampleQuery) in its connection_options.")
    if BOOKMARK.used and context:
        table = _since(spark, properties, table, options, context)
    reader = spark.read.format("jdbc").options(**properties).option("dbtable", table)
    field = options.get("hashfield") or options.get("hashexpression")
    if field and (count := int(options.get("hashpartitions", 7))) > 1:
        return _by_hash(spark, properties, table, str(field), count, is_field=bool(options.get("hashfield")))
    return reader.load()


def write(frame: DataFrame, kind: str, options: Options) -> None:
    """Add the rows to a table."""
    table = options.get("dbtable")
    if not table:
        raise ValueError("A sink over JDBC needs dbtable in its connection_options.")
    frame.write.format("jdbc").mode("append").options(**_properties(kind, options)).option("dbtable", table).save()


def _properties(kind: str, options: Options) -> dict[str, str]:
    if kind not in KINDS:
        raise ValueError(f"The connection type {kind!r} is not supported here: s3, {', '.join(KINDS)} are.")
    if options.get("customJdbcDriverS3Path"):
        raise ValueError("customJdbcDriverS3Path is not supported here: give the jar by --extra-jars.")
    found: dict[str, str] = {}
    if str(options.get("useConnectionProperties", "")).lower() == "true" or options.get("connectionName"):
        known = connection(str(options["connectionName"]))
        found = {"url": known["fullUrl"], "user": known["user"], "password": known["password"]}
    for name in ("url", "user", "password"):
        if options.get(name):
            found[name] = str(options[name])
    if "url" not in found:
        raise ValueError("A source or sink over JDBC needs url, or connectionName, in its connection_options.")
    if options.get("customJdbcDriverClassName"):
        found["driver"] = str(options["customJdbcDriverClassName"])
    return {"fetchsize": _FETCH_SIZE, **found}


def _by_hash(
    spark: SparkSession, properties: dict[str, str], table: str, field: str, count: int, *, is_field: bool
) -> DataFrame:
    """The table in parts that are read at once, by a hash of a column or by a number that an expression gives."""
    number = f"conv(right(md5({field}), 8), 16, 10)" if is_field else field
    predicates = [f"mod({number}, {count}) = {part}" for part in range(count)]
    predicates[0] += f" or {field} is null"
    url = properties["url"]
    return spark.read.jdbc(
        url, table, predicates=predicates, properties={key: value for key, value in properties.items() if key != "url"}
    )


def _since(spark: SparkSession, properties: dict[str, str], table: str, options: Options, context: str) -> str:
    """A query of the rows whose keys are after the last run's, and not after the greatest that there are now."""
    keys = options.get("jobBookmarkKeys") or ()
    keys = [keys] if isinstance(keys, str) else list(keys)
    if not keys:
        raise ValueError("A source over JDBC with bookmarks needs jobBookmarkKeys: the columns that only ever grow.")
    down = str(options.get("jobBookmarkKeysSortOrder", "asc")).lower() == "desc"
    last = BOOKMARK.last_keys(context)
    order = ", ".join(f"{key} {'asc' if down else 'desc'}" for key in keys)
    newest = f"(select {', '.join(keys)} from {table} order by {order} limit 1) newest"
    row = spark.read.format("jdbc").options(**properties).option("dbtable", newest).load().first()
    if row is None:
        return table
    ends = {key: _literal(row[number]) for number, key in enumerate(keys)}
    BOOKMARK.keep_keys(context, ends)
    sign = "<" if down else ">"
    conditions = [f"not ({_after(ends, keys, sign)})"]
    if last:
        conditions.append(_after(last, keys, sign))
    return f"(select * from {table} where {' and '.join(f'({one})' for one in conditions)}) bookmarked"


def _after(values: Mapping[str, str], keys: list[str], sign: str) -> str:
    """A condition: the keys, one after the other, are beyond these values."""
    parts = []
    for number, key in enumerate(keys):
        same = [f"{one} = {values[one]}" for one in keys[:number]]
        parts.append(" and ".join([*same, f"{key} {sign} {values[key]}"]))
    return " or ".join(f"({part})" for part in parts)


def _literal(value: Any) -> str:
    """A value in SQL."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"A bookmark's key may not be {value!r}.")
    if isinstance(value, int | float) or type(value).__name__ == "Decimal":
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
