"""What all tests may use: the embedded AWS, once for the whole run, and clients on it."""

import boto3
import pytest

from localaws.server import Server


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    """The embedded AWS in this process; tests take names of their own."""
    with Server(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture(scope="session")
def client(aws):
    """Makes a boto3 client of a service."""

    def make(service):
        return boto3.client(
            service,
            endpoint_url=aws.endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    return make
