"""SPICE ingestions: queued per data set, run in the background, switched in one step."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import Any

from localaws.core import Call
from localaws.quicksight import rows
from localaws.quicksight.columns import IngestionFailed
from localaws.quicksight.incremental import check_incremental, refreshed
from localaws.quicksight.records import Record, hashed, now
from localaws.quicksight.shared import (
    Answer,
    Operation,
    Shelf,
    answered,
    arn,
    exists,
    found,
    invalid,
    matching,
    not_found,
    paged,
)

log = logging.getLogger(__name__)

KIND = "Ingestion"
_OPEN = ("INITIALIZED", "QUEUED", "RUNNING")


class Ingestions:
    """CreateIngestion and the operations on what it made. One ingestion of a data set runs at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._records = shelf.ingestions
        self._waiting: dict[str, deque[str]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False
        self._end_interrupted()

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "CreateIngestion": self.create,
            "DescribeIngestion": self.describe,
            "ListIngestions": self.list,
            "CancelIngestion": self.cancel,
        }

    def create(self, call: Call) -> Answer:
        """Queue a full or incremental refresh of a SPICE data set."""
        given = call.params
        data_set = self._data_set(call)
        ingestion = matching(r"[a-zA-Z0-9-_]{1,128}", given["IngestionId"], "IngestionId")
        if data_set["ImportMode"] != "SPICE":
            raise invalid(f"DataSet {data_set['DataSetId']} is in DIRECT_QUERY mode: it has no SPICE rows to ingest")
        kind = given.get("IngestionType", "FULL_REFRESH")
        if kind == "INCREMENTAL_REFRESH":
            check_incremental(self._shelf.refresh_properties.get(data_set["DataSetId"]), data_set["DataSetId"])
        if self._records.get(_key(data_set["DataSetId"], ingestion)):
            raise exists(KIND, ingestion)
        record = self.start(data_set["DataSetId"], kind, ingestion)
        return answered(201, Arn=record["Arn"], IngestionId=ingestion, IngestionStatus="INITIALIZED")

    def start(self, data_set: str, request: str, ingestion: str | None = None, *, source: str = "MANUAL") -> Record:
        """Queue an ingestion and wake the data set's thread; source is MANUAL or SCHEDULED."""
        name = ingestion or str(uuid.uuid4())
        record: Record = {
            "Arn": arn("dataset", f"{data_set}/ingestion/{name}"),
            "IngestionId": name,
            "IngestionStatus": "QUEUED",
            "CreatedTime": now(),
            "RequestSource": source,
            "RequestType": request,
            "DataSetId": data_set,
        }
        self._records.put(_key(data_set, name), record)
        self._waiting.setdefault(data_set, deque()).append(name)
        if data_set not in self._threads:
            thread = threading.Thread(target=self._work, args=(data_set,), name=f"spice-{data_set}", daemon=True)
            self._threads[data_set] = thread
            thread.start()
        return record

    def describe(self, call: Call) -> Answer:
        """The ingestion's status, error and row counts."""
        return answered(200, Ingestion=_shown(self._found(call)))

    def list(self, call: Call) -> Answer:
        """The data set's ingestions, newest first."""
        name = self._data_set(call)["DataSetId"]
        every = [_shown(record) for _, record in self._records.items() if record["DataSetId"] == name]
        every.sort(key=lambda record: record["CreatedTime"], reverse=True)
        page, token = paged(every, call.params)
        return answered(200, Ingestions=page, NextToken=token)

    def cancel(self, call: Call) -> Answer:
        """End an ingestion that is not through; what readers see does not change."""
        record = self._found(call)
        if record["IngestionStatus"] not in _OPEN:
            raise invalid(f"Ingestion {record['IngestionId']} is {record['IngestionStatus']} and cannot be cancelled")
        self._end(record, "CANCELLED", ErrorInfo={"Type": "INGESTION_CANCELED", "Message": "cancelled by request"})
        return answered(200, Arn=record["Arn"], IngestionId=record["IngestionId"])

    def forget(self, data_set: str) -> None:
        """Delete a data set's ingestions and rows."""
        for key, record in list(self._records.items()):
            if record["DataSetId"] == data_set:
                self._records.delete(key)
        self._waiting.pop(data_set, None)
        self._sweep(data_set, keep=None)

    def close(self) -> None:
        """Let running ingestions end, start no more."""
        with self._shelf.lock:
            self._closed = True
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(timeout=5)

    def _work(self, data_set: str) -> None:
        while True:
            with self._shelf.lock:
                waiting = self._waiting.get(data_set)
                if not waiting or self._closed:
                    self._threads.pop(data_set, None)
                    return
                record = self._records.get(_key(data_set, waiting.popleft()))
                if record is None or record["IngestionStatus"] != "QUEUED":
                    continue
                record = {**record, "IngestionStatus": "RUNNING"}
                self._records.put(_key(data_set, record["IngestionId"]), record)
                definition = self._shelf.data_sets.get(data_set)
            if definition is not None:
                self._ingest(record, definition)

    def _ingest(self, record: Record, definition: Record) -> None:
        data_set, name = record["DataSetId"], record["IngestionId"]
        try:
            table, ingested, dropped = refreshed(self._shelf, definition, record["RequestType"])
            spice = rows.write(self._shelf, data_set, name, table)
        except IngestionFailed as error:
            self._failed(record, error.kind, error.message)
            return
        except Exception as error:
            log.exception("ingestion %s of %s", name, data_set)
            self._failed(record, "INTERNAL_SERVICE_ERROR", f"{type(error).__name__}: {error}")
            return
        with self._shelf.lock:
            current = self._records.get(_key(data_set, name))
            target = self._shelf.data_sets.get(data_set)
            if current is not None and target is not None and current["IngestionStatus"] == "RUNNING":
                self._shelf.data_sets.put(data_set, {**target, "Spice": spice})
                counts = {"RowsIngested": ingested, "RowsDropped": dropped, "TotalRowsInDataset": table.num_rows}
                self._end(current, "COMPLETED", RowInfo=counts, IngestionSizeInBytes=spice["Bytes"])
            shown = self._shelf.data_sets.get(data_set)
            self._sweep(data_set, keep=shown["Spice"] if shown else None)

    def _failed(self, record: Record, kind: str, message: str) -> None:
        with self._shelf.lock:
            current = self._records.get(_key(record["DataSetId"], record["IngestionId"]))
            if current is not None and current["IngestionStatus"] == "RUNNING":
                self._end(current, "FAILED", ErrorInfo={"Type": kind, "Message": message})

    def _end(self, record: Record, status: str, **fields: Any) -> None:
        seconds = int((datetime.now(UTC) - record["CreatedTime"]).total_seconds())
        ended = {**record, "IngestionStatus": status, "IngestionTimeInSeconds": seconds, **fields}
        self._records.put(_key(record["DataSetId"], record["IngestionId"]), ended)

    def _sweep(self, data_set: str, keep: Record | None) -> None:
        for file in self._shelf.spice.glob(f"{hashed(data_set)}-*"):
            if keep is None or file.name != keep["File"]:
                file.unlink(missing_ok=True)

    def _end_interrupted(self) -> None:
        for _, record in list(self._records.items()):
            if record["IngestionStatus"] in _OPEN:
                message = "the embedded AWS was stopped while this ingestion was under way; start it again"
                self._end(record, "FAILED", ErrorInfo={"Type": "INTERNAL_SERVICE_ERROR", "Message": message})

    def _data_set(self, call: Call) -> Record:
        return found(self._shelf.data_sets, call.params["DataSetId"], "DataSet", "Create it with CreateDataSet.")

    def _found(self, call: Call) -> Record:
        name = self._data_set(call)["DataSetId"]
        record = self._records.get(_key(name, call.params["IngestionId"]))
        if record is None:
            raise not_found(KIND, call.params["IngestionId"], f"ListIngestions names those of {name}.")
        return record


def _key(data_set: str, ingestion: str) -> str:
    return f"{data_set}/{ingestion}"


def _shown(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "DataSetId"}
