"""Lists of secrets: filters, order, pages; and many values at once."""

import uuid

import pytest


@pytest.fixture(scope="module")
def mark():
    return f"l{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def three(client, mark):
    """Three secrets, in the order in which they were made; their short names."""
    secrets = client("secretsmanager")
    made = [
        ("Alpha", "The database of SALES", {"team": "blue"}),
        ("beta", "A key for hashes", {"Team": "Blue"}),
        ("gamma", "", {"owner": f"{mark}-team"}),
    ]
    for short, description, tags in made:
        secrets.create_secret(
            Name=f"{mark}/{short}",
            Description=description,
            SecretString=short,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    return [short for short, _, _ in made]


@pytest.fixture
def found(secrets, three, mark):
    """The short names of those that filters let through, oldest first."""

    def ask(*filters, **more):
        given = [{"Key": "name", "Values": [f"{mark}/"]}, *({"Key": key, "Values": values} for key, values in filters)]
        answer = secrets.list_secrets(Filters=given, **{"SortOrder": "asc", **more})
        return [secret["Name"].partition("/")[2] for secret in answer["SecretList"]]

    return ask


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("description", ["data"], ["Alpha"]),
        ("description", ["sales DATABASE"], ["Alpha"]),
        ("description", ["base"], []),
        ("description", ["key", "database"], ["Alpha", "beta"]),
        ("description", ["!key"], ["Alpha", "gamma"]),
        ("tag-key", ["team"], ["Alpha"]),
        ("tag-key", ["Te", "own"], ["beta", "gamma"]),
        ("tag-key", ["!team"], ["beta", "gamma"]),
        ("tag-value", ["blu"], ["Alpha"]),
        ("tag-value", ["lue"], []),
        ("all", ["BLUE"], ["Alpha", "beta"]),
        ("all", ["alpha"], ["Alpha"]),
        ("all", ["team"], ["Alpha", "beta", "gamma"]),
        ("owning-service", ["rds"], []),
        ("primary-region", ["us"], []),
    ],
)
def test_filters(found, key, values, expected):
    assert found((key, values)) == expected


def test_names_begin_with_what_is_asked_for(secrets, three, mark):
    def names(*values):
        answer = secrets.list_secrets(Filters=[{"Key": "name", "Values": list(values)}], SortBy="name", SortOrder="asc")
        return [secret["Name"].removeprefix(f"{mark}/") for secret in answer["SecretList"]]

    assert names(f"{mark}/A", f"{mark}/g") == ["Alpha", "gamma"]
    assert names(f"{mark}/a") == []


def test_all_filters_must_let_a_secret_through(found):
    assert found(("all", ["blue"]), ("description", ["key"])) == ["beta"]


def test_order(found):
    assert found(SortOrder="desc") == ["gamma", "beta", "Alpha"]
    assert found(SortBy="name") == ["Alpha", "beta", "gamma"]


def test_pages(secrets, three, mark):
    pages = secrets.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [mark]}], PaginationConfig={"PageSize": 2}
    )
    sizes = [len(page["SecretList"]) for page in pages]
    assert sizes == [2, 1]


def test_an_entry_tells_what_a_description_tells(secrets, three, mark):
    (entry,) = secrets.list_secrets(Filters=[{"Key": "name", "Values": [f"{mark}/Alpha"]}])["SecretList"]
    described = secrets.describe_secret(SecretId=entry["ARN"])
    assert entry.pop("SecretVersionsToStages") == described.pop("VersionIdsToStages")
    assert entry == {key: value for key, value in described.items() if key != "ResponseMetadata"}
    assert entry["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_many_values_at_once(secrets, three, mark, fails):
    answer = secrets.batch_get_secret_value(SecretIdList=[f"{mark}/Alpha", f"{mark}/none"])
    assert [value["SecretString"] for value in answer["SecretValues"]] == ["Alpha"]
    assert answer["Errors"] == [
        {
            "SecretId": f"{mark}/none",
            "ErrorCode": "ResourceNotFoundException",
            "Message": "Secrets Manager can't find the specified secret.",
        }
    ]
    given = {"Filters": [{"Key": "name", "Values": [mark]}], "MaxResults": 2}
    first = secrets.batch_get_secret_value(**given)
    rest = secrets.batch_get_secret_value(**given, NextToken=first["NextToken"])
    values = [value["SecretString"] for value in first["SecretValues"] + rest["SecretValues"]]
    assert sorted(values) == ["Alpha", "beta", "gamma"]
    assert fails(secrets.batch_get_secret_value)[0] == "InvalidParameterException"
    assert fails(secrets.batch_get_secret_value, SecretIdList=[mark], MaxResults=3)[0] == "InvalidParameterException"


def test_lists_that_cannot_be(secrets, fails):
    assert fails(secrets.list_secrets, Filters=[{"Key": "colour", "Values": ["a"]}])[0] == "ValidationException"
    assert fails(secrets.list_secrets, NextToken="next")[0] == "InvalidNextTokenException"
    assert fails(secrets.list_secrets, MaxResults=101)[0] == "ValidationException"
