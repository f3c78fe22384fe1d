"""What all tests may use: the embedded AWS, once for the whole run, and clients on it."""

import boto3
import pytest

from localaws.server import Server
from localaws.spark.local import local_session
from localaws.spark.runs import SparkError
from tests.browser import CHROMIUM, Browser


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


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser, once for the whole run; opening a page forgets the one before."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed; apt-get install chromium lets the pages be looked at")
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def spark(aws):
    """A Spark session in this process, with S3 at the embedded AWS; fetched once where it is not yet."""
    try:
        context = local_session(aws.endpoint)
        session = context.__enter__()
    except SparkError as error:
        pytest.skip(f"Spark cannot be had: {error}")
    yield session
    context.__exit__(None, None, None)
