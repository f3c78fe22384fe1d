"""An instance's definition: what CreateDBInstance and ModifyDBInstance accept, and how it is described."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, NotSupported

Json = dict[str, Any]

ENGINES = ("mysql", "mariadb")
_IDENTIFIER = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,62}(?<!-)")
_USER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_RESERVED = ("root", "mysql", "mariadb.sys", "rdsadmin", "public")
_LIMIT = 41  # characters of a MySQL password on RDS

# Kept and shown, but nothing is decided by them: a server on this machine has no other class, storage or network.
_KEPT = {
    "DBInstanceClass": "",
    "AllocatedStorage": 20,
    "StorageType": "gp2",
    "StorageEncrypted": False,
    "BackupRetentionPeriod": 0,
    "PreferredBackupWindow": "03:00-03:30",
    "PreferredMaintenanceWindow": "sun:04:00-sun:04:30",
    "AutoMinorVersionUpgrade": True,
    "CopyTagsToSnapshot": False,
    "DeletionProtection": False,
    "LicenseModel": "general-public-license",
    "PubliclyAccessible": False,
    "MaxAllocatedStorage": None,
    "MonitoringInterval": 0,
}
# What would be missing without notice. A value of false or of AWS's default changes nothing, so it passes.
_REFUSED = {
    "MultiAZ": "there is one server, without a standby",
    "EnableIAMDatabaseAuthentication": "the server knows passwords only",
    "DBClusterIdentifier": "there are no clusters",
    "Domain": "there is no directory",
    "TdeCredentialArn": "nothing is encrypted",
    "KmsKeyId": "nothing is encrypted",
    "StorageEncrypted": "nothing is encrypted",
    "MultiTenant": "there are no tenant databases",
    "NewDBInstanceIdentifier": "an instance keeps its name",
    "ReplicaMode": "there are no replicas",
    "CharacterSetName": "servers are set to utf8mb4",
    "Timezone": "servers are set to UTC",
    "EnableCloudwatchLogsExports": "the server's log stays in its folder",
    "CloudwatchLogsExportConfiguration": "the server's log stays in its folder",
    "EnablePerformanceInsights": "there are none",
    "DBPortNumber": "the port is one that is free; see Endpoint",
}


def identifier(params: Mapping[str, Any]) -> str:
    """The instance's name, which RDS keeps in lower case."""
    return str(params["DBInstanceIdentifier"]).lower()


def check(params: Mapping[str, Any]) -> None:
    """Raise NotSupported for what a server on this machine would not have."""
    for name, why in _REFUSED.items():
        if params.get(name):
            raise NotSupported(f"{name} is refused: {why}.")
    for name in ("DBParameterGroupName", "OptionGroupName"):
        if str(params.get(name) or "default").split(":")[0].split(".")[0] != "default":
            raise NotSupported(f"{name} is refused: servers are set up one way. Leave it out.")
    if params.get("BackupRetentionPeriod"):
        raise NotSupported("BackupRetentionPeriod is refused: no backups are made. Give 0 or leave it out.")
    if password := params.get("MasterUserPassword"):
        check_password(password)


def check_password(password: str) -> None:
    """Raise AwsError for one that RDS refuses."""
    if not 8 <= len(password) <= _LIMIT or not set(password) <= set(string.printable) - set(string.whitespace + '/"@'):
        message = f'The parameter MasterUserPassword must be 8 to {_LIMIT} printable ASCII characters, without /, ", @.'
        raise invalid(message)


def new_password() -> str:
    """A password that RDS accepts."""
    return secrets.token_urlsafe(24)


