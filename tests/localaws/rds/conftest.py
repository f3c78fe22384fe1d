"""Instances are real servers: where there is no MariaDB these tests skip, and say so."""

import os
import subprocess
import time

import boto3
import pytest

from localaws.core import AwsError
from localaws.rds.mariadb import server_program
from localaws.server import Server

PASSWORD = "it's a%40secret\\'".replace(" ", "_")


def connect(server):
    """An RDS client on a server."""
    return boto3.client(
        "rds",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def wait(client, name, status="available"):
    """The instance once it has that status."""
    until = time.monotonic() + 60
    while True:
        found = client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        if found["DBInstanceStatus"] == status:
            return found
        assert found["DBInstanceStatus"] != "failed"
        assert time.monotonic() < until, found
        time.sleep(0.02)


def sql(instance, statement, user="admin", password=PASSWORD):
    """What a client gets: rows of text; raises RuntimeError with the server's error."""
    port = str(instance["Endpoint"]["Port"])
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-N", "-h", "127.0.0.1", "-P", port, "-u", user, "-e", statement],
        env={**os.environ, "MYSQL_PWD": password},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def create(client, name, **more):
    """Ask for an instance."""
    return client.create_db_instance(
        **{
            "DBInstanceIdentifier": name,
            "Engine": "mysql",
            "DBInstanceClass": "db.t3.micro",
            "MasterUsername": "admin",
            "MasterUserPassword": PASSWORD,
            **more,
        }
    )["DBInstance"]


@pytest.fixture(scope="session", autouse=True)
def _mariadb():
    try:
        server_program()
    except AwsError as error:
        pytest.skip(error.message)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An embedded AWS of its own."""
    with Server(tmp_path_factory.mktemp("rds")) as server:
        yield server


@pytest.fixture(scope="module")
def rds(server):
    """An RDS client."""
    return connect(server)


@pytest.fixture(scope="module")
def shop(rds):
    """An instance that is available."""
    create(rds, "Shop", DBName="shop", Tags=[{"Key": "team", "Value": "data"}])
    return wait(rds, "shop")
