"""Contracts: one YAML file per table, ``datasets/<pipeline>/<table>.yaml``, which every reader of the table goes by.

The whole format (``columns`` apart, every key that is not marked with * may be left out)::

    table: user_login_locations          #* the file's name; lower case
    kind: raw                            #* raw (uploaded CSV) or derived (made by SQL or Spark)
    title: User login locations          #*
    grain: one row per login             #* begins with "one row per"
    owner: data platform                 #*
    location: processed/retraced/user_login_locations/   #* <bucket role>/<key prefix>/; s3://<prefix>-processed/…
                                         # of a source: source/<database>/<table>/
    arrives: daily                       # daily (default) or any
    stored: csv                          # what raw files are converted to: parquet (default) or csv
    key: [user_id, login_at]             # columns that identify a row
    partitions: {upload_date: string}    # Hive partition columns, which are not in the files
    period: month                        # how long what a partition column `period` names is: day or month
    max_rejected: 0.05                   # share of rows that may be rejected before the load fails (default 0.05)
    from: signups                        # the raw table whose rows a derived table has: the newest of each key
    where: ["status <> 'test'"]          # conditions (SQL) on that table's columns; rows that fail one are left out
    checks: [user_days_key_is_unique]    # names of the SQL checks that guard the table, or sentences
    csv:                                 # how raw files are read; what is left out is detected
      delimiter: ";"                     # one of , ; | and tab
      encoding: cp1252                   # any Python codec name
      timezone: Europe/Zurich            # of times without a zone (default UTC)
      max_line_bytes: 1048576            # a longer record is rejected
    columns:
      login_at:
        type: timestamp                  #* string, bigint, double, boolean, date, timestamp or decimal(p,s)
        description: When they logged in #*
        aliases: [login_time, "date"]    # other headers; case, spaces, "_", "-" and camelCase never matter
        required: true                   # every row must have a value (default false: empty becomes null)
        missing: ok                      # the whole column may be absent from a file: its values are then null
        allowed: [web, app]              # the only values (string and bigint columns)
        min: 0                           # smallest value (bigint, double, decimal, date, timestamp)
        max: 100                         # largest value
        max_length: 64                   # characters (string)
        pattern: "[A-Z]{2}"              # regular expression (RE2) that the whole string must match
        latest: upload                   # a time or date later than the upload date + 1 day is out of range
        unit: degrees
        pii: identifier                  # how personal it is, free text
        references: companies.company_id # the column of another table of the pipeline whose values it has
        from: email                      # the column of the table ``from`` (default: the same name)
        hash: folded                     # keyed hash in place of the value: of it without blanks around it and in lower
                                         # case (folded), or as it is (exact); string columns
"""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

from millrace.contract_model import DELIMITERS, Bound, Column, Contract, ContractError, CsvOptions
from millrace.contract_reader import read

__all__ = [
    "DATASETS", "DELIMITERS", "Bound", "Column", "Contract", "ContractError", "CsvOptions", "get", "load", "of_pipeline"
]  # fmt: skip

_PACKAGE = Path(__file__).resolve().parent
# Within the package where it is deployed, beside it in a checkout.
_INSTALLED = _PACKAGE / "datasets"
DATASETS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "datasets"


def load(path: Path) -> Contract:
    """Read and check one contract; raises ContractError. The pipeline is the name of the file's folder."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ContractError(f"{path}: there is no such contract; write one (see millrace/contracts.py)") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: not YAML: {error}; mend the line it names") from error
    return read(path, document)


@functools.cache
def get(pipeline: str, table: str) -> Contract:
    """The contract of a table of a pipeline, read once per process; raises ContractError."""
    return load(DATASETS / pipeline / f"{table}.yaml")


def of_pipeline(pipeline: str, datasets: Path = DATASETS) -> dict[str, Contract]:
    """All contracts of a pipeline by table name, in order of name; raises ContractError."""
    folder = datasets / pipeline
    if not folder.is_dir():
        raise ContractError(f"{folder}: there is no such folder of contracts; the pipeline's name may be misspelt")
    return {path.stem: load(path) for path in sorted(folder.glob("*.yaml"))}
