"""Failures of a statement as Athena tells them: a message with the reason first, and a category."""

from __future__ import annotations

import re
from typing import Any

import duckdb

from localaws.athena.translate import runtime_error
from localaws.core import AwsError, NotSupported
from localaws.s3.objects import NoSuchBucket

SYSTEM, USER = 1, 2


class QueryError(AwsError):
    """A statement fails; ``reason`` is the name that begins its message, such as ``HIVE_BAD_DATA``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__("InvalidRequestException", f"{reason}: {message}")


class Cancelled(Exception):
    """The statement was stopped, by StopQueryExecution or by a limit."""

    def __init__(self, reason: str = "Query cancelled by user") -> None:
        super().__init__(reason)


def explain(error: BaseException) -> tuple[str, dict[str, Any]]:
    """The StateChangeReason and the AthenaError of a failure.

    AWS has finer ErrorTypes; here it is 1 for everything, and the category tells user and system apart.
    """
    message, category = _message(error)
    detail = {"ErrorCategory": category, "ErrorType": 1, "Retryable": False, "ErrorMessage": message}
    return message, detail


def _message(error: BaseException) -> tuple[str, int]:
    if isinstance(error, NotSupported):
        return f"NOT_SUPPORTED: {error.message}", USER
    if isinstance(error, NoSuchBucket):
        return f"HIVE_UNKNOWN_ERROR: {error.message}: {error.extra['BucketName']}", USER
    if isinstance(error, AwsError):
        return error.message, USER
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"EXCEEDED_LOCAL_MEMORY_LIMIT: {error}", USER
    if isinstance(error, duckdb.Error):
        return _engine_message(error), USER
    return f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}", SYSTEM


def _engine_message(error: duckdb.Error) -> str:
    """The message of an error that reading tables raised on purpose, or of what the translation makes of others."""
    raised = re.match(r"Invalid Input Error: (HIVE_[A-Z_]+: .*)", str(error), re.DOTALL)
    return raised.group(1) if raised else runtime_error(error).message
