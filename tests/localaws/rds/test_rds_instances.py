"""Instances through their life: real servers that clients connect to."""

import json
import os
import signal
import subprocess
import sys
import time

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from localaws.core import Call
from localaws.rds import mariadb
from localaws.server import Server
from tests.localaws.rds.conftest import PASSWORD, connect, create, sql, wait


def servers(folder):
    """The processes of MariaDB whose data lies in a folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if command and command[0].endswith("mariadbd") and any(str(folder) in argument for argument in command):
            found.append(process)
    return found


def test_an_instance_is_a_server_with_its_user_and_database(shop):
    assert sql(shop, "SELECT DATABASE()", password=PASSWORD) == [("NULL",)]
    sql(shop, "CREATE TABLE shop.t (name VARCHAR(20)); INSERT INTO shop.t VALUES ('Čapek'), (NULL)")
    assert sql(shop, "SELECT name FROM shop.t ORDER BY name DESC") == [("Čapek",), ("NULL",)]
    assert sql(shop, "SELECT @@time_zone, @@character_set_server") == [("+00:00", "utf8mb4")]
    assert sql(shop, "SELECT version()")[0][0].startswith(shop["EngineVersion"])


def test_nobody_else_gets_in(shop):
    for user, password in (("admin", "wrong"), ("root", ""), ("", "")):
        with pytest.raises(RuntimeError, match="Access denied"):
            sql(shop, "SELECT 1", user=user, password=password)


def test_the_description_is_of_what_there_is(rds, shop):
    assert shop["DBInstanceIdentifier"] == "shop"
    assert (shop["Engine"], shop["DBName"], shop["MasterUsername"]) == ("mysql", "shop", "admin")
    assert shop["Endpoint"]["Address"] == "127.0.0.1"
    assert shop["TagList"] == [{"Key": "team", "Value": "data"}]
    assert "MasterUserPassword" not in json.dumps(shop, default=str)
    by_engine = rds.describe_db_instances(Filters=[{"Name": "engine", "Values": ["mysql"]}])["DBInstances"]
    assert "shop" in [found["DBInstanceIdentifier"] for found in by_engine]
    assert rds.describe_db_instances(Filters=[{"Name": "engine", "Values": ["oracle-ee"]}])["DBInstances"] == []


def test_tags(rds, shop):
    arn = shop["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "cost", "Value": "1"}])
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["team"])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "cost", "Value": "1"}]


def test_stop_start_reboot_keep_the_data_and_the_port(server, rds, shop):
    sql(shop, "CREATE TABLE shop.kept AS SELECT 7 AS n")
    assert rds.stop_db_instance(DBInstanceIdentifier="shop")["DBInstance"]["DBInstanceStatus"] == "stopping"
    wait(rds, "shop", "stopped")
    with pytest.raises(RuntimeError, match="Can't connect"):
        sql(shop, "SELECT 1")
    with pytest.raises(ClientError, match=r"InvalidDBInstanceState.*is not in available state; it is stopped"):
        rds.reboot_db_instance(DBInstanceIdentifier="shop")
    rds.start_db_instance(DBInstanceIdentifier="shop")
    again = wait(rds, "shop")
    assert again["Endpoint"] == shop["Endpoint"]
    (before,) = servers(server.data / "rds" / "data" / "shop")
    rds.reboot_db_instance(DBInstanceIdentifier="shop")
    wait(rds, "shop")
    assert sql(shop, "SELECT n FROM shop.kept") == [("7",)]
    (after,) = servers(server.data / "rds" / "data" / "shop")
    assert after.pid != before.pid


def test_a_new_password(rds, shop):
    rds.modify_db_instance(DBInstanceIdentifier="shop", MasterUserPassword="another-one", ApplyImmediately=True)
    wait(rds, "shop")
    assert sql(shop, "SELECT 1", password="another-one") == [("1",)]
    with pytest.raises(RuntimeError, match="Access denied"):
        sql(shop, "SELECT 1")
    rds.modify_db_instance(DBInstanceIdentifier="shop", MasterUserPassword=PASSWORD, ApplyImmediately=True)
    wait(rds, "shop")
    assert sql(shop, "SELECT 1") == [("1",)]


def test_a_managed_password_is_in_secrets_manager_and_can_be_changed(server, rds):
    client = boto3.client(
        "secretsmanager",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )

    def secret(instance):
        return json.loads(client.get_secret_value(SecretId=instance["MasterUserSecret"]["SecretArn"])["SecretString"])

    create(rds, "managed", MasterUserPassword="", ManageMasterUserPassword=True)
    instance = wait(rds, "managed")
    first = secret(instance)
    assert first["username"] == "admin"
    assert sql(instance, "SELECT 1", password=first["password"]) == [("1",)]
    rds.modify_db_instance(DBInstanceIdentifier="managed", RotateMasterUserPassword=True, ApplyImmediately=True)
    instance = wait(rds, "managed")
    second = secret(instance)
    assert second["password"] != first["password"]
    assert sql(instance, "SELECT 1", password=second["password"]) == [("1",)]
    rds.delete_db_instance(DBInstanceIdentifier="managed", SkipFinalSnapshot=True)
    until = time.monotonic() + 30
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        while time.monotonic() < until:
            client.describe_secret(SecretId=instance["MasterUserSecret"]["SecretArn"])


def test_a_managed_password_outlives_the_server(tmp_path):
    def secret(server, instance):
        found = server.engines["secretsmanager"].operations["GetSecretValue"](
            Call("secretsmanager", "GetSecretValue", {"SecretId": instance["MasterUserSecret"]["SecretArn"]})
        )
        return json.loads(found["SecretString"])["password"]

    with Server(tmp_path) as first:
        create(connect(first), "kept", MasterUserPassword="", ManageMasterUserPassword=True)
        made = wait(connect(first), "kept")
        password = secret(first, made)
    with Server(tmp_path) as second:
        again = wait(connect(second), "kept")
        assert again["MasterUserSecret"] == made["MasterUserSecret"]
        assert secret(second, again) == password
        assert sql(again, "SELECT 1", password=password) == [("1",)]


def test_deletion_is_for_good_unless_it_is_protected(server, rds):
    create(rds, "passing", DeletionProtection=True)
    wait(rds, "passing")
    with pytest.raises(ClientError, match="Cannot delete protected DB Instance"):
        rds.delete_db_instance(DBInstanceIdentifier="passing", SkipFinalSnapshot=True)
    rds.modify_db_instance(DBInstanceIdentifier="passing", DeletionProtection=False)
    with pytest.raises(ClientError, match=r"NotSupported.*SkipFinalSnapshot=True"):
        rds.delete_db_instance(DBInstanceIdentifier="passing")
    rds.delete_db_instance(DBInstanceIdentifier="passing", SkipFinalSnapshot=True)
    until = time.monotonic() + 30
    with pytest.raises(ClientError, match=r"DBInstanceNotFound.*passing not found"):
        while time.monotonic() < until:
            rds.describe_db_instances(DBInstanceIdentifier="passing")
    assert not (server.data / "rds" / "data" / "passing").exists()
    assert servers(server.data / "rds" / "data" / "passing") == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Engine": "postgres"}, "The engine 'postgres' is refused"),
        ({"MultiAZ": True}, "MultiAZ is refused: there is one server"),
        ({"StorageEncrypted": True}, "StorageEncrypted is refused: nothing is encrypted"),
        ({"BackupRetentionPeriod": 7}, "no backups are made"),
        ({"DBParameterGroupName": "mine"}, "DBParameterGroupName is refused"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue.*8 to 41"),
        ({"MasterUserPassword": "with/a/slash"}, "InvalidParameterValue"),
        ({"MasterUsername": "root"}, "reserved"),
        ({"DBName": "no-hyphen"}, "DBName 'no-hyphen' is not valid"),
        ({"DBInstanceIdentifier": "two--hyphens"}, "'two--hyphens' is not valid"),
        ({"ManageMasterUserPassword": True}, "Give either"),
        ({"DBInstanceIdentifier": "shop"}, "DBInstanceAlreadyExists"),
    ],
)
def test_what_is_refused(rds, shop, given, message):
    with pytest.raises(ClientError, match=message):
        create(rds, **{"name": "refused", **({"name": given["DBInstanceIdentifier"]} if "DBInstanceIdentifier" in given
                       else {}), **{k: v for k, v in given.items() if k != "DBInstanceIdentifier"}})  # fmt: skip


def test_a_machine_without_mariadb_is_told_how_to_get_it(rds, monkeypatch):
    monkeypatch.setenv("LOCALAWS_MARIADBD", "/nowhere/mariadbd")
    with pytest.raises(ClientError, match=r"InsufficientDBInstanceCapacity.*apt-get install mariadb-server"):
        create(rds, "nowhere")


def test_a_port_that_is_taken_before_the_server_has_it_is_left_for_another(rds, shop, monkeypatch):
    taken, free_port = shop["Endpoint"]["Port"], mariadb._free_port
    tried = []

    def late(wanted):
        tried.append(taken if len(tried) < 2 else free_port(wanted))
        return tried[-1]

    monkeypatch.setattr(mariadb, "_free_port", late)
    create(rds, "late", MasterUsername="other")
    found = wait(rds, "late")
    assert tried == [taken, taken, found["Endpoint"]["Port"]] and tried[2] != taken
    assert sql(found, "SELECT current_user()", user="other") == [("other@%",)]  # it is not the shop that answers
    rds.delete_db_instance(DBInstanceIdentifier="late", SkipFinalSnapshot=True)


def test_instances_end_with_the_server_and_come_up_with_it(tmp_path):
    with Server(tmp_path) as first:
        rds = connect(first)
        create(rds, "up", DBName="d")
        create(rds, "down")
        up = wait(rds, "up")
        wait(rds, "down")
        rds.stop_db_instance(DBInstanceIdentifier="down")
        wait(rds, "down", "stopped")
        sql(up, "CREATE TABLE d.t AS SELECT 1 AS n")
        assert len(servers(tmp_path)) == 1
    assert servers(tmp_path) == []
    with Server(tmp_path) as second:
        until = time.monotonic() + 30
        while not servers(tmp_path):  # before anybody asks for it
            assert time.monotonic() < until
            time.sleep(0.02)
        rds = connect(second)
        again = wait(rds, "up")
        assert again["Endpoint"] == up["Endpoint"]
        assert sql(again, "SELECT n FROM d.t") == [("1",)]
        wait(rds, "down", "stopped")
    assert servers(tmp_path) == []


def test_a_killed_server_leaves_no_database_behind(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "localaws", "--port", "0", "--data", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        endpoint = process.stdout.readline().split()[3].rstrip(",")

        class Address:
            pass

        Address.endpoint = endpoint
        rds = connect(Address)
        create(rds, "orphan")
        wait(rds, "orphan")
        assert len(servers(tmp_path)) == 1
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    until = time.monotonic() + 30
    while servers(tmp_path):
        assert time.monotonic() < until
        time.sleep(0.05)
