"""Users: kept so that an embed URL can be made for one. They have no rights: everyone local sees everything."""

from __future__ import annotations

import uuid
from typing import Any

from localaws.core import AwsError, Call, NotSupported
from localaws.quicksight.records import Record
from localaws.quicksight.shared import Answer, Operation, Shelf, answered, arn, exists, invalid, only, paged

_GIVEN = ("AwsAccountId", "Namespace", "IdentityType", "Email", "UserRole", "UserName", "IamArn", "SessionName")


class Users:
    """RegisterUser and the operations on what it made, in the namespace ``default``."""

    def __init__(self, shelf: Shelf) -> None:
        self._records = shelf.users

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "RegisterUser": self.register,
            "DescribeUser": self.describe,
            "UpdateUser": self.update,
            "DeleteUser": self.delete,
            "ListUsers": self.list,
        }

    def register(self, call: Call) -> Answer:
        """Keep a user of QuickSight's own or of IAM."""
        given = call.params
        _default_namespace(given["Namespace"])
        only(given, _GIVEN, "RegisterUser")
        if given["IdentityType"] == "IAM_IDENTITY_CENTER":
            raise NotSupported("RegisterUser: there is no IAM Identity Center here; use QUICKSIGHT or IAM")
        name = given.get("UserName") or (given.get("IamArn") or "").rpartition("/")[2]
        if not name:
            raise invalid("RegisterUser needs UserName, or IamArn for an IAM identity")
        if self._records.get(name):
            raise exists("User", name)
        record = {
            "Arn": arn("user", f"default/{name}"),
            "UserName": name,
            "Email": given["Email"],
            "Role": given["UserRole"],
            "IdentityType": given["IdentityType"],
            "Active": True,
            "PrincipalId": f"federated/iam/{uuid.uuid4()}",
        }
        self._records.put(name, record)
        return answered(201, User=record)

    def describe(self, call: Call) -> Answer:
        """The user."""
        return answered(200, User=self._found(call))

    def update(self, call: Call) -> Answer:
        """Change the e-mail address and the role."""
        only(call.params, ("AwsAccountId", "Namespace", "UserName", "Email", "Role"), "UpdateUser")
        record = {**self._found(call), "Email": call.params["Email"], "Role": call.params["Role"]}
        self._records.put(record["UserName"], record)
        return answered(200, User=record)

    def delete(self, call: Call) -> Answer:
        """Forget the user."""
        self._records.delete(self._found(call)["UserName"])
        return answered(200)

    def list(self, call: Call) -> Answer:
        """All users."""
        _default_namespace(call.params["Namespace"])
        every: list[dict[str, Any]] = [record for _, record in self._records.items()]
        page, token = paged(every, call.params)
        return answered(200, UserList=page, NextToken=token)

    def _found(self, call: Call) -> Record:
        _default_namespace(call.params["Namespace"])
        name = call.params["UserName"]
        record = self._records.get(name)
        if record is None:
            message = f"User {name} is not found. Create it with RegisterUser."
            raise AwsError("ResourceNotFoundException", message, 404, ResourceType="USER")
        return record


def _default_namespace(namespace: str) -> None:
    if namespace != "default":
        message = f"namespace {namespace} is not there; the only one is default"
        raise AwsError("ResourceNotFoundException", message, 404, ResourceType="NAMESPACE")
