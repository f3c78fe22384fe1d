"""Provision the embedded AWS from the declarations: what Terraform makes in a real account.

Every step may be run again: what is there already is brought up to date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from millrace import contracts, package, resources

# An emulator asks for a role but checks none; Terraform gives every function and crawler its own.
_ROLE = "arn:aws:iam::{account}:role/millrace-{name}"
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
_EXISTS = {
    "AlreadyExistsException", "BucketAlreadyOwnedByYou", "ResourceConflictException", "ResourceExistsException",
}  # fmt: skip


class Provisioner:
    """Makes what is declared in the account that the clients reach.

    client: makes a boto3 client of a service. prefix: that of the buckets' names. built: where packages are built.
    """

    def __init__(self, client: Callable[[str], Any], prefix: str, built: Path) -> None:
        self._client = client
        self._prefix = prefix
        self._built = built
        sts = client("sts")
        self._account = sts.get_caller_identity()["Account"]
        self._region = sts.meta.region_name

    def common(self) -> None:
        """Buckets, the Athena workgroup, layers, functions and QuickSight's data source."""
        declared = resources.common()
        s3 = self._client("s3")
        for name in declared.buckets:
            _make(s3.create_bucket, Bucket=self._bucket(name))
        self._workgroup(declared.workgroup)
        layers = {name: self._layer(name) for name in declared.layers}
        for function in declared.functions:
            self._function(function, [layers[layer] for layer in function.layers])
        _make(
            self._client("quicksight").create_data_source,
            AwsAccountId=self._account,
            DataSourceId=declared.data_source["id"],
            Name=declared.data_source["name"],
            Type="ATHENA",
            DataSourceParameters={"AthenaParameters": {"WorkGroup": declared.workgroup["name"]}},
        )

    def pipeline(self, slug: str) -> None:
        """One pipeline's database, derived tables, crawler, data sets and dashboard."""
        declared = resources.pipeline(slug)
        glue = self._client("glue")
        _make(glue.create_database, DatabaseInput={"Name": declared.database})
        for contract in contracts.of_pipeline(slug).values():
            if contract.kind == "derived":
                _make(glue.create_table, DatabaseName=declared.database, TableInput=self._table_input(contract))
        self._crawler(declared)
        self._data_sets(declared)
        self._dashboard(slug)

    def _bucket(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def _role(self, name: str) -> str:
        return _ROLE.format(account=self._account, name=name)

    def _workgroup(self, declared: Any) -> None:
        configuration = {
            "ResultConfiguration": {"OutputLocation": f"s3://{self._bucket(declared['results'])}/"},
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": declared["scan_cutoff_bytes"],
        }
        athena = self._client("athena")
        known = {group["Name"] for group in athena.list_work_groups()["WorkGroups"]}
        if declared["name"] not in known:
            athena.create_work_group(Name=declared["name"], Configuration=configuration)

    def _artifact(self, path: Path) -> tuple[str, str]:
        """Put a package, named by its content, into the artifacts bucket; (bucket, key)."""
        bucket, key = self._bucket("artifacts"), f"lambda/{path.name}"
        self._client("s3").upload_file(str(path), bucket, key)
        return bucket, key

    def _layer(self, name: str) -> str:
        """Publish the layer if its content is new; the ARN of the version."""
        path = package.build_layer(name, "local", self._built)
        client = self._client("lambda")
        for version in client.list_layer_versions(LayerName=f"millrace-{name}")["LayerVersions"]:
            if version["Description"] == path.name:
                return str(version["LayerVersionArn"])
        bucket, key = self._artifact(path)
        answer = client.publish_layer_version(
            LayerName=f"millrace-{name}", Description=path.name, Content={"S3Bucket": bucket, "S3Key": key}
        )
        return str(answer["LayerVersionArn"])

    def _function(self, function: resources.Function, layers: list[str]) -> None:
        path = package.build_function(function.name, self._built)
        client = self._client("lambda")
        bucket, key = self._artifact(path)
        configuration = {
            "FunctionName": function.name,
            "Role": self._role(function.name),
            "Runtime": "python3.12",
            "Handler": "handler.handler",
            "Description": function.description,
            "MemorySize": function.memory_mb,
            "Timeout": function.timeout_s,
            "Layers": layers,
            "Environment": {"Variables": {key: self._bucket(name) for key, name in function.environment.items()}},
        }
        try:
            client.create_function(**configuration, Code={"S3Bucket": bucket, "S3Key": key})
        except client.exceptions.ResourceConflictException:
            client.update_function_code(FunctionName=function.name, S3Bucket=bucket, S3Key=key)
            client.update_function_configuration(**configuration)

    def _table_input(self, contract: contracts.Contract) -> dict[str, Any]:
        return {
            "Name": contract.table,
            "Description": contract.grain,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
            "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in contract.partitions],
            "StorageDescriptor": {
                **_PARQUET,
                "Location": f"{contract.uri(self._prefix)}build=none/",
                "Columns": [{"Name": c.name, "Type": c.type, "Comment": c.description} for c in contract.columns],
            },
        }

    def _crawler(self, declared: resources.Pipeline) -> None:
        raw = [c for c in contracts.of_pipeline(declared.slug).values() if c.kind == "raw"]
        _make(
            self._client("glue").create_crawler,
            Name=declared.crawler["name"],
            Role=self._role(f"crawler-{declared.slug}"),
            DatabaseName=declared.database,
            Targets={"S3Targets": [{"Path": contract.uri(self._prefix)} for contract in raw]},
            SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DELETE_FROM_DATABASE"},
            Configuration=json.dumps(
                {"Version": 1.0, "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}}
            ),
        )

    def _data_sets(self, declared: resources.Pipeline) -> None:
        quicksight = self._client("quicksight")
        source = resources.common().data_source["id"]
        for data_set in declared.data_sets:
            physical = {
                "CustomSql": {
                    "DataSourceArn": f"arn:aws:quicksight:{self._region}:{self._account}:datasource/{source}",
                    "Name": data_set.query,
                    "SqlQuery": declared.query(data_set.query),
                    "Columns": [{"Name": name, "Type": kind} for name, kind in data_set.columns.items()],
                }
            }
            arguments = {
                "AwsAccountId": self._account,
                "DataSetId": data_set.id,
                "Name": data_set.name,
                "PhysicalTableMap": {data_set.query: physical},
                "ImportMode": "SPICE",
            }
            try:
                quicksight.create_data_set(**arguments)
            except quicksight.exceptions.ResourceExistsException:
                quicksight.update_data_set(**arguments)

    def _dashboard(self, slug: str) -> None:
        """Deploy ``dashboards/<slug>.json``, in which ``${dataset_arn:ID}`` stands for the ARN of a data set."""
        path = resources.ROOT / "dashboards" / f"{slug}.json"
        arn = f"arn:aws:quicksight:{self._region}:{self._account}:dataset/"
        text = re.sub(r"\$\{dataset_arn:([\w-]+)\}", lambda match: arn + match[1], path.read_text(encoding="utf-8"))
        document = json.loads(text)
        arguments = {
            "AwsAccountId": self._account,
            "DashboardId": document["DashboardId"],
            "Name": document["Name"],
            "Definition": document["Definition"],
        }
        quicksight = self._client("quicksight")
        try:
            quicksight.create_dashboard(**arguments)
        except quicksight.exceptions.ResourceExistsException:
            version = quicksight.update_dashboard(**arguments)["VersionArn"].rpartition("/")[2]
            quicksight.update_dashboard_published_version(
                AwsAccountId=self._account, DashboardId=document["DashboardId"], VersionNumber=int(version)
            )


def _make(create: Callable[..., Any], **arguments: Any) -> None:
    """Create what may be there already."""
    try:
        create(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _EXISTS:
            raise
