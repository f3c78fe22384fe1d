"""A pipeline's part of Glue's catalog: its database, the tables that its contracts describe, and its crawlers."""

from __future__ import annotations

import json
from typing import Any

from millrace import contracts
from millrace.contracts import Contract
from millrace.kinds import Crawler
from millrace.provision.account import Account
from millrace.provision.account import make as create
from millrace.resources import Pipeline

_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


def make(account: Account, declared: Pipeline) -> None:
    """Make the database, the derived tables (empty until a build is published) and the crawlers."""
    glue = account.client("glue")
    create(glue.create_database, DatabaseInput={"Name": declared.database})
    tables = contracts.of_pipeline(declared.slug).values()
    for contract in tables:
        if contract.kind == "derived":
            table = table_input(contract, account.names.prefix)
            create(glue.create_table, DatabaseName=declared.database, TableInput=table)
    locations = [contract.uri(account.names.prefix) for contract in tables if contract.kind == "raw"]
    for crawler in declared.crawlers:
        definition = _definition(account, declared, crawler, locations)
        if not create(glue.create_crawler, **definition):
            glue.update_crawler(**definition)


def table_input(contract: Contract, prefix: str) -> dict[str, Any]:
    """A derived table as Glue has it: Parquet, in a folder that no build writes."""
    return {
        "Name": contract.table,
        "Description": contract.grain,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in contract.partitions],
        "StorageDescriptor": {
            **_PARQUET,
            "Location": f"{contract.uri(prefix)}build=none/",
            "Columns": [{"Name": c.name, "Type": c.type, "Comment": c.description} for c in contract.columns],
        },
    }


def _definition(account: Account, declared: Pipeline, crawler: Crawler, raw: list[str]) -> dict[str, Any]:
    """A crawler as Glue's API has it. raw: where the raw contracts' tables lie."""
    bucket = account.names.bucket(crawler.bucket)
    paths = raw if crawler.tables == "raw" else [f"s3://{bucket}/{path}" for path in crawler.paths]
    output = {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}
    grouping: dict[str, Any] = {}
    if crawler.table_level is not None:
        grouping["TableLevelConfiguration"] = crawler.table_level
    if crawler.combine:
        grouping["TableGroupingPolicy"] = "CombineCompatibleSchemas"
    configuration = {"Version": 1.0, "CrawlerOutput": output, **({"Grouping": grouping} if grouping else {})}
    changes = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DELETE_FROM_DATABASE"}
    if crawler.new_folders_only:  # which Glue allows only where a crawler changes no table
        changes = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    return {
        "Name": crawler.name,
        "Role": account.role(f"crawler-{declared.slug}"),
        "DatabaseName": declared.database,
        "Targets": {"S3Targets": [{"Path": path, "Exclusions": list(crawler.exclusions)} for path in paths]},
        "TablePrefix": crawler.table_prefix,
        "SchemaChangePolicy": changes,
        "RecrawlPolicy": {
            "RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY" if crawler.new_folders_only else "CRAWL_EVERYTHING"
        },
        "Configuration": json.dumps(configuration),
        **({"Schedule": crawler.schedule} if crawler.schedule else {}),
    }
