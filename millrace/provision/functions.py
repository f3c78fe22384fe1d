"""Lambda layers and functions."""

from __future__ import annotations

from collections.abc import Sequence

from millrace import package
from millrace.kinds import Function
from millrace.provision.account import Account


def make(account: Account, functions: Sequence[Function]) -> None:
    """Make the functions, and first the layers that they need."""
    layers = {name: _layer(account, name) for name in sorted({name for f in functions for name in f.layers})}
    for function in functions:
        _function(account, function, [layers[name] for name in function.layers])


def _layer(account: Account, name: str) -> str:
    """Publish the layer if its content is new; the ARN of the version."""
    path = package.build_layer(name, "local", account.built)
    client = account.client("lambda")
    for version in client.list_layer_versions(LayerName=f"millrace-{name}")["LayerVersions"]:
        if version["Description"] == path.name:
            return str(version["LayerVersionArn"])
    bucket, key = account.artifact(path, "lambda")
    answer = client.publish_layer_version(
        LayerName=f"millrace-{name}", Description=path.name, Content={"S3Bucket": bucket, "S3Key": key}
    )
    return str(answer["LayerVersionArn"])


def _function(account: Account, function: Function, layers: list[str]) -> None:
    path = package.build_function(function.name, account.built)
    client = account.client("lambda")
    bucket, key = account.artifact(path, "lambda")
    configuration = {
        "FunctionName": function.name,
        "Role": account.role(function.name),
        "Runtime": "python3.12",
        "Handler": "handler.handler",
        "Description": function.description,
        "MemorySize": function.memory_mb,
        "Timeout": function.timeout_s,
        "Layers": layers,
        "Environment": {"Variables": account.names.resolve(function.environment)},
    }
    try:
        client.create_function(**configuration, Code={"S3Bucket": bucket, "S3Key": key})
    except client.exceptions.ResourceConflictException:
        client.update_function_code(FunctionName=function.name, S3Bucket=bucket, S3Key=key)
        client.update_function_configuration(**configuration)
    if function.failures_told:
        bus = account.arn("events", "event-bus/default")
        client.put_function_event_invoke_config(
            FunctionName=function.name, DestinationConfig={"OnFailure": {"Destination": bus}}
        )
