"""Which uploads are in the derived tables: one small JSON object per pipeline, ``_ledger/<slug>/published.json``.

It is written when a build is published, last of all. An upload that is not in it is pending, whatever has been
done with it before: a run that died half-way is simply done again by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

_ATTEMPTS = 10


class Published:
    """The uploads of a pipeline that are published: key → etag."""

    def __init__(self, s3: Any, bucket: str, slug: str) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": f"_ledger/{slug}/published.json"}

    def read(self) -> dict[str, str]:
        """Key → etag of each published upload."""
        return self._read()[0]

    def add(self, uploads: Iterable[Mapping[str, str]]) -> None:
        """Add uploads, mappings with ``key`` and ``etag``. Safe beside another writer: the write is conditional."""
        added = {upload["key"]: upload["etag"] for upload in uploads}
        for _ in range(_ATTEMPTS):
            published, condition = self._read()
            if published.items() >= added.items():
                return
            body = json.dumps({**published, **added}, ensure_ascii=False, indent=0, sort_keys=True).encode()
            try:
                self._s3.put_object(**self._where, Body=body, ContentType="application/json", **condition)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                    raise
            else:
                return
        raise RuntimeError(
            f"s3://{self._where['Bucket']}/{self._where['Key']}: {_ATTEMPTS} writers were quicker; retry"
        )

    def _read(self) -> tuple[dict[str, str], dict[str, str]]:
        """The content, and the condition on which it may be replaced."""
        try:
            answer = self._s3.get_object(**self._where)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return {}, {"IfNoneMatch": "*"}
        return json.load(answer["Body"]), {"IfMatch": answer["ETag"]}
