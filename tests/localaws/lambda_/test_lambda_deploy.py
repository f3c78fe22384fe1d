"""Functions, versions, aliases, layers and what surrounds them, through the API."""

import base64
import hashlib
import json
import textwrap
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws.server import Server

ROLE = "arn:aws:iam::123456789012:role/lambda"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def code_of(error):
    return error.value.response["Error"]["Code"]


def test_create_describes_the_function(deploy, lambda_, make_zip):
    package = make_zip({"handler.py": "def main(event, context): pass"})
    name = deploy("", Code={"ZipFile": package}, Tags={"a": "b"}, Environment={"Variables": {"MODE": "1"}})
    found = lambda_.get_function(FunctionName=name)
    configuration = found["Configuration"]
    assert configuration.pop("LastModified").endswith("+0000")
    assert uuid.UUID(configuration.pop("RevisionId"))
    assert configuration == {
        "FunctionName": name,
        "FunctionArn": ARN + name,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "handler.main",
        "CodeSize": len(package),
        "CodeSha256": base64.b64encode(hashlib.sha256(package).digest()).decode(),
        "Description": "",
        "Timeout": 10,
        "MemorySize": 128,
        "Version": "$LATEST",
        "PackageType": "Zip",
        "Environment": {"Variables": {"MODE": "1"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "Layers": [],
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    assert found["Tags"] == {"a": "b"}
    assert lambda_.get_function_configuration(FunctionName=ARN + name)["FunctionArn"] == ARN + name
    assert name in [
        f["FunctionName"] for f in lambda_.get_paginator("list_functions").paginate().build_full_result()["Functions"]
    ]


def test_a_name_is_taken_once(deploy):
    name = deploy("")
    with pytest.raises(ClientError) as error:
        deploy("", FunctionName=name)
    assert code_of(error) == "ResourceConflictException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


@pytest.mark.parametrize(
    ("settings", "code", "text"),
    [
        ({"Runtime": "nodejs22.x"}, "InvalidParameterValueException", "the local Lambda runs python3.11"),
        ({"Role": "arn:aws:iam::1:role/x"}, "ValidationException", "at 'role' failed to satisfy constraint"),
        ({"Timeout": 901}, "ValidationException", "Member must have value less than or equal to 900"),
        ({"MemorySize": 10241}, "ValidationException", "Member must have value less than or equal to 10240"),
        ({"EphemeralStorage": {"Size": 10241}}, "ValidationException", "less than or equal to 10240"),
        ({"Handler": "a b.c"}, "InvalidParameterValueException", "Handler"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException",
         "Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"A1": "x" * 4095}}}, "InvalidParameterValueException", "the 4KB limit"),
        ({"Layers": [ARN.replace("function", "layer") + "nope:1"]}, "ResourceNotFoundException", "nope:1"),
        ({"Layers": ["nope"]}, "InvalidParameterValueException", "Layer version nope is not a layer version's ARN"),
        ({"Environment": {"Variables": {"A": "x"}}}, "InvalidParameterValueException", "at least two"),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip uploaded file"),
        ({"Code": {"S3Bucket": "not-there", "S3Key": "k"}}, "InvalidParameterValueException",
         "Error occurred while GetObject. S3 Error Code: NoSuchBucket"),
        ({"Code": {"ImageUri": "x"}, "PackageType": "Image"}, "NotSupportedByLocalAws", "container images"),
        ({"VpcConfig": {"SubnetIds": ["s-1"]}}, "NotSupportedByLocalAws", "VpcConfig"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "NotSupportedByLocalAws", "SnapStart"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "NotSupportedByLocalAws", "LogFormat=JSON"),
        ({"DeadLetterConfig": {"TargetArn": ARN + "f"}}, "InvalidParameterValueException", "sqs, sns"),
    ],
)  # fmt: skip
def test_what_is_refused(deploy, settings, code, text):
    with pytest.raises(ClientError) as error:
        deploy("", **settings)
    assert code_of(error) == code
    assert text in error.value.response["Error"]["Message"]


def test_new_code_and_settings_run_at_once(deploy, invoke, lambda_, make_zip, client):
    name = deploy("import os\ndef main(event, context): return ['old', os.environ.get('MODE')]")
    assert invoke(name)[0] == ["old", None]
    package = make_zip({"handler.py": "import os\ndef main(event, context): return ['new', os.environ.get('MODE')]"})
    client("s3").create_bucket(Bucket="lambda-code")
    client("s3").put_object(Bucket="lambda-code", Key="dir/a b.zip", Body=package)
    updated = lambda_.update_function_code(FunctionName=name, S3Bucket="lambda-code", S3Key="dir/a b.zip")
    assert updated["CodeSize"] == len(package)
    assert invoke(name)[0] == ["new", None]
    changed = lambda_.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"MODE": "2"}}, Timeout=5, RevisionId=updated["RevisionId"]
    )
    assert (changed["Timeout"], changed["Handler"]) == (5, "handler.main")
    assert invoke(name)[0] == ["new", "2"]
    with pytest.raises(ClientError) as error:
        lambda_.update_function_configuration(FunctionName=name, Timeout=6, RevisionId=updated["RevisionId"])
    assert code_of(error) == "PreconditionFailedException"
    dry = lambda_.update_function_code(FunctionName=name, ZipFile=make_zip({"x.py": ""}), DryRun=True)
    assert dry["CodeSha256"] != updated["CodeSha256"]
    assert invoke(name)[0] == ["new", "2"]


def test_versions_and_aliases_keep_their_code(deploy, invoke, lambda_, make_zip):
    name = deploy("def main(event, context): return [1, context.function_version, context.invoked_function_arn]")
    first = lambda_.publish_version(FunctionName=name)
    assert (first["Version"], first["FunctionArn"]) == ("1", f"{ARN}{name}:1")
    assert lambda_.publish_version(FunctionName=name)["Version"] == "1"
    lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    lambda_.update_function_code(
        FunctionName=name, ZipFile=make_zip({"handler.py": "def main(event, context): return 2"}), Publish=True
    )
    assert invoke(name)[0] == 2
    assert invoke(name, Qualifier="1")[0] == [1, "1", f"{ARN}{name}:1"]
    payload, answer = invoke(f"{ARN}{name}:live")
    assert (payload, answer["ExecutedVersion"]) == ([1, "1", f"{ARN}{name}:live"], "1")
    lambda_.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert invoke(name, Qualifier="live")[0] == 2
    assert lambda_.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    versions = [v["Version"] for v in lambda_.list_versions_by_function(FunctionName=name)["Versions"]]
    assert versions == ["$LATEST", "1", "2"]
    with pytest.raises(ClientError) as used:
        lambda_.delete_function(FunctionName=name, Qualifier="2")
    assert code_of(used) == "ResourceConflictException"
    lambda_.delete_function(FunctionName=name, Qualifier="1")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        invoke(name, Qualifier="1")
    assert [a["Name"] for a in lambda_.list_aliases(FunctionName=name)["Aliases"]] == ["live"]
    lambda_.delete_alias(FunctionName=name, Name="live")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        invoke(name, Qualifier="live")


def test_layers_are_merged_the_last_one_wins(deploy, invoke, lambda_, make_zip):
    base = {"python/one.py": "value = 'base'", "python/both.py": "value = 'base'", "data/x.txt": "x"}
    top = {"python/both.py": "value = 'top'", "python/lib/python3.12/site-packages/deep.py": "value = 'deep'"}
    published = [
        lambda_.publish_layer_version(LayerName=f"test-{name}", Content={"ZipFile": make_zip(files)})
        for name, files in (("base", base), ("top", top))
    ]
    arns = [layer["LayerVersionArn"] for layer in published]
    name = deploy(
        "import one, both, deep\ndef main(event, context): return [one.value, both.value, deep.value]",
        Layers=arns,
        Runtime="python3.12",
    )
    assert invoke(name)[0] == ["base", "top", "deep"]
    found = lambda_.get_function_configuration(FunctionName=name)["Layers"]
    assert found == [{"Arn": arn, "CodeSize": p["Content"]["CodeSize"]} for arn, p in zip(arns, published, strict=True)]
    lambda_.update_function_configuration(FunctionName=name, Layers=arns[:1])
    assert invoke(name)[0]["errorType"] == "Runtime.ImportModuleError"


def test_layer_versions_count_on_and_a_deleted_one_still_runs(deploy, invoke, lambda_, make_zip):
    content = {"ZipFile": make_zip({"python/dep.py": "value = 1"})}
    numbers = [lambda_.publish_layer_version(LayerName="test-count", Content=content)["Version"] for _ in range(2)]
    assert numbers == [1, 2]
    arn = "arn:aws:lambda:us-east-1:123456789012:layer:test-count:2"
    assert lambda_.get_layer_version(LayerName="test-count", VersionNumber=2)["LayerVersionArn"] == arn
    assert lambda_.get_layer_version_by_arn(Arn=arn)["Version"] == 2
    name = deploy("import dep\ndef main(event, context): return dep.value", Layers=[arn])
    lambda_.delete_layer_version(LayerName="test-count", VersionNumber=2)
    assert invoke(name)[0] == 1
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_layer_version(LayerName="test-count", VersionNumber=2)
    assert lambda_.publish_layer_version(LayerName="test-count", Content=content)["Version"] == 3
    with pytest.raises(ClientError) as error:
        deploy("", Layers=[arn.replace(":2", ":1"), arn.replace(":2", ":3")])
    assert "Two different versions of the same layer" in str(error.value)
    listed = lambda_.list_layer_versions(LayerName="test-count")["LayerVersions"]
    assert [version["Version"] for version in listed] == [3, 1]
    (layer,) = [layer for layer in lambda_.list_layers()["Layers"] if layer["LayerName"] == "test-count"]
    assert layer["LatestMatchingVersion"]["Version"] == 3


def test_code_and_layers_together_have_a_limit(deploy, lambda_, make_zip):
    half = {"ZipFile": make_zip({"python/data.bin": "0" * 131_072_000})}
    arns = [
        lambda_.publish_layer_version(LayerName=f"test-half-{n}", Content=half)["LayerVersionArn"] for n in range(2)
    ]
    deploy("", Layers=arns)
    with pytest.raises(ClientError) as error:
        deploy("#", Layers=arns)
    assert "combined with layers exceeds the maximum allowed size of 262144000 bytes" in str(error.value)


def test_permissions_make_the_policy(deploy, lambda_):
    name = deploy("")
    grant = {"FunctionName": name, "StatementId": "s3", "Action": "lambda:InvokeFunction"}
    lambda_.add_permission(
        **grant, Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b", SourceAccount="123456789012"
    )
    policy = json.loads(lambda_.get_policy(FunctionName=name)["Policy"])
    assert policy == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [
            {
                "Sid": "s3",
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": ARN + name,
                "Condition": {
                    "StringEquals": {"AWS:SourceAccount": "123456789012"},
                    "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
                },
            }
        ],
    }
    with pytest.raises(lambda_.exceptions.ResourceConflictException):
        lambda_.add_permission(**grant, Principal="*")
    lambda_.remove_permission(FunctionName=name, StatementId="s3")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_policy(FunctionName=name)


