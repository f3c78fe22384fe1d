"""What was told already: so that a fault that comes again and again is one message, and later one more that counts.

An incident is an object in the processed bucket, ``_alerts/<fingerprint>.json``, changed by conditional writes only: of
many functions that are told of the same fault at once, one sends the message. A message that was claimed and never
sent, because its function was killed, is sent by the next one, or at the latest by the sweep.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from millrace.alerts import Alert

WINDOW = timedelta(hours=1)  # within it a fault is told once
QUIET = timedelta(days=1)  # after so long without it a fault is a new one
_CLAIM = timedelta(minutes=5)  # what was claimed longer ago was not sent
_PREFIX = "_alerts/"
_TRIES = 20

Send = Callable[[str, str], None]


@dataclass(frozen=True)
class _Incident:
    """A fault: the latest alert, how often it came and how much of that was told, and who is about to tell it."""

    alert: Alert
    first: str
    latest: str
    count: int = 0
    told: int = 0
    sent: str | None = None
    claimed: str | None = None
    claimed_by: str | None = None

    def is_due(self, event: str, now: datetime) -> bool:
        """Whether this event's function is to send the message."""
        if self.told >= self.count or (self.sent and now - _time(self.sent) < WINDOW):
            return False
        return self.claimed is None or self.claimed_by == event or now - _time(self.claimed) > _CLAIM

    def is_past(self, now: datetime) -> bool:
        """Whether what comes now is a new fault: after a quiet day, or once it has ended, after the window."""
        ended = self.alert.over and self.sent is not None and now - _time(self.sent) >= WINDOW
        return ended or now - _time(self.latest) > QUIET


class Incidents:
    """The incidents of an installation. send: sends a message, by subject and text."""

    def __init__(self, s3: Any, bucket: str, send: Send) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._send = send

    def tell(self, alert: Alert, event: str, now: datetime) -> bool:
        """Note the alert of an event, and send it unless it was told lately; whether it was sent.

        event: the event's id; the same one again, which is a retry, is not counted again.
        """
        if alert.over:
            return self._over(alert)
        for _ in range(_TRIES):
            old, etag = self._get(alert.fingerprint)
            new = self._noted(old, alert, event, now)
            if not new.is_due(event, now):
                if self._put(new, etag):
                    return False
                continue
            if new_etag := self._put(dataclasses.replace(new, claimed=now.isoformat(), claimed_by=event), etag):
                return self._tell(new, new_etag, now)
        raise RuntimeError(f"the incident {alert.fingerprint} is changed by too many at once; the event is tried again")

    def sweep(self, now: datetime) -> int:
        """Tell what came again and was not told since; forget what is long over. How many were told."""
        told = 0
        for fingerprint in list(self._fingerprints()):
            incident, etag = self._get(fingerprint)
            if incident is None or etag is None:
                continue
            if incident.is_due("sweep", now):
                claim = dataclasses.replace(incident, claimed=now.isoformat(), claimed_by="sweep")
                if claimed := self._put(claim, etag):
                    told += self._tell(incident, claimed, now)
            elif now - _time(incident.latest) > QUIET and incident.told >= incident.count:
                self._s3.delete_object(Bucket=self._bucket, Key=_key(fingerprint))
        return told

    def _noted(self, old: _Incident | None, alert: Alert, event: str, now: datetime) -> _Incident:
        if old is None or (old.told >= old.count and old.is_past(now)):
            return _Incident(alert, alert.since, now.isoformat(), count=1, claimed_by=event)
        if old.claimed_by == event:
            return old
        return dataclasses.replace(old, alert=alert, latest=now.isoformat(), count=old.count + 1)

    def _tell(self, incident: _Incident, etag: str, now: datetime) -> bool:
        again = incident.count - incident.told if incident.told else incident.count - 1
        self._send(incident.alert.subject(again), incident.alert.text(again, incident.first))
        done = dataclasses.replace(incident, told=incident.count, sent=now.isoformat(), claimed=None)
        while not self._put(done, etag):
            # It came again while this was sent: that stays untold.
            current, found = self._get(incident.alert.fingerprint)
            if current is None or found is None:
                break
            done = dataclasses.replace(current, told=incident.count, sent=now.isoformat(), claimed=None)
            etag = found
        return True

    def _over(self, alert: Alert) -> bool:
        """Tell the end of what was told; what nobody was told of ends without a word."""
        incident, etag = self._get(alert.fingerprint)
        if incident is None or incident.alert.over:
            return False
        if told := incident.told >= incident.count:
            self._send(alert.subject(), alert.text(first=incident.first))
        self._put(dataclasses.replace(incident, alert=alert), etag)  # unless it has begun again meanwhile
        return told

    def _fingerprints(self) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=_PREFIX):
            for item in page.get("Contents", []):
                yield item["Key"].removeprefix(_PREFIX).removesuffix(".json")

    def _get(self, fingerprint: str) -> tuple[_Incident | None, str | None]:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=_key(fingerprint))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None, None
        kept = json.loads(answer["Body"].read())
        return _Incident(**{**kept, "alert": Alert(**kept["alert"])}), answer["ETag"]

    def _put(self, incident: _Incident, etag: str | None) -> str | None:
        """Write the incident unless another did so first: its new ETag, or None."""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        body = json.dumps(dataclasses.asdict(incident)).encode()
        try:
            key = _key(incident.alert.fingerprint)
            return str(self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, **condition)["ETag"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                raise
            return None


def _key(fingerprint: str) -> str:
    return f"{_PREFIX}{fingerprint}.json"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
