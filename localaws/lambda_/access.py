"""The API's operations around a function: aliases, permissions, concurrency, asynchronous settings, tags."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from localaws.core import AwsError, Call, Handler, NotSupported
from localaws.lambda_ import settings
from localaws.lambda_.paging import page
from localaws.lambda_.pool import ACCOUNT_CONCURRENCY
from localaws.lambda_.registry import LATEST, Registry, conflict, function_arn, invalid, not_found

_DESTINATIONS = ("sqs", "sns", "lambda", "events")


class AccessApi:
    """Keeps these settings in the function's document; others read them there."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.operations: dict[str, Handler] = {
            "CreateAlias": self.create_alias,
            "GetAlias": self.get_alias,
            "ListAliases": self.list_aliases,
            "UpdateAlias": self.update_alias,
            "DeleteAlias": self.delete_alias,
            "AddPermission": self.add_permission,
            "GetPolicy": self.get_policy,
            "RemovePermission": self.remove_permission,
            "PutFunctionConcurrency": self.put_concurrency,
            "GetFunctionConcurrency": self.get_concurrency,
            "DeleteFunctionConcurrency": self.delete_concurrency,
            "GetFunctionCodeSigningConfig": self.get_code_signing,
            "GetFunctionRecursionConfig": self.get_recursion,
            "GetRuntimeManagementConfig": self.get_runtime_management,
            "ListProvisionedConcurrencyConfigs": self.list_provisioned,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTags": self.list_tags,
        }

    def create_alias(self, call: Call) -> Mapping[str, Any]:
        """CreateAlias."""
        alias = call.params["Name"]
        with self._changing(call) as (name, document):
            if alias in document["aliases"]:
                raise conflict(f"Alias already exists: {function_arn(name, alias)}")
            if alias.isdecimal():
                raise invalid(f"The alias {alias!r} must not be a number, which would name a version")
            self._check_alias(name, document, call)
            document["aliases"][alias] = {
                "AliasArn": function_arn(name, alias),
                "Name": alias,
                "FunctionVersion": call.params["FunctionVersion"],
                "Description": call.params.get("Description", ""),
                "RevisionId": str(uuid.uuid4()),
            }
        return dict(document["aliases"][alias])

    def get_alias(self, call: Call) -> Mapping[str, Any]:
        """GetAlias."""
        name, document = self._document(call)
        return dict(self._alias(name, document, call.params["Name"]))

    def list_aliases(self, call: Call) -> Mapping[str, Any]:
        """ListAliases, of one version if that is given."""
        _, document = self._document(call)
        version = call.params.get("FunctionVersion")
        aliases = [alias for _, alias in sorted(document["aliases"].items())]
        return page("Aliases", [alias for alias in aliases if version in (None, alias["FunctionVersion"])], call.params)

    def update_alias(self, call: Call) -> Mapping[str, Any]:
        """UpdateAlias: what is not given stays."""
        with self._changing(call) as (name, document):
            alias = self._alias(name, document, call.params["Name"])
            self._check_alias(name, document, call)
            alias |= {key: call.params[key] for key in ("FunctionVersion", "Description") if key in call.params}
            alias["RevisionId"] = str(uuid.uuid4())
        return dict(alias)

    def delete_alias(self, call: Call) -> None:
        """DeleteAlias."""
        with self._changing(call) as (_, document):
            document["aliases"].pop(call.params["Name"], None)

    def add_permission(self, call: Call) -> Mapping[str, Any]:
        """AddPermission."""
        qualifier = self._qualifier(call)
        with self._changing(call) as (name, document):
            self._registry.configuration(name, qualifier or None)
            statement = _statement(call.params, function_arn(name, qualifier or None))
            policy = document["policies"].setdefault(qualifier, {"statements": [], "revision": ""})
            if any(known["Sid"] == statement["Sid"] for known in policy["statements"]):
                raise conflict(
                    f"The statement id ({statement['Sid']}) provided already exists. Please provide a new statement "
                    "id, or remove the existing statement."
                )
            policy["statements"].append(statement)
            policy["revision"] = str(uuid.uuid4())
        return {"Statement": json.dumps(statement)}

    def get_policy(self, call: Call) -> Mapping[str, Any]:
        """GetPolicy: all statements of a function or of a qualifier."""
        _, document = self._document(call)
        policy = document["policies"].get(self._qualifier(call))
        if policy is None or not policy["statements"]:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        whole = {"Version": "2012-10-17", "Id": "default", "Statement": policy["statements"]}
        return {"Policy": json.dumps(whole), "RevisionId": policy["revision"]}

    def remove_permission(self, call: Call) -> None:
        """RemovePermission."""
        sid = call.params["StatementId"]
        with self._changing(call) as (_, document):
            policy = document["policies"].get(self._qualifier(call), {"statements": []})
            left = [statement for statement in policy["statements"] if statement["Sid"] != sid]
            if len(left) == len(policy["statements"]):
                raise AwsError("ResourceNotFoundException", f"Statement {sid} is not found in resource policy.", 404)
            policy |= {"statements": left, "revision": str(uuid.uuid4())}

    def put_concurrency(self, call: Call) -> Mapping[str, Any]:
        """PutFunctionConcurrency: at most so many executions at once; 0 stops the function."""
        reserved = call.params["ReservedConcurrentExecutions"]
        if not 0 <= reserved <= ACCOUNT_CONCURRENCY:
            raise invalid(f"ReservedConcurrentExecutions {reserved} must be from 0 to {ACCOUNT_CONCURRENCY} here")
        with self._changing(call) as (_, document):
            document["concurrency"] = reserved
        return {"ReservedConcurrentExecutions": reserved}

    def get_concurrency(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionConcurrency."""
        _, document = self._document(call)
        reserved = document["concurrency"]
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def delete_concurrency(self, call: Call) -> None:
        """DeleteFunctionConcurrency."""
        with self._changing(call) as (_, document):
            document["concurrency"] = None

    def get_code_signing(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionCodeSigningConfig: no function has one."""
        name, _ = self._document(call)
        return {"FunctionName": name}

    def get_recursion(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionRecursionConfig: loops are not looked for."""
        self._document(call)
        return {"RecursiveLoop": "Allow"}

    def get_runtime_management(self, call: Call) -> Mapping[str, Any]:
        """GetRuntimeManagementConfig: the default."""
        name, _ = self._document(call)
        return {"UpdateRuntimeOn": "Auto", "FunctionArn": function_arn(name, self._qualifier(call) or None)}

    def list_provisioned(self, call: Call) -> Mapping[str, Any]:
        """ListProvisionedConcurrencyConfigs: there is none."""
        self._document(call)
        return page("ProvisionedConcurrencyConfigs", [], call.params)

    def tag(self, call: Call) -> None:
        """TagResource."""
        with self._registry.changing(_tagged(call)) as document:
            document["tags"] |= call.params["Tags"]

    def untag(self, call: Call) -> None:
        """UntagResource."""
        with self._registry.changing(_tagged(call)) as document:
            for key in call.params["TagKeys"]:
                document["tags"].pop(key, None)

    def list_tags(self, call: Call) -> Mapping[str, Any]:
        """ListTags."""
        return {"Tags": dict(self._registry.function(_tagged(call))["tags"])}

    def _document(self, call: Call) -> tuple[str, dict[str, Any]]:
        name, _ = settings.function_name(call.params["FunctionName"])
        return name, self._registry.function(name)

    @contextlib.contextmanager
    def _changing(self, call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
        name, _ = settings.function_name(call.params["FunctionName"])
        with self._registry.changing(name) as document:
            yield name, document

    @staticmethod
    def _qualifier(call: Call) -> str:
        return call.params.get("Qualifier") or settings.function_name(call.params["FunctionName"])[1] or ""

    @staticmethod
    def _alias(name: str, document: Mapping[str, Any], alias: str) -> dict[str, Any]:
        found: dict[str, Any] | None = document["aliases"].get(alias)
        if found is None:
            raise not_found("Alias", function_arn(name, alias))
        return found

    @staticmethod
    def _check_alias(name: str, document: Mapping[str, Any], call: Call) -> None:
        if call.params.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            raise NotSupported("the local Lambda sends an alias to one version: leave RoutingConfig out")
        version = call.params.get("FunctionVersion", LATEST)
        if version != LATEST and version not in document["versions"]:
            raise not_found("Function", function_arn(name, version))


def _tagged(call: Call) -> str:
    name, qualifier = settings.function_name(call.params["Resource"])
    if qualifier:
        raise invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
    return name


def _statement(params: Mapping[str, Any], resource: str) -> dict[str, Any]:
    if params.get("FunctionUrlAuthType"):
        raise NotSupported("the local Lambda has no function URLs: leave FunctionUrlAuthType out")
    principal = params["Principal"]
    kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
    if principal.isdecimal():
        principal = f"arn:aws:iam::{principal}:root"
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {kind: principal},
        "Action": params["Action"],
        "Resource": resource,
    }
    conditions: dict[str, dict[str, str]] = {}
    for name, operator, key in (
        ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
        ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
        ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
        ("SourceArn", "ArnLike", "AWS:SourceArn"),
    ):
        if params.get(name):
            conditions.setdefault(operator, {})[key] = params[name]
    return {**statement, "Condition": conditions} if conditions else statement
