"""A bucket of each test's own on the session's server."""

import http.client
import uuid

import boto3
import pytest
from botocore.config import Config


@pytest.fixture(scope="session")
def s3(aws):
    """A client that does not try again: what is refused is refused at once."""
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=aws.endpoint, config=config, **keys)


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
