"""A function's settings: what is checked, what has a default, what the local Lambda refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, NotSupported
from localaws.lambda_.registry import invalid

RUNTIMES = ("python3.11", "python3.12", "python3.13")
_NAME = re.compile(
    r"(?:arn:aws:lambda:[a-z0-9-]+:)?(?:\d{12}:)?(?:function:)?(?P<name>[a-zA-Z0-9-_]{1,64})"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]{1,128}))?"
)
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_TARGET = re.compile(r"arn:aws:(sqs|sns|lambda|events):[a-z0-9-]+:\d{12}:.+")
_RANGES = {"Timeout": (1, 900), "MemorySize": (128, 10240)}
_RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
}
_DEFAULTS: dict[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "TracingConfig": {"Mode": "PassThrough"},
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
}
_SETTINGS = (
    "Runtime",
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "DeadLetterConfig",
    "Environment",
    "KMSKeyArn",
    "TracingConfig",
    "Architectures",
    "EphemeralStorage",
    "LoggingConfig",
)


def function_name(given: str) -> tuple[str, str | None]:
    """Name and qualifier of a name, partial ARN or ARN. Raises ValidationException."""
    match = _NAME.fullmatch(given)
    if match is None:
        raise _unsatisfied("functionName", given, f"satisfy regular expression pattern: {_NAME.pattern}")
    return match["name"], match["qualifier"]


def new_settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The checked settings of a new function. Raises InvalidParameterValueException or NotSupported."""
    if params.get("PackageType", "Zip") != "Zip":
        raise NotSupported("the local Lambda runs zip packages, no container images: give PackageType=Zip")
    for needed in ("Runtime", "Handler"):
        if not params.get(needed):
            raise invalid(f"{needed} is a mandatory parameter for functions created with deployment packages.")
    return {**_DEFAULTS, "PackageType": "Zip", **changed_settings(params)}


def changed_settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The checked settings among the parameters. Raises InvalidParameterValueException or NotSupported."""
    _refuse_pretence(params)
    settings = {name: params[name] for name in _SETTINGS if params.get(name) is not None}
    if settings.get("Runtime", RUNTIMES[0]) not in RUNTIMES:
        raise invalid(
            f"Value {settings['Runtime']} at 'runtime' is refused: the local Lambda runs {', '.join(RUNTIMES)}"
        )
    if "Role" in settings and not _ROLE.fullmatch(settings["Role"]):
        raise _unsatisfied("role", settings["Role"], f"satisfy regular expression pattern: {_ROLE.pattern}")
    if re.search(r"\s", settings.get("Handler", "")) or len(settings.get("Handler", "")) > 128:
        raise invalid(f"Handler {settings['Handler']!r} must be module.function, without spaces, in 128 characters")
    for name, (low, high) in _RANGES.items():
        _check_range(name, settings.get(name, low), low, high)
    _check_range("EphemeralStorage.Size", settings.get("EphemeralStorage", {}).get("Size", 512), 512, 10240)
    _check_environment(settings.get("Environment", {}).get("Variables", {}))
    target = settings.get("DeadLetterConfig", {}).get("TargetArn")
    if target:
        check_destination(target, ("sqs", "sns"))
    if settings.get("LoggingConfig", {}).get("LogFormat", "Text") != "Text":
        raise NotSupported("the local Lambda writes logs as text: LoggingConfig.LogFormat=JSON is not available")
    return settings


def check_destination(arn: str, services: tuple[str, ...]) -> None:
    """Refuse what asynchronous results cannot be sent to here."""
    match = _TARGET.fullmatch(arn)
    if match is None or match[1] not in services:
        raise invalid(f"The destination {arn!r} is refused: the local Lambda sends to {', '.join(services)}")


def _refuse_pretence(params: Mapping[str, Any]) -> None:
    for name, given in (
        ("VpcConfig", params.get("VpcConfig", {}).get("SubnetIds")),
        ("FileSystemConfigs", params.get("FileSystemConfigs")),
        ("ImageConfig", params.get("ImageConfig")),
        ("CodeSigningConfigArn", params.get("CodeSigningConfigArn")),
        ("SnapStart", params.get("SnapStart", {}).get("ApplyOn", "None") != "None"),
        ("CapacityProviderConfig", params.get("CapacityProviderConfig")),
        ("DurableConfig", params.get("DurableConfig")),
        ("TenancyConfig", params.get("TenancyConfig")),
    ):
        if given:
            raise NotSupported(f"the local Lambda cannot honour {name}: leave it out when deploying to the local AWS")


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        bound = f"less than or equal to {high}" if value > high else f"greater than or equal to {low}"
        raise _unsatisfied(name, value, f"have value {bound}")


def _unsatisfied(name: str, value: object, rule: str) -> AwsError:
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must {rule}",
    )


def _check_environment(variables: Mapping[str, str]) -> None:
    reserved = sorted(_RESERVED & variables.keys())
    if reserved:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise invalid(
                f"Environment variable {name!r} is refused: a name is at least two letters, digits or _, the first a "
                "letter, and a value has no NUL"
            )
    if sum(len(name.encode()) + len(value.encode()) for name, value in variables.items()) > 4096:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided exceeded the 4KB limit."
        )
