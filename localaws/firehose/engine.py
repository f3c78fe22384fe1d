"""The Firehose service: streams that outlive a restart, and lose nothing that was acknowledged."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from localaws.core import ACCOUNT_ID, REGION, AwsError, Call, Handler, NotSupported, World
from localaws.firehose.settings import Settings, destination, invalid, merged
from localaws.firehose.stream import Stream
from localaws.lambda_.logs import LogWriter

Json = dict[str, Any]

NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
KINESIS_ARN = re.compile(rf"arn:aws:kinesis:{REGION}:{ACCOUNT_ID}:stream/([a-zA-Z0-9_.-]{{1,128}})")
MAX_RECORD = 1_024_000
MAX_BATCH = 500
MAX_BATCH_BYTES = 4 << 20
MAX_TAGS = 50
_DESTINATION_ID = "destinationId-000000000001"

log = logging.getLogger(__name__)


class FirehoseEngine:
    """Delivery streams to S3."""

    service = "firehose"

    def __init__(self, world: World) -> None:
        self._world = world
        self._folder = world.data / "firehose"
        self._lock = threading.RLock()
        self._logs = LogWriter()
        self._kinesis = lru_cache(None)(self._client)
        self._streams: dict[str, Stream] = {}
        for file in sorted(self._folder.glob("*/stream.json")):
            document = json.loads(file.read_text())
            stream = Stream(world, file.parent, document, self._kinesis, self._logs)
            self._streams[document["Name"]] = stream
            stream.start()
        self.operations: Mapping[str, Handler] = {
            "CreateDeliveryStream": self._create,
            "DescribeDeliveryStream": self._describe,
            "ListDeliveryStreams": self._list,
            "UpdateDestination": self._update,
            "DeleteDeliveryStream": self._delete,
            "PutRecord": self._put_record,
            "PutRecordBatch": self._put_record_batch,
            "TagDeliveryStream": self._tag,
            "UntagDeliveryStream": self._untag,
            "ListTagsForDeliveryStream": self._list_tags,
        }

    def close(self) -> None:
        """Stop all streams; what they hold stays on disk and is delivered when they run again."""
        with self._lock:
            streams = list(self._streams.values())
        closing = [threading.Thread(target=stream.close, daemon=True) for stream in streams]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
        self._logs.close()

    def _create(self, call: Call) -> Json:
        given = call.params
        name = given["DeliveryStreamName"]
        if not NAME.fullmatch(name):
            raise invalid(f"The stream's name {name!r} must have 1 to 64 letters, digits, dots, hyphens, underscores.")
        kind = given.get("DeliveryStreamType") or "DirectPut"
        if (given.get("DeliveryStreamEncryptionConfigurationInput") or {}).get("KeyType"):
            raise NotSupported("DeliveryStreamEncryptionConfigurationInput is refused: nothing would be encrypted.")
        settings = Settings(destination(given), self._has_bucket)
        now = datetime.now(UTC).timestamp()
        document = {
            "Name": name,
            "Arn": f"arn:aws:firehose:{REGION}:{ACCOUNT_ID}:deliverystream/{name}",
            "Type": kind,
            "VersionId": "1",
            "Created": now,
            "Source": self._source(kind, given, now),
            "Destination": settings.given,
            "Tags": _tags({}, given.get("Tags") or ()),
        }
        with self._lock:
            if name in self._streams:
                message = f"Firehose {name} under accountId {ACCOUNT_ID} already exists"
                raise AwsError("ResourceInUseException", message)
            stream = Stream(self._world, self._folder / f"stream-{name}", document, self._kinesis, self._logs)
            self._streams[name] = stream
            stream.start()
        return {"DeliveryStreamARN": document["Arn"]}

    def _source(self, kind: str, given: Mapping[str, Any], now: float) -> Json | None:
        configuration = given.get("KinesisStreamSourceConfiguration")
        if kind == "DirectPut":
            if configuration:
                raise invalid("KinesisStreamSourceConfiguration is only for the type KinesisStreamAsSource.")
            return None
        if kind != "KinesisStreamAsSource":
            raise NotSupported(f"The type {kind} is refused: the embedded AWS has DirectPut and KinesisStreamAsSource.")
        match = KINESIS_ARN.fullmatch((configuration or {}).get("KinesisStreamARN", ""))
        if match is None:
            raise invalid(
                "KinesisStreamSourceConfiguration.KinesisStreamARN must be the ARN of a stream of this account."
            )
        try:
            self._kinesis().describe_stream_summary(StreamName=match.group(1))
        except Exception as error:
            raise invalid(f"The Kinesis stream {match.group(1)} cannot be read: {error}") from error
        assert configuration is not None
        return {"KinesisStreamARN": match.group(0), "RoleARN": configuration.get("RoleARN", ""), "Since": now}

    def _describe(self, call: Call) -> Json:
        stream = self._get(call)
        document, settings = stream.document, stream.settings
        s3 = _described(settings.given)
        plain = {key: value for key, value in s3.items() if key in _PLAIN}
        described: Json = {
            "DeliveryStreamName": document["Name"],
            "DeliveryStreamARN": document["Arn"],
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"},
            "DeliveryStreamType": document["Type"],
            "VersionId": document["VersionId"],
            "CreateTimestamp": datetime.fromtimestamp(document["Created"], UTC),
            "Destinations": [
                {
                    "DestinationId": _DESTINATION_ID,
                    "S3DestinationDescription": plain,
                    "ExtendedS3DestinationDescription": s3,
                }
            ],
            "HasMoreDestinations": False,
        }
        if document.get("Updated"):
            described["LastUpdateTimestamp"] = datetime.fromtimestamp(document["Updated"], UTC)
        if source := document.get("Source"):
            since = datetime.fromtimestamp(source["Since"], UTC)
            kept = {key: source[key] for key in ("KinesisStreamARN", "RoleARN")}
            described["Source"] = {"KinesisStreamSourceDescription": {**kept, "DeliveryStartTimestamp": since}}
        return {"DeliveryStreamDescription": described}

    def _list(self, call: Call) -> Json:
        kind = call.params.get("DeliveryStreamType")
        after = call.params.get("ExclusiveStartDeliveryStreamName") or ""
        limit = call.params.get("Limit") or 10
        with self._lock:
            names = sorted(
                name
                for name, stream in self._streams.items()
                if name > after and kind in (None, stream.document["Type"])
            )
        return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}

    def _update(self, call: Call) -> Json:
        given = call.params
        with self._lock:
            stream = self._get(call)
            version = stream.document["VersionId"]
            if given["CurrentDeliveryStreamVersionId"] != version:
                raise AwsError(
                    "ConcurrentModificationException",
                    f"Cannot update firehose: {stream.document['Name']} since the current version id: {version} and "
                    f"specified version id: {given['CurrentDeliveryStreamVersionId']} do not match",
                )
            if given["DestinationId"] != _DESTINATION_ID:
                raise invalid(f"Destination Id {given['DestinationId']} not found")
            changed = Settings(merged(stream.settings.given, destination(given, "Update")), self._has_bucket)
            if changed.dynamic != stream.settings.dynamic:
                raise invalid("Dynamic partitioning can be enabled only when a stream is created, and never disabled.")
            stream.change(changed)
        return {}

    def _delete(self, call: Call) -> Json:
        with self._lock:
            stream = self._get(call)
            del self._streams[call.params["DeliveryStreamName"]]
        stream.delete()
        return {}

    def _put_record(self, call: Call) -> Json:
        stream = self._direct(call)
        ids = stream.put([_data(call.params["Record"], "record")])
        if ids[0] is None:
            raise AwsError("ServiceUnavailableException", "Slow down.", 503)
        return {"RecordId": ids[0], "Encrypted": False}

    def _put_record_batch(self, call: Call) -> Json:
        stream = self._direct(call)
        records = call.params["Records"]
        if not 1 <= len(records) <= MAX_BATCH:
            raise AwsError(
                "ValidationException",
                "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length "
                f"{'greater than or equal to 1' if not records else f'less than or equal to {MAX_BATCH}'}",
            )
        data = [_data(record, f"records.{place + 1}.member") for place, record in enumerate(records)]
        if sum(map(len, data)) > MAX_BATCH_BYTES:
            raise invalid("Records size exceeds 4 MB limit")
        answers: list[Json] = [
            {"RecordId": one} if one else {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
            for one in stream.put(data)
        ]
        failed = sum("ErrorCode" in one for one in answers)
        return {"FailedPutCount": failed, "Encrypted": False, "RequestResponses": answers}

    def _tag(self, call: Call) -> Json:
        with self._lock:
            stream = self._get(call)
            stream.document["Tags"] = _tags(stream.document["Tags"], call.params["Tags"])
            stream.save()
        return {}

    def _untag(self, call: Call) -> Json:
        with self._lock:
            stream = self._get(call)
            for key in call.params["TagKeys"]:
                stream.document["Tags"].pop(key, None)
            stream.save()
        return {}

    def _list_tags(self, call: Call) -> Json:
        stream = self._get(call)
        after = call.params.get("ExclusiveStartTagKey") or ""
        limit = call.params.get("Limit") or MAX_TAGS
        tags = [{"Key": key, "Value": value} for key, value in sorted(stream.document["Tags"].items()) if key > after]
        return {"Tags": tags[:limit], "HasMoreTags": len(tags) > limit}

    def _get(self, call: Call) -> Stream:
        name = call.params["DeliveryStreamName"]
        with self._lock:
            found = self._streams.get(name)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Firehose {name} under account {ACCOUNT_ID} not found.")
        return found

    def _direct(self, call: Call) -> Stream:
        stream = self._get(call)
        if stream.document["Type"] != "DirectPut":
            kind = stream.document["Type"]
            raise invalid(f"This operation is not permitted on {kind} delivery stream type.")
        return stream

    def _has_bucket(self, name: str) -> bool:
        return any(bucket.name == name for bucket in self._world.store.buckets())

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "kinesis",
            endpoint_url=self._world.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(connect_timeout=2, read_timeout=20, retries={"total_max_attempts": 1}),
        )


_PLAIN = frozenset(
    [
        "RoleARN",
        "BucketARN",
        "Prefix",
        "ErrorOutputPrefix",
        "BufferingHints",
        "CompressionFormat",
        "EncryptionConfiguration",
        "CloudWatchLoggingOptions",
    ]
)


def _described(given: Mapping[str, Any]) -> Json:
    described = {key: value for key, value in given.items() if key != "S3BackupConfiguration"}
    if backup := given.get("S3BackupConfiguration"):
        described["S3BackupDescription"] = {
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
            "CompressionFormat": "UNCOMPRESSED",
            "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
            **backup,
        }
    return described


def _data(record: Mapping[str, Any], where: str) -> bytes:
    data: bytes = record.get("Data") or b""
    if len(data) > MAX_RECORD:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value at '{where}.data' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MAX_RECORD}",
        )
    return data


def _tags(old: Mapping[str, str], given: Any) -> dict[str, str]:
    tags = {**old, **{tag["Key"]: tag.get("Value", "") for tag in given}}
    if len(tags) > MAX_TAGS:
        raise AwsError("LimitExceededException", f"A stream may have {MAX_TAGS} tags.")
    return tags
