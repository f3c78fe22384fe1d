"""Secrets: made, found, described, listed, deleted and brought back."""

import json
import re
import string
from datetime import UTC, datetime, timedelta

import pytest

NOT_FOUND = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 400)
MARKED = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
    400,
)
TOKEN = "0" * 32


def test_a_secret_is_made_and_found_by_name_and_arn(secrets, name):
    made = secrets.create_secret(Name=name, SecretString="s3cret", Description="A key", ClientRequestToken=TOKEN)
    arn = made["ARN"]
    assert re.fullmatch(f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-[A-Za-z0-9]{{6}}", arn)
    assert (made["Name"], made["VersionId"]) == (name, TOKEN)
    for secret_id in (name, arn, arn[:-7]):
        found = secrets.get_secret_value(SecretId=secret_id)
        del found["ResponseMetadata"]
        created = found.pop("CreatedDate")
        assert abs(created - datetime.now(UTC)) < timedelta(minutes=1)
        assert found == {
            "ARN": arn,
            "Name": name,
            "VersionId": TOKEN,
            "SecretString": "s3cret",
            "VersionStages": ["AWSCURRENT"],
        }
    described = secrets.describe_secret(SecretId=arn)
    assert described["Description"] == "A key"
    assert described["VersionIdsToStages"] == {TOKEN: ["AWSCURRENT"]}
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert described["LastAccessedDate"] in (midnight, midnight - timedelta(days=1))
    assert {"DeletedDate", "KmsKeyId", "Tags", "RotationEnabled"} & set(described) == set()


def test_bytes_come_back_as_they_are(secrets, name):
    secrets.create_secret(Name=name, SecretBinary=b"\x00\xff\n")
    found = secrets.get_secret_value(SecretId=name)
    assert found["SecretBinary"] == b"\x00\xff\n"
    assert "SecretString" not in found


def test_a_longest_name(secrets):
    name = ("long/" + "x" * 512)[:512]
    arn = secrets.create_secret(Name=name, SecretString="1")["ARN"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "1"


def test_a_name_that_looks_like_an_arns_end(secrets, name):
    long = secrets.create_secret(Name=f"{name}-abcdef", SecretString="long")["ARN"]
    assert secrets.get_secret_value(SecretId=long)["SecretString"] == "long"
    assert secrets.get_secret_value(SecretId=long[:-7])["SecretString"] == "long"
    secrets.create_secret(Name=name, SecretString="short")
    assert secrets.get_secret_value(SecretId=long[:-7])["SecretString"] == "long"
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "short"


def test_what_is_not_there(secrets, name, fails):
    arn = secrets.create_secret(Name=name, SecretString="1")["ARN"]
    other = arn[:-1] + ("a" if arn[-1] != "a" else "b")
    for secret_id in (name + "x", other, arn.replace("us-east-1", "eu-west-1"), name[:-1]):
        assert fails(secrets.get_secret_value, SecretId=secret_id) == NOT_FOUND
    for operation in ("describe_secret", "list_secret_version_ids", "delete_secret", "restore_secret"):
        assert fails(getattr(secrets, operation), SecretId=name + "x") == NOT_FOUND
    secrets.create_secret(Name=name + "-empty")
    code, message, _ = fails(secrets.get_secret_value, SecretId=name + "-empty")
    assert code == "ResourceNotFoundException"
    assert message == "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"


def test_a_call_that_is_repeated_makes_one_secret(secrets, name, fails):
    given = {"Name": name, "SecretString": "1", "ClientRequestToken": TOKEN}
    first, second = secrets.create_secret(**given), secrets.create_secret(**given)
    assert first["ARN"] == second["ARN"]
    message = f"The operation failed because the secret {name} already exists."
    for other in ({"SecretString": "2"}, {"ClientRequestToken": "1" * 32}):
        assert fails(secrets.create_secret, **{**given, **other}) == ("ResourceExistsException", message, 400)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"Name": "Inv *"}, "ValidationException", "Invalid name. Must be a valid name containing alphanumeric"),
        ({"Name": "n" * 513}, "ValidationException", "less than or equal to 512"),
        (
            {"SecretString": "x" * 65537},
            "ValidationException",
            "Value at 'secretString' .* less than or equal to 65536",
        ),
        ({"SecretString": "é" * 32769}, "ValidationException", "less than or equal to 65536"),
        (
            {"SecretBinary": b"x" * 65537},
            "ValidationException",
            "Value at 'secretBinary' .* less than or equal to 65536",
        ),
        ({"SecretString": "a", "SecretBinary": b"a"}, "InvalidParameterException", "both a binary secret value and"),
        ({"ClientRequestToken": "x" * 65}, "InvalidParameterException", "must be 32-64 characters long"),
        ({"Tags": [{"Key": "aws:a", "Value": "b"}]}, "InvalidParameterException", "begin with aws:"),
        ({"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}, "LimitExceededException", "50 tags"),
        ({"AddReplicaRegions": [{"Region": "eu-west-1"}]}, "NotSupportedByLocalAws", "nothing is replicated"),
    ],
)
def test_what_cannot_be_made(secrets, name, fails, given, code, words):
    found = fails(secrets.create_secret, **{"Name": name, **given})
    assert found[0] == code
    assert re.search(words, found[1])
    assert "xxx" not in found[1]


