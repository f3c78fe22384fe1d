"""A bucket of each test's own on the session's server."""

import http.client
import uuid

import pytest


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3):
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def connection(aws):
    """A bare HTTP connection to the server."""
    made = http.client.HTTPConnection(aws.endpoint.removeprefix("http://"), timeout=10)
    yield made
    made.close()
