"""Secrets Manager's errors, in its own words where they are known."""

from __future__ import annotations

from localaws.core import AwsError


def not_found(what: str = "secret") -> AwsError:
    """What is asked for is not there: ``secret``, or ``secret value for …``."""
    dot = "." if what == "secret" else ""
    return AwsError("ResourceNotFoundException", f"Secrets Manager can't find the specified {what}{dot}")


def exists(message: str) -> AwsError:
    """Something of this name or token is there already."""
    return AwsError("ResourceExistsException", message)


def invalid_request(message: str) -> AwsError:
    """The secret is in a state in which this cannot be."""
    return AwsError("InvalidRequestException", message)


def invalid_parameter(message: str) -> AwsError:
    """A parameter's value is not one of those that are allowed."""
    return AwsError("InvalidParameterException", message)


def invalid(message: str) -> AwsError:
    """A parameter is not of the form that the API describes."""
    return AwsError("ValidationException", message)


def limit_exceeded(message: str) -> AwsError:
    """A quota of Secrets Manager would be exceeded."""
    return AwsError("LimitExceededException", message)


def check_length(name: str, length: int, most: int, least: int = 1) -> None:
    """Raise ValidationException unless a member is as long as the API wants it; its value is not told."""
    if not least <= length <= most:
        bound = f"greater than or equal to {least}" if length < least else f"less than or equal to {most}"
        raise invalid(
            f"1 validation error detected: Value at '{name}' failed to satisfy constraint: "
            f"Member must have length {bound}"
        )
