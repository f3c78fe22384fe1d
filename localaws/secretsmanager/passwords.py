"""GetRandomPassword."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any

from localaws.secretsmanager.errors import invalid, invalid_parameter

_TYPES = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}
_MOST = 4096


def random_password(params: Mapping[str, Any]) -> str:
    """A password of the types that are not excluded, by default with a character of each."""
    length = params.get("PasswordLength", 32)
    if not 1 <= length <= _MOST:
        bound = "greater than or equal to 1" if length < 1 else f"less than or equal to {_MOST}"
        raise invalid(
            f"1 validation error detected: Value '{length}' at 'passwordLength' failed to satisfy constraint: "
            f"Member must have value {bound}"
        )
    types = [characters for name, characters in _TYPES.items() if not params.get(name)]
    if params.get("IncludeSpace"):
        types.append(" ")
    excluded = set(params.get("ExcludeCharacters") or "")
    types = ["".join(one for one in characters if one not in excluded) for characters in types]
    allowed = "".join(types)
    if not allowed:
        raise invalid_parameter("All characters are excluded: there is none that a password could be made of.")
    picked = []
    if params.get("RequireEachIncludedType", True):
        if not all(types):
            raise invalid_parameter("ExcludeCharacters leaves nothing of a type that is required.")
        if length < len(types):
            raise invalid_parameter("Password length is too short based on the required types.")
        picked = [secrets.choice(characters) for characters in types]
    picked += [secrets.choice(allowed) for _ in range(length - len(picked))]
    secrets.SystemRandom().shuffle(picked)
    return "".join(picked)