def create(params: Mapping[str, Any], version: str) -> Json:
    """The document of a new instance. Raises AwsError. version: the server's."""
    name, engine = identifier(params), str(params["Engine"]).lower()
    if not _IDENTIFIER.fullmatch(name):
        raise invalid(f"The DBInstanceIdentifier {name!r} is not valid: letters, digits and single hyphens, 1 to 63.")
    if engine not in ENGINES:
        raise NotSupported(
            f"The engine {engine!r} is refused: RDS runs a real MariaDB here, for {' and '.join(ENGINES)}."
        )
    check(params)
    user, database = str(params.get("MasterUsername") or ""), params.get("DBName")
    if not _USER.fullmatch(user) or user.lower() in _RESERVED:
        raise invalid(
            f"MasterUsername {user!r} is not valid: 1 to 32 letters, digits and _, and none that is reserved."
        )
    if database is not None and not _DATABASE.fullmatch(database):
        raise invalid(f"DBName {database!r} is not valid: 1 to 64 letters, digits and _.")
    managed = bool(params.get("ManageMasterUserPassword"))
    if managed == bool(params.get("MasterUserPassword")):
        raise invalid("Give either MasterUserPassword or ManageMasterUserPassword.")
    return {
        "name": name,
        "engine": engine,
        "version": version,
        "status": "creating",
        "port": None,
        "user": user,
        "database": database,
        "managed": managed,
        "created": datetime.now(UTC).timestamp(),
        "resource": "db-" + secrets.token_hex(13).upper(),
        "kept": {key: params.get(key) if params.get(key) is not None else default for key, default in _KEPT.items()},
        "tags": {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags") or ()},
    }


def modified(document: Json, params: Mapping[str, Any]) -> Json:
    """The document after ModifyDBInstance; the password is not part of it. Raises AwsError."""
    check(params)
    wanted = params.get("EngineVersion")
    if wanted and wanted != document["version"]:
        raise NotSupported(f"EngineVersion {wanted} is refused: the server installed here is {document['version']}.")
    return {**document, "kept": {key: params[key] if params.get(key) is not None else value
                                 for key, value in document["kept"].items()}}  # fmt: skip


def arn(document: Json) -> str:
    """The instance's ARN."""
    return f"arn:aws:rds:{REGION}:{ACCOUNT_ID}:db:{document['name']}"


def describe(document: Json, secret_arn: str | None) -> Json:
    """The instance in the API's shape."""
    shown: Json = {
        "DBInstanceIdentifier": document["name"],
        "DBInstanceArn": arn(document),
        "DbiResourceId": document["resource"],
        "DBInstanceStatus": document["status"],
        "Engine": document["engine"],
        "EngineVersion": document["version"],
        "MasterUsername": document["user"],
        "InstanceCreateTime": datetime.fromtimestamp(document["created"], UTC),
        "AvailabilityZone": f"{REGION}a",
        "MultiAZ": False,
        "IAMDatabaseAuthenticationEnabled": False,
        "PerformanceInsightsEnabled": False,
        "PendingModifiedValues": {},
        "DBParameterGroups": [],
        "OptionGroupMemberships": [],
        "VpcSecurityGroups": [],
        "DBSecurityGroups": [],
        "TagList": [{"Key": key, "Value": value} for key, value in document["tags"].items()],
        **{key: value for key, value in document["kept"].items() if value is not None},
    }
    if document["database"]:
        shown["DBName"] = document["database"]
    if document["port"] is not None:
        shown["Endpoint"] = {"Address": "127.0.0.1", "Port": document["port"], "HostedZoneId": "Z2R2ITUGPM61AM"}
    if secret_arn:
        shown["MasterUserSecret"] = {"SecretArn": secret_arn, "SecretStatus": "active"}
    return shown


def first_statements(document: Json, password: str) -> tuple[str, ...]:
    """SQL that makes the master user with this password, the first database, and leaves nobody else a way in."""
    user, secret = document["user"], password.replace("\\", "\\\\").replace("'", "''")
    statements = [
        "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost')",
        "FLUSH PRIVILEGES",
        f"CREATE USER IF NOT EXISTS '{user}'@'%'",
        f"ALTER USER '{user}'@'%' IDENTIFIED BY '{secret}'",
        f"GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH GRANT OPTION",
    ]
    if document["database"]:
        statements.append(f"CREATE DATABASE IF NOT EXISTS `{document['database']}`")
    return tuple(statements)


def invalid(message: str) -> AwsError:
    """RDS's error for a parameter."""
    return AwsError("InvalidParameterValue", message)
