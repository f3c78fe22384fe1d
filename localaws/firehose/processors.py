"""The processors of a stream: which there are, and those that need no function: de-aggregation, keys, delimiters."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localaws.core import AwsError, NotSupported
from localaws.firehose.jq import JqError, compile_filter
from localaws.firehose.jq_functions import text_of
from localaws.firehose.records import Failure, Record, processing_failed

MOST_SUBRECORDS = 500
_KNOWN = ("RecordDeAggregation", "Lambda", "MetadataExtraction", "AppendDelimiterToRecord")
_DECODER = json.JSONDecoder()


class Processing:
    """A checked ProcessingConfiguration.

    function: the Lambda's parameters by name, or None. query: the jq filter for partition keys, or None.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._parameters: dict[str, dict[str, str]] = {}
        self.query: str | None = None
        for processor in (given.get("Processors") or ()) if given.get("Enabled", False) else ():
            kind = processor["Type"]
            if kind not in _KNOWN:
                raise NotSupported(f"The processor {kind} is refused: the embedded AWS has {', '.join(_KNOWN)}.")
            if kind in self._parameters:
                raise _invalid(f"There may be one processor of type {kind} only.")
            pairs = processor.get("Parameters") or ()
            self._parameters[kind] = {pair["ParameterName"]: pair["ParameterValue"] for pair in pairs}
        self.function = self._parameters.get("Lambda")
        self._check_function()
        self._check_query()
        self._check_splitting()
        self.delimiter = _unescaped(self._parameters.get("AppendDelimiterToRecord", {}).get("Delimiter", "\\n"))
        self.appends = "AppendDelimiterToRecord" in self._parameters

    def split(self, records: Iterable[Record]) -> Iterator[Record | Failure]:
        """The records, those that hold several taken apart."""
        if self._separator is None and not self._splits_json:
            yield from records
            return
        for record in records:
            try:
                parts = _json_parts(record.data) if self._splits_json else self._delimited(record.data)
            except ValueError as error:
                code = "DynamicPartitioning.DeaggregationFailed"
                yield processing_failed(record, code, f"Data could not be deaggregated: {error}")
                continue
            for place, part in enumerate(parts):
                # Each part has an id of its own: the last six digits number it.
                yield Record(f"{record.id[:-6]}{place:06d}", record.arrival, part, record.origin, record.keys)

    def extract(self, records: Iterable[Record]) -> Iterator[Record | Failure]:
        """The records with the partition keys that the query finds."""
        if self._filter is None:
            yield from records
            return
        for record in records:
            try:
                record.keys["query"] = self._keys(record.data)
            except (JqError, ValueError, RecursionError) as error:
                yield processing_failed(record, "DynamicPartitioning.MetadataExtractionFailed", str(error))
            else:
                yield record

    def _keys(self, data: bytes) -> dict[str, str]:
        assert self._filter is not None
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise JqError("Non JSON record provided") from error
        outputs = self._filter(document)
        if len(outputs) != 1 or not isinstance(outputs[0], dict):
            raise JqError("Metadata extraction query must give one JSON object")
        for value in outputs[0].values():
            if value is None or value == "":
                raise JqError("partitionKeys values must not be null or empty")
            if isinstance(value, list | dict):
                raise JqError("partitionKeys values must be strings, numbers or booleans")
        return {key: text_of(value) for key, value in outputs[0].items()}

    def _check_function(self) -> None:
        function = self.function
        if function is None:
            return
        if not function.get("LambdaArn", "").startswith("arn:aws:lambda:"):
            raise _invalid("The Lambda processor needs the parameter LambdaArn, the ARN of a function.")
        self.retries = _number(function.get("NumberOfRetries", "3"), "NumberOfRetries", 0, 300)
        size = function.get("BufferSizeInMBs", "1")
        try:
            self.batch_bytes = int(float(size) * (1 << 20))
        except ValueError as error:
            raise _invalid(f"BufferSizeInMBs is {size!r}; it may be from 0.2 to 3.") from error
        if not 0.2 <= float(size) <= 3:
            raise _invalid(f"BufferSizeInMBs is {size!r}; it may be from 0.2 to 3.")
        _number(function.get("BufferIntervalInSeconds", "60"), "BufferIntervalInSeconds", 0, 900)

    def _check_query(self) -> None:
        parameters = self._parameters.get("MetadataExtraction")
        self._filter = None
        if parameters is None:
            return
        if parameters.get("JsonParsingEngine") != "JQ-1.6":
            raise _invalid("The MetadataExtraction processor needs the parameter JsonParsingEngine, which is JQ-1.6.")
        self.query = parameters.get("MetadataExtractionQuery", "")
        try:
            self._filter = compile_filter(self.query)
        except JqError as error:
            raise _invalid(f"MetadataExtractionQuery {self.query!r} is not valid: {error}") from error

    def _check_splitting(self) -> None:
        parameters = self._parameters.get("RecordDeAggregation")
        self._separator: bytes | None = None
        self._splits_json = False
        if parameters is None:
            return
        if parameters.get("SubRecordType") == "JSON":
            self._splits_json = True
        elif parameters.get("SubRecordType") == "DELIMITED":
            try:
                self._separator = base64.b64decode(parameters.get("Delimiter", ""), validate=True)
            except ValueError:
                self._separator = b""
            if not self._separator:
                raise _invalid("RecordDeAggregation of type DELIMITED needs a Delimiter in base64.")
        else:
            raise _invalid("RecordDeAggregation needs the parameter SubRecordType, JSON or DELIMITED.")

    def _delimited(self, data: bytes) -> list[bytes]:
        assert self._separator is not None
        return _few([part for part in data.split(self._separator) if part])


def _json_parts(data: bytes) -> list[bytes]:
    """The consecutive JSON objects in the data."""
    text = data.decode()
    parts, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if text[at] != "{":
            raise ValueError(f"no JSON object begins at character {at}")
        try:
            _, end = _DECODER.raw_decode(text, at)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error
        parts.append(text[at:end].encode())
        at = end
    return _few(parts)


def _few(parts: list[bytes]) -> list[bytes]:
    if not parts:
        raise ValueError("it is empty")
    if len(parts) > MOST_SUBRECORDS:
        raise ValueError(f"it holds {len(parts)} records; {MOST_SUBRECORDS} are allowed")
    return parts


def _number(text: str, name: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise _invalid(f"{name} is {text!r}; it may be from {least} to {most}.")
    return int(text)


def _unescaped(text: str) -> bytes:
    r"""A delimiter as it is written in the parameter: ``\n`` stands for a newline."""
    for written, meant in (("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r")):
        text = text.replace(written, meant)
    return text.encode()


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgumentException", message)
