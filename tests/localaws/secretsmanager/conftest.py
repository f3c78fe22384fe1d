"""Clients of Secrets Manager, and names of each test's own."""

import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def secrets(client):
    return client("secretsmanager")


@pytest.fixture
def name():
    return f"test/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def fails():
    """Calls, and gives the error's code, message and HTTP status."""

    def call(operation, **given):
        with pytest.raises(ClientError) as error:
            operation(**given)
        answer = error.value.response
        return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]

    return call
