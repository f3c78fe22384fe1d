"""Versions and their staging labels, moved as AWS moves them."""

import pytest

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
ONE, TWO, THREE = ("1" * 32, "2" * 32, "3" * 32)


@pytest.fixture
def made(secrets, name):
    """A secret with the version ONE."""
    secrets.create_secret(Name=name, SecretString="S1", ClientRequestToken=ONE)
    return name


@pytest.fixture
def put(secrets, made):
    """Puts a value; its version's labels."""

    def call(token, value, *stages):
        more = {"VersionStages": list(stages)} if stages else {}
        return secrets.put_secret_value(SecretId=made, SecretString=value, ClientRequestToken=token, **more)[
            "VersionStages"
        ]

    return call


@pytest.fixture
def move(secrets, made):
    def call(stage, source=None, target=None):
        given = {"RemoveFromVersionId": source, "MoveToVersionId": target}
        given = {key: value for key, value in given.items() if value}
        return secrets.update_secret_version_stage(SecretId=made, VersionStage=stage, **given)

    return call


@pytest.fixture
def stages(secrets, made):
    """The labels of all versions that have some."""
    return lambda: secrets.describe_secret(SecretId=made)["VersionIdsToStages"]


def test_a_new_value_is_current_and_the_last_one_previous(secrets, made, put, stages):
    assert put(TWO, "S2") == [CURRENT]
    assert stages() == {ONE: [PREVIOUS], TWO: [CURRENT]}
    put(THREE, "S3")
    assert stages() == {TWO: [PREVIOUS], THREE: [CURRENT]}
    assert secrets.get_secret_value(SecretId=made)["SecretString"] == "S3"
    assert secrets.get_secret_value(SecretId=made, VersionStage=PREVIOUS)["SecretString"] == "S2"
    assert secrets.get_secret_value(SecretId=made, VersionId=ONE)["VersionStages"] == []
    listed = secrets.list_secret_version_ids(SecretId=made)["Versions"]
    assert [version["VersionId"] for version in listed] == [TWO, THREE]
    assert listed[0]["KmsKeyIds"] == ["DefaultEncryptionKey"]
    first = secrets.list_secret_version_ids(SecretId=made, IncludeDeprecated=True, MaxResults=2)
    rest = secrets.list_secret_version_ids(SecretId=made, IncludeDeprecated=True, NextToken=first["NextToken"])
    assert [version["VersionId"] for version in first["Versions"] + rest["Versions"]] == [ONE, TWO, THREE]
    assert "NextToken" not in rest


def test_a_pending_value_becomes_current(secrets, made, put, move, stages):
    assert put(TWO, "S2", PENDING) == [PENDING]
    assert stages() == {ONE: [CURRENT], TWO: [PENDING]}
    assert secrets.get_secret_value(SecretId=made)["SecretString"] == "S1"
    assert move(CURRENT, ONE, TWO)["Name"] == made
    assert stages() == {ONE: [PREVIOUS], TWO: [CURRENT, PENDING]}
    put(THREE, "S3", PENDING)
    assert stages() == {ONE: [PREVIOUS], TWO: [CURRENT], THREE: [PENDING]}
    move(CURRENT, TWO, THREE)
    assert stages() == {TWO: [PREVIOUS], THREE: [CURRENT, PENDING]}
    move(CURRENT, THREE, TWO)
    assert stages() == {TWO: [CURRENT], THREE: [PENDING, PREVIOUS]}


def test_labels_of_ones_own(put, move, stages):
    put(TWO, "S2", "one", "two")
    put(THREE, "S3", "two", "three")
    assert stages() == {ONE: [CURRENT], TWO: ["one"], THREE: ["three", "two"]}
    move("one", TWO)
    assert stages() == {ONE: [CURRENT], THREE: ["three", "two"]}
    move("new", None, ONE)
    assert stages()[ONE] == [CURRENT, "new"]


def test_labels_that_cannot_be_moved(made, put, move, fails, stages):
    put(TWO, "S2", PENDING)
    assert fails(move, stage=CURRENT, target=TWO)[:2] == (
        "InvalidParameterException",
        f"The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version "
        f"{ONE}, so you must explicitly reference that version in RemoveFromVersionId.",
    )
    code, message, _ = fails(move, stage=CURRENT, source=ONE)
    assert (code, message[:43]) == ("InvalidParameterException", "You can only move staging label AWSCURRENT ")
    assert fails(move, stage=CURRENT, source=TWO, target=TWO)[0] == "InvalidParameterException"
    assert fails(move, stage="other", source=TWO)[0] == "InvalidParameterException"
    assert fails(move, stage=CURRENT)[0] == "InvalidParameterException"
    assert fails(move, stage=CURRENT, source=ONE, target=THREE)[:2] == (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {THREE}",
    )
    assert stages() == {ONE: [CURRENT], TWO: [PENDING]}


def test_a_call_that_is_repeated_makes_one_version(secrets, made, put, stages, fails):
    put(TWO, "S2")
    put(THREE, "S3")
    assert put(TWO, "S2") == [PREVIOUS]
    assert stages() == {TWO: [PREVIOUS], THREE: [CURRENT]}
    arn = secrets.describe_secret(SecretId=made)["ARN"]
    message = (
        f"You can't use ClientRequestToken {TWO} because that value is already in use for a version of secret {arn}."
    )
    given = {"SecretId": made, "SecretString": "other", "ClientRequestToken": TWO}
    for operation in (secrets.put_secret_value, secrets.update_secret):
        assert fails(operation, **given) == ("ResourceExistsException", message, 400)


def test_the_first_value_of_an_empty_secret_is_current(secrets, name):
    secrets.create_secret(Name=name)
    assert "VersionIdsToStages" not in secrets.describe_secret(SecretId=name)
    put = secrets.put_secret_value(SecretId=name, SecretString="1", VersionStages=[PENDING])
    assert put["VersionStages"] == [CURRENT, PENDING]


def test_versions_that_are_not_there(secrets, made, put, fails):
    put(TWO, "S2")
    assert fails(secrets.get_secret_value, SecretId=made, VersionId=THREE)[:2] == (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {THREE}",
    )
    assert fails(secrets.get_secret_value, SecretId=made, VersionStage=PENDING)[:2] == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
    )
    assert fails(secrets.get_secret_value, SecretId=made, VersionId=ONE, VersionStage=CURRENT)[:2] == (
        "InvalidRequestException",
        "You provided a VersionStage that is not associated to the provided VersionId.",
    )
    assert fails(secrets.put_secret_value, SecretId=made)[:2] == (
        "InvalidRequestException",
        "You must provide either SecretString or SecretBinary.",
    )


def test_a_hundred_versions_of_a_day_are_enough(secrets, made, put, fails, stages):
    for number in range(99):
        put(f"{number:032d}", str(number))
    code, message, _ = fails(secrets.put_secret_value, SecretId=made, SecretString="more")
    assert (code, "100 versions" in message) == ("LimitExceededException", True)
    assert secrets.get_secret_value(SecretId=made)["SecretString"] == "98"


def test_twenty_labels_are_enough(secrets, made, put, move, fails):
    put(TWO, "S2", *(f"l{number}" for number in range(20)))
    assert fails(move, stage="more", target=TWO)[0] == "LimitExceededException"
