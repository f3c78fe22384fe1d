"""Firehose delivery streams of JSON records into derived tables, as Parquet, partitioned by what the records say."""

from __future__ import annotations

from typing import Any

from millrace import contracts
from millrace.kinds import Firehose
from millrace.provision.account import Account
from millrace.provision.catalog import table_input
from millrace.resources import Pipeline


def make(account: Account, declared: Pipeline) -> None:
    """Make the streams; their tables find new partitions by themselves, by projection."""
    client = account.client("firehose")
    for stream in declared.firehoses:
        _project(account, declared, stream)
        try:
            client.create_delivery_stream(
                DeliveryStreamName=stream.name,
                **_source(account, stream),
                ExtendedS3DestinationConfiguration=_destination(account, declared, stream),
            )
        except client.exceptions.ResourceInUseException:
            now = client.describe_delivery_stream(DeliveryStreamName=stream.name)["DeliveryStreamDescription"]
            client.update_destination(
                DeliveryStreamName=stream.name,
                CurrentDeliveryStreamVersionId=now["VersionId"],
                DestinationId=now["Destinations"][0]["DestinationId"],
                ExtendedS3DestinationUpdate=_destination(account, declared, stream),
            )


def _source(account: Account, stream: Firehose) -> dict[str, Any]:
    if stream.stream is None:
        return {"DeliveryStreamType": "DirectPut"}
    source = {
        "KinesisStreamARN": account.arn("kinesis", f"stream/{stream.stream}"),
        "RoleARN": account.role(f"firehose-{stream.name}"),
    }
    return {"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": source}


def _project(account: Account, declared: Pipeline, stream: Firehose) -> None:
    """Let the table lie where the stream delivers, its partitions computed instead of catalogued."""
    contract = contracts.get(declared.slug, stream.table)
    table = table_input(contract, account.names.prefix)
    table["StorageDescriptor"]["Location"] = contract.uri(account.names.prefix)
    table["Parameters"] |= {"projection.enabled": "true"}
    for key, partition in stream.partitions.items():
        table["Parameters"] |= {f"projection.{key}.{name}": value for name, value in partition["projection"].items()}
    account.client("glue").update_table(DatabaseName=declared.database, TableInput=table)


def _destination(account: Account, declared: Pipeline, stream: Firehose) -> dict[str, Any]:
    contract = contracts.get(declared.slug, stream.table)
    bucket, _, folder = contract.location.partition("/")
    keys = "".join(f"{key}=!{{partitionKeyFromQuery:{key}}}/" for key in stream.partitions)
    query = ", ".join(f"{key}: ({partition['jq']})" for key, partition in stream.partitions.items())
    role = account.role(f"firehose-{stream.name}")
    return {
        "RoleARN": role,
        "BucketARN": f"arn:aws:s3:::{account.names.bucket(bucket)}",
        "Prefix": f"{folder}{keys}",
        # Names that begin with _ are hidden from Athena.
        "ErrorOutputPrefix": f"{declared.slug}/_errors/{stream.table}/!{{firehose:error-output-type}}/",
        "BufferingHints": {"IntervalInSeconds": stream.buffer_s, "SizeInMBs": stream.buffer_mb},
        "DynamicPartitioningConfiguration": {"Enabled": True},
        "ProcessingConfiguration": {
            "Enabled": True,
            "Processors": [
                *([_processor("Lambda", LambdaArn=_function(account, stream.transform))] if stream.transform else []),
                _processor("MetadataExtraction", MetadataExtractionQuery=f"{{{query}}}", JsonParsingEngine="JQ-1.6"),
            ],
        },
        "DataFormatConversionConfiguration": {
            "Enabled": True,
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}},
            "SchemaConfiguration": {
                "DatabaseName": declared.database,
                "TableName": stream.table,
                "Region": account.names.region,
                "RoleARN": role,
                "VersionId": "LATEST",
            },
        },
    }


def _function(account: Account, name: str) -> str:
    return account.arn("lambda", f"function:{name}")


def _processor(kind: str, **parameters: str) -> dict[str, Any]:
    given = [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]
    return {"Type": kind, "Parameters": given}