def test_the_largest_values(secrets, name):
    secrets.create_secret(Name=name, SecretString="x" * 65536)
    secrets.put_secret_value(SecretId=name, SecretBinary=b"x" * 65536)
    assert len(secrets.get_secret_value(SecretId=name)["SecretBinary"]) == 65536


def test_a_description_and_a_value_are_updated(secrets, name, fails):
    secrets.create_secret(Name=name, SecretString="1", Description="a")
    assert "VersionId" not in secrets.update_secret(SecretId=name, Description="b", KmsKeyId="alias/k")
    updated = secrets.update_secret(SecretId=name, SecretString="2")
    described = secrets.describe_secret(SecretId=name)
    assert (described["Description"], described["KmsKeyId"]) == ("b", "alias/k")
    assert described["VersionIdsToStages"][updated["VersionId"]] == ["AWSCURRENT"]
    assert described["LastChangedDate"] > described["CreatedDate"]
    assert fails(secrets.update_secret, SecretId=name + "x", Description="c") == NOT_FOUND


def test_a_deleted_secret_waits_and_can_be_restored(secrets, name, fails):
    secrets.create_secret(Name=name, SecretString="1")
    deleted = secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert abs(deleted["DeletionDate"] - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    for operation, given in [
        ("get_secret_value", {}),
        ("put_secret_value", {"SecretString": "2"}),
        ("update_secret", {"Description": "2"}),
        ("tag_resource", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("get_resource_policy", {}),
    ]:
        assert fails(getattr(secrets, operation), SecretId=name, **given) == MARKED
    code, message, _ = fails(secrets.delete_secret, SecretId=name)
    assert code == "InvalidRequestException"
    assert message.endswith("it was already scheduled for deletion.")
    code, message, _ = fails(secrets.create_secret, Name=name)
    assert code == "InvalidRequestException"
    assert message == "You can't create this secret because a secret with this name is already scheduled for deletion."
    assert secrets.describe_secret(SecretId=name)["DeletedDate"] <= datetime.now(UTC)
    mine = [{"Key": "name", "Values": [name]}]
    assert secrets.list_secrets(Filters=mine)["SecretList"] == []
    assert len(secrets.list_secrets(Filters=mine, IncludePlannedDeletion=True)["SecretList"]) == 1
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "1"
    assert "DeletedDate" not in secrets.describe_secret(SecretId=name)


def test_a_secret_is_deleted_at_once(secrets, name, fails):
    first = secrets.create_secret(Name=name, SecretString="1")
    secrets.delete_secret(SecretId=name)
    assert secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)["ARN"] == first["ARN"]
    assert fails(secrets.describe_secret, SecretId=name) == NOT_FOUND
    assert secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)["Name"] == name
    second = secrets.create_secret(Name=name, SecretString="2")
    assert second["ARN"] != first["ARN"]
    assert fails(secrets.get_secret_value, SecretId=first["ARN"]) == NOT_FOUND


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"RecoveryWindowInDays": 6}, "between 7 and 30 days"),
        ({"RecoveryWindowInDays": 31}, "between 7 and 30 days"),
        ({"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}, "in conjunction with RecoveryWindowInDays"),
    ],
)
def test_a_recovery_window_that_cannot_be(secrets, name, fails, given, words):
    secrets.create_secret(Name=name)
    code, message, _ = fails(secrets.delete_secret, SecretId=name, **given)
    assert code == "InvalidParameterException"
    assert words in message


