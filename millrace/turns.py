"""Turns: of all runs that write a pipeline's tables, one at a time does so. The others wait for theirs.

The turn is one small JSON object per pipeline, ``_ledger/<slug>/turn.json``, that says which run has it. It is only
ever written on condition that it is still what was read, so of two that want it one gets it. Whoever finds a holder
whose run has ended, or is not there any more, may take it over: a run that died blocks nobody.

Each turn has a number. A run that goes on after it had failed may do so as long as nobody has had a turn since; then
what it builds on may have changed, and it must begin again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

_QUICKER = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass(frozen=True)
class Holder:
    """Who has the turn: a run of a DAG."""

    dag: str
    run: str


class Turn:
    """The turn of one pipeline. bucket: that of the ledger, with its full name."""

    def __init__(self, s3: Any, bucket: str, slug: str) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": f"_ledger/{slug}/turn.json"}

    def holder(self) -> Holder | None:
        """Who has it."""
        return self._read()[0]

    def take(self, run: Holder, ended: Callable[[Holder], bool]) -> int | None:
        """Take it, if nobody has it, the run itself does, or its holder's run has ended; the turn's number.

        None: it is another's, or another was quicker by a moment; try again later.
        """
        holder, number, condition = self._read()
        if holder == run:
            return number
        if holder is not None and not ended(holder):
            return None
        return number + 1 if self._write(run, number + 1, condition) else None

    def keep(self, run: Holder, number: int) -> bool:
        """Go on with the turn of that number, even if it was given back; False if there was another turn since."""
        holder, last, condition = self._read()
        return last == number and (holder == run or self._write(run, number, condition))

    def end(self, run: Holder) -> bool:
        """Give it back; False if the run does not have it (any more)."""
        holder, number, condition = self._read()
        return holder == run and self._write(None, number, condition)

    def _read(self) -> tuple[Holder | None, int, dict[str, str]]:
        """The holder, the turn's number, and the condition on which the object may be replaced."""
        try:
            answer = self._s3.get_object(**self._where)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None, 0, {"IfNoneMatch": "*"}
        found = json.load(answer["Body"])
        holder = Holder(**found["holder"]) if found["holder"] else None
        return holder, found["number"], {"IfMatch": answer["ETag"]}

    def _write(self, holder: Holder | None, number: int, condition: dict[str, str]) -> bool:
        # The time makes each state another object: who read an old one must not take it for the present one.
        state = {"holder": holder and asdict(holder), "number": number, "since": datetime.now(UTC).isoformat()}
        try:
            self._s3.put_object(
                **self._where, Body=json.dumps(state).encode(), ContentType="application/json", **condition
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _QUICKER:
                raise
            return False
        return True
