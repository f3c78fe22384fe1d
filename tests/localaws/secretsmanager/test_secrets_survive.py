"""Secrets outlive a kill of the server, in files that nobody else may read."""

import json
import os
import signal
import stat

import pytest
from botocore.exceptions import ClientError

from localaws.secretsmanager.registry import Registry, new_secret
from localaws.secretsmanager.versions import CURRENT, add, stages_by_version


def plain(answer):
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_a_kill_loses_nothing_that_was_answered(start, tmp_path):
    process, client = start()
    secrets = client("secretsmanager")
    secrets.create_secret(Name="a/key", SecretString="old", Description="d", Tags=[{"Key": "k", "Value": "v"}])
    secrets.put_secret_value(SecretId="a/key", SecretString="new")
    secrets.create_secret(Name="bytes", SecretBinary=b"\x00\xff")
    secrets.create_secret(Name="going", SecretString="g")
    secrets.delete_secret(SecretId="going")
    asked = ("a/key", "bytes")
    values = [plain(secrets.get_secret_value(SecretId=name)) for name in asked]
    described = [plain(secrets.describe_secret(SecretId=name)) for name in (*asked, "going")]
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)

    folder = tmp_path / "data" / "secretsmanager"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}

    _, client = start()
    secrets = client("secretsmanager")
    assert [plain(secrets.get_secret_value(SecretId=value["ARN"])) for value in values] == values
    assert [plain(secrets.describe_secret(SecretId=name)) for name in (*asked, "going")] == described
    assert secrets.get_secret_value(SecretId="a/key", VersionStage="AWSPREVIOUS")["SecretString"] == "old"
    with pytest.raises(ClientError, match="marked for deletion"):
        secrets.get_secret_value(SecretId="going")
    with pytest.raises(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name="a/key", SecretString="another")


def test_a_folder_that_was_open_is_closed(tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir(0o755)
    Registry(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_after_its_recovery_window_a_secret_is_gone(tmp_path):
    registry = Registry(tmp_path)
    registry.save({**new_secret("us-east-1", "over"), "deleted": 1.0, "gone": 2.0})
    registry.save({**new_secret("us-east-1", "waits"), "deleted": 1.0, "gone": 1e12})
    assert [one["name"] for one in registry.all("us-east-1")] == ["waits"]
    assert registry.find("us-east-1", "over") is None
    assert len(list(tmp_path.iterdir())) == 1


def test_each_region_has_its_secrets(tmp_path):
    registry = Registry(tmp_path)
    for region in ("us-east-1", "eu-central-1"):
        registry.save(new_secret(region, "same"))
    found = registry.get("eu-central-1", "same")
    assert found["arn"].startswith("arn:aws:secretsmanager:eu-central-1:123456789012:secret:same-")
    assert registry.all("eu-central-1") == [found]


def test_old_versions_make_room(tmp_path):
    secret = new_secret("us-east-1", "many")
    for number in range(100):
        add(secret, f"{number:032d}", {"SecretString": str(number)})
    secret = json.loads(json.dumps(secret))
    secret["versions"][f"{5:032d}"]["created"] -= 2 * 24 * 60 * 60
    add(secret, "n" * 32, {"SecretString": "new"})
    assert len(secret["versions"]) == 100
    assert f"{5:032d}" not in secret["versions"]
    assert stages_by_version(secret)["n" * 32] == [CURRENT]
