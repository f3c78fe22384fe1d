"""Scripts in S3, clusters and applications that run them, and what they leave."""

import gzip
import itertools
import textwrap
import time

import pytest

_numbers = itertools.count()


class Lake:
    """A bucket with scripts, and what is found in it."""

    def __init__(self, aws):
        self.aws, self.bucket = aws, f"emr-{next(_numbers)}"
        aws.store.create_bucket(self.bucket)

    def put(self, key, text):
        self.aws.store.put(self.bucket, key, textwrap.dedent(text).encode())
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix=""):
        return [info.key for info in self.aws.store.list(self.bucket, prefix)]

    def log(self, key):
        with self.aws.store.open(self.bucket, key) as body:
            return gzip.decompress(body.read()).decode()


@pytest.fixture
def lake(aws):
    return Lake(aws)


@pytest.fixture(scope="session")
def until():
    """Asks again and again until the state is one of these; the last answer."""

    def wait(ask, *states, seconds=180):
        end = time.monotonic() + seconds
        while (answer := ask())["State" if "State" in answer else "state"] not in states:
            assert time.monotonic() < end, answer
            time.sleep(0.1)
        return answer

    return wait
