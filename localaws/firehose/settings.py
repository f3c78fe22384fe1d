"""A destination's settings: what ExtendedS3 destinations may say, what follows from it, and what is refused."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

from localaws.core import AwsError, NotSupported
from localaws.firehose import prefixes
from localaws.firehose.compression import EXTENSIONS
from localaws.firehose.conversion import check_conversion
from localaws.firehose.processors import Processing

Json = dict[str, Any]

MIB = 1 << 20
PARTITIONED_MB = 64
_OTHERS = {
    "RedshiftDestinationConfiguration": "Redshift",
    "ElasticsearchDestinationConfiguration": "Elasticsearch",
    "AmazonopensearchserviceDestinationConfiguration": "OpenSearch",
    "AmazonOpenSearchServerlessDestinationConfiguration": "OpenSearch Serverless",
    "SplunkDestinationConfiguration": "Splunk",
    "HttpEndpointDestinationConfiguration": "HTTP endpoint",
    "SnowflakeDestinationConfiguration": "Snowflake",
    "IcebergDestinationConfiguration": "Iceberg",
}


class Settings:
    """A checked ExtendedS3DestinationConfiguration; ``given`` is as the API describes it, with its defaults."""

    def __init__(self, given: Mapping[str, Any], has_bucket: Callable[[str], bool]) -> None:
        self.given = _with_defaults(given)
        self.bucket = bucket_of(self.given)
        dynamic = self.given.get("DynamicPartitioningConfiguration") or {}
        self.dynamic = bool(dynamic.get("Enabled"))
        self.processing = Processing(self.given.get("ProcessingConfiguration") or {})
        conversion = self.given.get("DataFormatConversionConfiguration") or {}
        self.conversion: Json | None = dict(conversion) if conversion and conversion.get("Enabled", True) else None
        self.backup: Settings | None = None
        if self.given["S3BackupMode"] == "Enabled":
            if not self.given.get("S3BackupConfiguration"):
                raise invalid("S3BackupConfiguration must be given when S3BackupMode is Enabled.")
            self.backup = Settings(self.given["S3BackupConfiguration"], has_bucket)
        self._check(has_bucket)

    @property
    def prefix(self) -> str:
        """Its Prefix, unevaluated."""
        return str(self.given.get("Prefix") or "")

    @property
    def error_prefix(self) -> str:
        """Its ErrorOutputPrefix, unevaluated."""
        return str(self.given.get("ErrorOutputPrefix") or "")

    @property
    def compression(self) -> str:
        """The CompressionFormat."""
        return str(self.given["CompressionFormat"])

    @property
    def extension(self) -> str:
        """What the names of its objects end with."""
        if self.given.get("FileExtension"):
            return str(self.given["FileExtension"])
        return ".parquet" if self.conversion else EXTENSIONS[self.compression]

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone of timestamps in prefixes and names."""
        return _zone(str(self.given.get("CustomTimeZone") or "UTC"))

    @property
    def size(self) -> int:
        """The bytes after which the buffer is delivered."""
        return int(self.given["BufferingHints"]["SizeInMBs"]) * MIB

    @property
    def seconds(self) -> int:
        """The seconds after which the buffer is delivered."""
        return int(self.given["BufferingHints"]["IntervalInSeconds"])

    def _check(self, has_bucket: Callable[[str], bool]) -> None:
        if self.compression not in EXTENSIONS:
            raise invalid(f"CompressionFormat {self.compression!r} is none of {', '.join(EXTENSIONS)}.")
        if not has_bucket(self.bucket):
            raise invalid(f"Bucket {self.bucket} does not exist: create it before the stream that delivers to it.")
        hints = self.given["BufferingHints"]
        if not 1 <= hints["SizeInMBs"] <= 128:
            raise invalid(f"BufferingHints.SizeInMBs is {hints['SizeInMBs']}; it may be from 1 to 128.")
        if not 0 <= hints["IntervalInSeconds"] <= 900:
            raise invalid(f"BufferingHints.IntervalInSeconds is {hints['IntervalInSeconds']}; it may be from 0 to 900.")
        _zone(str(self.given.get("CustomTimeZone") or "UTC"))
        prefixes.check(self.prefix, self.error_prefix, dynamic=self.dynamic)
        self._check_partitioning()
        if self.conversion:
            check_conversion(self.conversion)
            if self.compression != "UNCOMPRESSED":
                raise invalid("CompressionFormat must be UNCOMPRESSED when data format conversion is enabled.")
            if hints["SizeInMBs"] < PARTITIONED_MB:
                raise invalid("BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled.")

    def _check_partitioning(self) -> None:
        queried = prefixes.keys_used(self.prefix, "query")
        if not self.dynamic:
            if self.processing.query:
                raise invalid("MetadataExtraction processor is only valid when Dynamic Partitioning is enabled.")
            return
        if self.given["BufferingHints"]["SizeInMBs"] < PARTITIONED_MB:
            raise invalid("BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.")
        if not queried and not prefixes.keys_used(self.prefix, "lambda"):
            raise invalid(
                "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled"
            )
        if queried and not self.processing.query:
            raise invalid("MetadataExtraction processor should be present when Prefix has partitionKeyFromQuery.")
        if prefixes.keys_used(self.prefix, "lambda") and not self.processing.function:
            raise invalid("Lambda processor should be present when Prefix has partitionKeyFromLambda.")


