"""What tests of the embedded AWS share."""

import subprocess
import sys

import boto3
import pytest


@pytest.fixture
def start(tmp_path):
    """Starts a server on the test's folder, in a process that may be killed; the process, and a maker of clients."""
    running = []

    def make():
        process = subprocess.Popen(
            [sys.executable, "-m", "localaws", "--port", "0", "--data", str(tmp_path / "data")],
            stdout=subprocess.PIPE,
            text=True,
            umask=0o022,
        )
        running.append(process)
        endpoint = process.stdout.readline().split()[3].rstrip(",")

        def client(service):
            return boto3.client(
                service,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )

        return process, client

    yield make
    for process in running:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        process.stdout.close()
