"""The key of the hashes is made once: whoever comes again, before a restart or after it, has the same hash."""

import boto3

from localaws.server import Server
from millrace import resources
from millrace.provision import secrets
from millrace.provision.account import Account


def provisioned(server):
    """Provision the secrets; the key's value."""

    def client(service):
        return boto3.client(
            service,
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    secrets.make(Account(client, "millrace", server.data), resources.common().secrets)
    return client("secretsmanager").get_secret_value(SecretId="millrace/pii-key")["SecretString"]


def test_the_key_outlives_a_restart(tmp_path):
    with Server(tmp_path / "one") as server:
        key = provisioned(server)
        assert provisioned(server) == key
    with Server(tmp_path / "one") as server:
        assert provisioned(server) == key
    with Server(tmp_path / "two") as server:
        assert provisioned(server) != key