def destination(given: Mapping[str, Any], suffix: str = "Configuration") -> Mapping[str, Any]:
    """The one S3 destination of a request to create or (suffix ``Update``) to change a stream."""
    for name, title in _OTHERS.items():
        if given.get(name.replace("Configuration", suffix)):
            raise NotSupported(f"Destinations of {title} are refused: the embedded AWS delivers to S3 only.")
    found = [given[name] for name in (f"ExtendedS3Destination{suffix}", f"S3Destination{suffix}") if given.get(name)]
    if len(found) != 1:
        raise invalid("Exactly one destination configuration is supported for a Firehose")
    chosen: Mapping[str, Any] = found[0]
    return chosen


def merged(old: Mapping[str, Any], update: Mapping[str, Any]) -> Json:
    """A destination after an update: what the update does not name stays; its hints are merged."""
    changed = {**old, **{key: value for key, value in update.items() if key != "S3BackupUpdate"}}
    if update.get("BufferingHints"):
        changed["BufferingHints"] = {**old["BufferingHints"], **update["BufferingHints"]}
    if update.get("S3BackupUpdate"):
        changed["S3BackupConfiguration"] = {**old.get("S3BackupConfiguration", {}), **update["S3BackupUpdate"]}
    return changed


def bucket_of(given: Mapping[str, Any]) -> str:
    """The bucket's name in its ARN."""
    arn = str(given.get("BucketARN", ""))
    if not arn.startswith("arn:aws:s3:::") or "/" in arn:
        raise invalid(f"BucketARN {arn!r} is not the ARN of a bucket, as arn:aws:s3:::name.")
    return arn.removeprefix("arn:aws:s3:::")


def _with_defaults(given: Mapping[str, Any]) -> Json:
    if (given.get("EncryptionConfiguration") or {}).get("KMSEncryptionConfig"):
        raise NotSupported("KMSEncryptionConfig is refused: the embedded AWS encrypts nothing. Use NoEncryption.")
    converts = bool((given.get("DataFormatConversionConfiguration") or {}).get("Enabled"))
    partitions = bool((given.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))
    size = 128 if converts else 64 if partitions else 5
    hints = {"SizeInMBs": size, "IntervalInSeconds": 300, **(given.get("BufferingHints") or {})}
    return {
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
        "S3BackupMode": "Disabled",
        **{key: value for key, value in given.items() if value is not None},
        "BufferingHints": hints,
    }


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise invalid(f"CustomTimeZone {name!r} is not a time zone.") from error


def invalid(message: str) -> AwsError:
    """Firehose's error for parameters that cannot be."""
    return AwsError("InvalidArgumentException", message)