def test_concurrency_tags_and_event_settings_are_kept(deploy, lambda_):
    name = deploy("")
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
    assert lambda_.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    assert lambda_.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    lambda_.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in lambda_.get_function_concurrency(FunctionName=name)
    lambda_.tag_resource(Resource=ARN + name, Tags={"a": "1", "b": "2"})
    lambda_.untag_resource(Resource=ARN + name, TagKeys=["a"])
    assert lambda_.list_tags(Resource=ARN + name)["Tags"] == {"b": "2"}
    lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    lambda_.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    config = lambda_.get_function_event_invoke_config(FunctionName=name)
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (1, 60)
    lambda_.put_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=61)
    assert "MaximumRetryAttempts" not in lambda_.get_function_event_invoke_config(FunctionName=name)
    lambda_.delete_function_event_invoke_config(FunctionName=name)
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_function_event_invoke_config(FunctionName=name)


def test_what_is_not_done_for_real_is_refused(lambda_):
    with pytest.raises(ClientError) as error:
        lambda_.create_function_url_config(FunctionName="f", AuthType="NONE")
    assert code_of(error) == "NotSupportedByLocalAws"


def test_a_restart_keeps_functions_layers_and_settings(tmp_path, make_zip):
    source = textwrap.dedent("""
        import dep
        def main(event, context): return dep.value
        """)
    for start in range(2):
        with Server(tmp_path / "data") as server:
            lambda_ = boto3.client(
                "lambda", "us-east-1", endpoint_url=server.endpoint, aws_access_key_id="a", aws_secret_access_key="a"
            )
            if start == 0:
                layer = {"ZipFile": make_zip({"python/dep.py": "value = 41"})}
                arn = lambda_.publish_layer_version(LayerName="dep", Content=layer)["LayerVersionArn"]
                lambda_.create_function(
                    FunctionName="f",
                    Runtime="python3.12",
                    Role=ROLE,
                    Handler="handler.main",
                    Layers=[arn],
                    Code={"ZipFile": make_zip({"handler.py": source})},
                )
                lambda_.update_function_code(
                    FunctionName="f", ZipFile=make_zip({"handler.py": source + "\n# again\n"}), Publish=True
                )
                lambda_.tag_resource(Resource=ARN + "f", Tags={"a": "b"})
            assert lambda_.invoke(FunctionName="f")["Payload"].read() == b"41"
            assert lambda_.invoke(FunctionName="f", Qualifier="1")["Payload"].read() == b"41"
            assert lambda_.get_function(FunctionName="f")["Tags"] == {"a": "b"}
    assert len(list((tmp_path / "data" / "lambda" / "content").iterdir())) == 2  # the first code is of no use any more
