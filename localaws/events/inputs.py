"""What a target is sent: the event, a constant, a part of the event, or a template filled from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError
from localaws.messaging.courier import compact

_STEP = re.compile(r"\.([A-Za-z0-9_\-@:/]+|\*)|\[(\d+|\*)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")
_PLACE = re.compile(r"<([A-Za-z0-9_.\-]+)>")
_OURS = frozenset(
    f"aws.events.{name}" for name in ("rule-arn", "rule-name", "event.ingestion-time", "event", "event.json")
)
MISSING: Any = object()


def check_input(target: Mapping[str, Any]) -> None:
    """Raise ValidationException where a target's input could never be made."""
    given = [name for name in ("Input", "InputPath", "InputTransformer") if target.get(name)]
    if len(given) > 1:
        message = f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}."
        raise AwsError("ValidationException", message)
    if target.get("Input"):
        try:
            json.loads(target["Input"])
        except ValueError:
            raise AwsError("ValidationException", f"JSON syntax error in input for target {target['Id']}") from None
    if target.get("InputPath"):
        _steps(target["InputPath"])
    transformer = target.get("InputTransformer")
    if not transformer:
        return
    paths = transformer.get("InputPathsMap") or {}
    for name, path in paths.items():
        if name.lower().startswith("aws."):
            raise AwsError("ValidationException", f"Invalid InputPathsMap key {name}: AWS. is reserved.")
        _steps(path)
    for place in _PLACE.findall(transformer["InputTemplate"]):
        if place not in paths and place not in _OURS:
            message = f"InputTemplate for target {target['Id']} contains invalid placeholder {place}."
            raise AwsError("ValidationException", message)


def input_for(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str, received: str) -> str:
    """The text that a target is sent. received: when the event came, as ISO 8601."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        found = look_up(event, target["InputPath"])
        return "" if found is MISSING else compact(found)
    transformer = target.get("InputTransformer")
    if not transformer:
        return compact(event)
    values = {name: look_up(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values["aws.events.rule-arn"] = rule_arn
    values["aws.events.rule-name"] = rule_arn.rpartition("/")[2]
    values["aws.events.event.ingestion-time"] = received
    values["aws.events.event"] = {name: value for name, value in event.items() if name != "detail"}
    values["aws.events.event.json"] = event
    return _filled(transformer["InputTemplate"], values)


def look_up(event: Any, path: str) -> Any:
    """What a JSON path names, MISSING where there is nothing; a path with ``*`` gives a list."""
    found = [event]
    several = False
    for step in _steps(path):
        if step == "*":
            several = True
            found = [each for value in found for each in _children(value)]
        else:
            found = [value for value in (_child(value, step) for value in found) if value is not MISSING]
    return found if several else next(iter(found), MISSING)


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _child(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else MISSING
    return value.get(step, MISSING) if isinstance(value, dict) else MISSING


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    place = 1
    while path.startswith("$") and place < len(path):
        match = _STEP.match(path, place)
        if match is None:
            break
        name, index, *quoted = match.groups()
        chosen = name or index or next(filter(None, quoted))
        steps.append(int(chosen) if index and index != "*" else chosen)
        place = match.end()
    if not path.startswith("$") or place < len(path):
        raise AwsError("ValidationException", f"Invalid JSON path {path!r}: one such as $.detail.name is needed.")
    return steps


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with its places filled: within quotes by the value's text, else by its JSON."""
    parts: list[str] = []
    quoted = False
    end = 0
    for match in _PLACE.finditer(template):
        before = template[end : match.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', before)) % 2 == 1
        value = values.get(match[1], MISSING)
        parts += [before, _quoted(value) if quoted else _bare(value)]
        end = match.end()
    return "".join([*parts, template[end:]])


def _quoted(value: Any) -> str:
    if value is MISSING:
        return ""
    text = value if isinstance(value, str) else compact(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _bare(value: Any) -> str:
    return "null" if value is MISSING else compact(value)
