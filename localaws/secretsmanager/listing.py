"""Lists of secrets: filters, order and pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.core import AwsError
from localaws.secretsmanager.errors import invalid, invalid_parameter

Json = dict[str, Any]

# Words: runs of letters and digits, and the parts of CamelCase.
_RUN = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]?[^\W_A-Z]+|[A-Z]+")

_Texts = Mapping[str, Callable[[Json], list[str]]]
_BY_PREFIX: _Texts = {
    "name": lambda secret: [secret["name"]],
    "tag-key": lambda secret: list(secret["tags"]),
    "tag-value": lambda secret: list(secret["tags"].values()),
    "primary-region": lambda secret: [],  # of replicas only, and there are none
    "owning-service": lambda secret: [owner] if (owner := owning_service(secret)) else [],
}
_BY_WORD: _Texts = {
    "description": lambda secret: [secret["description"] or ""],
    "all": lambda secret: [
        secret["name"], secret["description"] or "", *secret["tags"], *secret["tags"].values(),
    ],
}  # fmt: skip
_ORDERS = {
    "created-date": "created",
    "last-accessed-date": "accessed",
    "last-changed-date": "changed",
    "name": "name",
}


def owning_service(secret: Json) -> str | None:
    """The service that made a secret for itself, which its name begins with: ``rds!…``."""
    owner, mark, _ = secret["name"].partition("!")
    return str(owner) if mark else None


def filtered(found: Sequence[Json], filters: Sequence[Mapping[str, Any]]) -> list[Json]:
    """The secrets that each filter lets through; of a filter's values one is enough."""
    for number, one in enumerate(filters, 1):
        if one.get("Key") not in {*_BY_PREFIX, *_BY_WORD}:
            known = ", ".join([*_BY_WORD, *_BY_PREFIX])
            raise invalid(
                f"1 validation error detected: Value '{one.get('Key')}' at 'filters.{number}.member.key' failed to "
                f"satisfy constraint: Member must satisfy enum value set: [{known}]"
            )
        if not one.get("Values"):
            raise invalid_parameter(f"Invalid filter values for key: {one['Key']}")
    return [secret for secret in found if all(_passes(secret, one["Key"], one["Values"]) for one in filters)]


def _passes(secret: Json, key: str, values: Sequence[str]) -> bool:
    by_prefix = key in _BY_PREFIX
    texts = (_BY_PREFIX if by_prefix else _BY_WORD)[key](secret)

    def matches(wanted: str) -> bool:
        if by_prefix:
            return any(text.startswith(wanted) for text in texts)
        return any(_has_words(text, wanted) for text in texts)

    return any(not matches(value[1:]) if value.startswith("!") else matches(value) for value in values)


def _has_words(text: str, wanted: str) -> bool:
    """Whether each wanted word begins one of the text's, whatever the case."""
    words = [word.lower() for word in (*_RUN.findall(text), *_PART.findall(text))]
    asked = [word.lower() for word in _RUN.findall(wanted)]
    return bool(asked) and all(any(word.startswith(one) for word in words) for one in asked)


def ordered(found: Sequence[Json], params: Mapping[str, Any]) -> list[Json]:
    """By the time of creation, or as SortBy says; the newest first unless SortOrder says otherwise."""
    by = _ORDERS.get(params.get("SortBy") or "created-date")
    if by is None:
        raise invalid_parameter(f"SortBy must be one of {', '.join(_ORDERS)}.")
    order = params.get("SortOrder") or "desc"
    if order not in ("asc", "desc"):
        raise invalid_parameter("SortOrder must be asc or desc.")
    return sorted(found, key=lambda one: one[by] or 0, reverse=order == "desc")


def page(found: Sequence[Any], params: Mapping[str, Any], most: int) -> tuple[list[Any], dict[str, str]]:
    """The page that NextToken and MaxResults ask for, and what the answer says of the next one."""
    token = params.get("NextToken") or "0"
    if not token.isdecimal():
        raise AwsError("InvalidNextTokenException", "The NextToken value is invalid: give that of the last answer.")
    size = params.get("MaxResults") or most
    if not 1 <= size <= most:
        raise invalid(
            f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have value between 1 and {most}"
        )
    start = int(token)
    end = start + size
    return list(found[start:end]), {"NextToken": str(end)} if end < len(found) else {}