def test_tags(secrets, name):
    secrets.create_secret(Name=name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}])
    secrets.untag_resource(SecretId=name, TagKeys=["a", "z"])
    tags = secrets.describe_secret(SecretId=name)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"b": "3", "c": "4"}


def policy(principal, **more):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **more}]})


def test_policies_are_kept(secrets, name, fails):
    secrets.create_secret(Name=name)
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=name)
    text = policy({"AWS": "arn:aws:iam::123456789012:root"})
    secrets.put_resource_policy(SecretId=name, ResourcePolicy=text, BlockPublicPolicy=True)
    assert secrets.get_resource_policy(SecretId=name)["ResourcePolicy"] == text
    for broken in ("{", "[]", '{"Statement": [1]}'):
        code, _, _ = fails(secrets.put_resource_policy, SecretId=name, ResourcePolicy=broken)
        assert code == "MalformedPolicyDocumentException"
    for public in ("*", {"AWS": "*"}, {"AWS": ["123456789012", "*"]}):
        given = {"SecretId": name, "ResourcePolicy": policy(public), "BlockPublicPolicy": True}
        assert fails(secrets.put_resource_policy, **given)[0] == "PublicPolicyException"
    given["ResourcePolicy"] = policy("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    assert fails(secrets.put_resource_policy, **given)[0] == "NotSupportedByLocalAws"
    assert secrets.get_resource_policy(SecretId=name)["ResourcePolicy"] == text
    secrets.delete_resource_policy(SecretId=name)
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=name)


@pytest.mark.parametrize(
    ("operation", "given", "words"),
    [
        ("rotate_secret", {}, "secretsmanager:RotateSecret is refused: secrets are not rotated"),
        ("cancel_rotate_secret", {}, "secrets are not rotated"),
        ("replicate_secret_to_regions", {"AddReplicaRegions": [{"Region": "eu-west-1"}]}, "nothing is replicated"),
        ("validate_resource_policy", {"ResourcePolicy": "{}"}, "nothing is decided by them"),
    ],
)
def test_what_is_refused(secrets, name, fails, operation, given, words):
    code, message, status = fails(getattr(secrets, operation), SecretId=name, **given)
    assert (code, status) == ("NotSupportedByLocalAws", 501)
    assert words in message


def test_a_secret_is_no_parameter_of_systems_manager(client, secrets, name, fails):
    secrets.create_secret(Name=name, SecretString="1")
    reference = f"/aws/reference/secretsmanager/{name}"
    for operation, given in (("get_parameter", {"Name": reference}), ("get_parameters", {"Names": [reference]})):
        assert fails(getattr(client("ssm"), operation), **given)[0] == "NotSupportedByLocalAws"


def test_random_passwords(secrets, fails):
    def password(**given):
        return secrets.get_random_password(**given)["RandomPassword"]

    types = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)
    first = password()
    assert len(first) == 32
    assert all(set(first) & set(characters) for characters in types)
    assert first != password()
    assert set(password(PasswordLength=500, ExcludePunctuation=True, ExcludeUppercase=True)) <= set(
        string.ascii_lowercase + string.digits
    )
    assert not set(password(PasswordLength=500, ExcludeCharacters="abc\\]^-")) & set("abc\\]^-")
    assert all(set(password(PasswordLength=5, IncludeSpace=True)) & set(one) for one in (*types, " "))
    assert len(password(PasswordLength=1, RequireEachIncludedType=False)) == 1
    assert fails(secrets.get_random_password, PasswordLength=3)[:2] == (
        "InvalidParameterException",
        "Password length is too short based on the required types.",
    )
    assert fails(secrets.get_random_password, PasswordLength=4097)[0] == "ValidationException"
    nothing = {f"Exclude{kind}": True for kind in ("Lowercase", "Uppercase", "Numbers", "Punctuation")}
    assert fails(secrets.get_random_password, **nothing)[0] == "InvalidParameterException"
