"""Custom classifiers: CSV and JSON ones, kept on disk, and their API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from localaws.core import AwsError, Call, Handler, NotSupported
from localaws.documents import Documents
from localaws.glue import json_paths
from localaws.glue.classify import Custom
from localaws.glue.crawler import moment
from localaws.glue.csv_files import LAZY_SIMPLE, OPEN_CSV, Rules
from localaws.glue.csv_types import CUSTOM
from localaws.glue.paging import page

Json = dict[str, Any]

_KINDS = ("CsvClassifier", "JsonClassifier", "GrokClassifier", "XMLClassifier")
_HEADERS = ("UNKNOWN", "PRESENT", "ABSENT")


class Classifiers:
    """All custom classifiers by name; each is kept as the Glue API's Classifier."""

    def __init__(self, folder: Path) -> None:
        self._kept = Documents(folder)
        self.operations: Mapping[str, Handler] = {
            "CreateClassifier": self._create,
            "GetClassifier": lambda call: {"Classifier": _shown(self._get(call.params["Name"]))},
            "GetClassifiers": self._get_all,
            "UpdateClassifier": self._update,
            "DeleteClassifier": self._delete,
        }

    def check(self, names: Sequence[str]) -> None:
        """Raise InvalidInputException unless all exist."""
        for name in names:
            if self._kept.get(name) is None:
                raise AwsError("InvalidInputException", f"The classifier {name} does not exist.")

    def rules(self, names: Sequence[str]) -> Custom:
        """What the classifiers of these names look for, in their order; raises EntityNotFoundException."""
        return tuple(_rules(self._get(name)) for name in names)

    def _create(self, call: Call) -> Json:
        kind, given = _one(call.params)
        if self._kept.get(given["Name"]) is not None:
            raise AwsError("AlreadyExistsException", f"Classifier {given['Name']} already exists")
        now = time.time()
        self._save(kind, {**given, "CreationTime": now, "LastUpdated": now, "Version": 1})
        return {}

    def _update(self, call: Call) -> Json:
        kind, given = _one(call.params)
        old = self._get(given["Name"])
        if kind not in old:
            raise AwsError("InvalidInputException", f"The classifier {given['Name']} is not a {kind}.")
        version = old[kind]["Version"] + 1
        self._save(kind, {**old[kind], **given, "LastUpdated": time.time(), "Version": version})
        return {}

    def _delete(self, call: Call) -> Json:
        self._get(call.params["Name"])
        self._kept.delete(call.params["Name"])
        return {}

    def _get_all(self, call: Call) -> Json:
        classifiers, more = page(self._kept.all(), call.params)
        return {"Classifiers": [_shown(classifier) for classifier in classifiers], **more}

    def _get(self, name: str) -> Json:
        found = self._kept.get(name)
        if found is None:
            raise AwsError("EntityNotFoundException", f"Classifier {name} is not found")
        return found

    def _save(self, kind: str, classifier: Json) -> None:
        _CHECKS[kind](classifier)
        self._kept.save(classifier["Name"], {kind: classifier})


def _one(params: Mapping[str, Any]) -> tuple[str, Json]:
    given = [(kind, dict(params[kind])) for kind in _KINDS if params.get(kind)]
    if len(given) != 1:
        raise AwsError("InvalidInputException", f"Give exactly one of {', '.join(_KINDS)}.")
    kind, classifier = given[0]
    if kind not in _CHECKS:
        raise NotSupported(f"A {kind} is refused: crawlers here know CSV and JSON classifiers.")
    if not classifier.get("Name"):
        raise AwsError("InvalidInputException", "The classifier's Name must not be empty.")
    return kind, classifier


def _check_csv(given: Mapping[str, Any]) -> None:
    delimiter, quote = given.get("Delimiter"), given.get("QuoteSymbol")
    for name, symbol in (("Delimiter", delimiter), ("QuoteSymbol", quote)):
        if symbol is not None and (len(symbol) != 1 or symbol in "\r\n"):
            raise AwsError("InvalidInputException", f"{name} is {symbol!r}; it must be one character, no line break.")
    if quote is not None and quote == delimiter:
        raise AwsError("InvalidInputException", "QuoteSymbol must be different from Delimiter.")
    if given.get("ContainsHeader", "UNKNOWN") not in _HEADERS:
        raise AwsError("InvalidInputException", f"ContainsHeader may be {', '.join(_HEADERS)}.")
    if given.get("Serde", "None") not in (OPEN_CSV, LAZY_SIMPLE, "None"):
        raise AwsError("InvalidInputException", f"Serde may be {OPEN_CSV}, {LAZY_SIMPLE} or None.")
    types = given.get("CustomDatatypes") or ()
    if refused := [name for name in types if name in ("BINARY", "DECIMAL")]:
        raise NotSupported(f"The custom data types {refused} are refused: how AWS finds them is not known.")
    if unknown := [name for name in types if name not in CUSTOM]:
        raise AwsError("InvalidInputException", f"CustomDatatypes {unknown} are not known; they may be {list(CUSTOM)}.")


def _check_json(given: Mapping[str, Any]) -> None:
    json_paths.parse(given["JsonPath"])


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "CsvClassifier": _check_csv,
    "JsonClassifier": _check_json,
}


def _rules(classifier: Json) -> Rules | str:
    if given := classifier.get("JsonClassifier"):
        return str(given["JsonPath"])
    given = classifier["CsvClassifier"]
    serde = given.get("Serde", "None")
    return Rules(
        delimiter=given.get("Delimiter"),
        quote=given.get("QuoteSymbol") or '"',
        header=given.get("ContainsHeader") or "UNKNOWN",
        names=tuple(given.get("Header") or ()),
        single_column=bool(given.get("AllowSingleColumn")),
        # As AWS says: "The default value is true."
        trim=not given.get("DisableValueTrimming", True),
        types=tuple(given.get("CustomDatatypes") or ()) if given.get("CustomDatatypeConfigured") else (),
        serde="" if serde == "None" else serde,
    )


def _shown(classifier: Json) -> Json:
    return {
        kind: {key: moment(value) if key in ("CreationTime", "LastUpdated") else value for key, value in given.items()}
        for kind, given in classifier.items()
    }
