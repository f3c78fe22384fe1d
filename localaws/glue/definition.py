"""A crawler's definition: what CreateCrawler and UpdateCrawler accept, and what a crawl reads from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localaws.core import AwsError, NotSupported
from localaws.glue.folders import Target, parse_path
from localaws.glue.globs import compile_exclusion
from localaws.glue.grouping import Policy

Json = dict[str, Any]

DEFAULT_DATABASE = "default"
_NAME = re.compile(r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\t]{1,255}")
_POLICY = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"}
_RECRAWL = ("CRAWL_EVERYTHING", "CRAWL_NEW_FOLDERS_ONLY", "CRAWL_EVENT_MODE")
_BEHAVIORS = {
    "UpdateBehavior": ("LOG", "UPDATE_IN_DATABASE"),
    "DeleteBehavior": ("LOG", "DELETE_FROM_DATABASE", "DEPRECATE_IN_DATABASE"),
}
# Configuration key: the values that it may have here; None means any positive integer.
_CONFIGURATION: Mapping[tuple[str, ...], tuple[Any, ...] | None] = {
    ("Version",): (1, 1.0),
    ("CreatePartitionIndex",): (True, False),
    ("CrawlerOutput", "Partitions", "AddOrUpdateBehavior"): ("InheritFromTable",),
    ("CrawlerOutput", "Tables", "AddOrUpdateBehavior"): ("MergeNewColumns",),
    ("CrawlerOutput", "Tables", "TableThreshold"): None,
    ("Grouping", "TableGroupingPolicy"): ("CombineCompatibleSchemas",),
    ("Grouping", "TableLevelConfiguration"): None,
}
_KEPT = (
    "Name",
    "Role",
    "Targets",
    "DatabaseName",
    "Description",
    "TablePrefix",
    "SchemaChangePolicy",
    "RecrawlPolicy",
    "Configuration",
    "Classifiers",
    "LineageConfiguration",
)


class Definition:
    """A crawler's definition, checked; ``given`` is in the shape of the Glue API's Crawler."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        _refuse(given)
        self.given: Json = {key: given[key] for key in _KEPT if given.get(key) not in (None, "")}
        self.given["SchemaChangePolicy"] = {**_POLICY, **(given.get("SchemaChangePolicy") or {})}
        self.given["RecrawlPolicy"] = dict(given.get("RecrawlPolicy") or {})
        # Kept and shown, as by AWS, where it has no effect on the catalog either.
        self.given.setdefault("LineageConfiguration", {"CrawlerLineageSettings": "DISABLE"})
        self.given.setdefault("Classifiers", [])
        if not _NAME.fullmatch(self.name):
            raise _invalid(f"The crawler's name {self.name!r} is empty, too long or holds control characters.")
        self.targets = _targets(given.get("Targets") or {})
        self.catalog_tables = _catalog_tables(given["Targets"])
        self._configuration = _configuration(given.get("Configuration") or "")
        self._check_policies()

    @property
    def name(self) -> str:
        """The crawler's name."""
        return str(self.given["Name"])

    @property
    def database(self) -> str:
        """The database that the tables go to."""
        return str(self.given.get("DatabaseName", DEFAULT_DATABASE)).lower()

    @property
    def classifiers(self) -> list[str]:
        """The names of the custom classifiers, in the order in which they are tried."""
        return list(self.given["Classifiers"])

    @property
    def table_prefix(self) -> str:
        """What each table's name begins with."""
        return str(self.given.get("TablePrefix", ""))

    @property
    def updates(self) -> bool:
        """Whether tables and partitions that exist are changed."""
        return bool(self.given["SchemaChangePolicy"]["UpdateBehavior"] == "UPDATE_IN_DATABASE")

    @property
    def delete_behavior(self) -> str:
        """LOG, DELETE_FROM_DATABASE or DEPRECATE_IN_DATABASE."""
        return str(self.given["SchemaChangePolicy"]["DeleteBehavior"])

    @property
    def new_folders_only(self) -> bool:
        """Whether folders that were crawled are left alone."""
        return bool(self.given["RecrawlPolicy"]["RecrawlBehavior"] == "CRAWL_NEW_FOLDERS_ONLY")

    @property
    def event_queue(self) -> str | None:
        """The ARN of the queue that tells what changed; None unless in event mode."""
        if self.given["RecrawlPolicy"]["RecrawlBehavior"] != "CRAWL_EVENT_MODE":
            return None
        return str(self.given["Targets"]["S3Targets"][0]["EventQueueArn"])

    @property
    def inherit(self) -> bool:
        """Whether partitions take their table's columns."""
        return ("CrawlerOutput", "Partitions", "AddOrUpdateBehavior") in self._configuration

    @property
    def merge_new_columns(self) -> bool:
        """Whether an existing table only gains columns."""
        return ("CrawlerOutput", "Tables", "AddOrUpdateBehavior") in self._configuration

    @property
    def table_threshold(self) -> int | None:
        """How many tables a crawl may find."""
        return self._configuration.get(("CrawlerOutput", "Tables", "TableThreshold"))

    @property
    def makes_indexes(self) -> bool:
        """Whether a new table with partitions gets an index of its partition keys."""
        return bool(self._configuration.get(("CreatePartitionIndex",), False))

    @property
    def grouping(self) -> Policy:
        """How folders become tables."""
        return Policy(
            ("Grouping", "TableGroupingPolicy") in self._configuration,
            self._configuration.get(("Grouping", "TableLevelConfiguration")),
        )

    def _check_policies(self) -> None:
        targets = self.given["Targets"].get("S3Targets") or []
        recrawl = self.given["RecrawlPolicy"].setdefault("RecrawlBehavior", _RECRAWL[0])
        if recrawl not in _RECRAWL:
            raise _invalid(f"RecrawlBehavior is {recrawl!r}; it may be {', '.join(_RECRAWL)}.")
        if recrawl == "CRAWL_EVENT_MODE":
            if len(targets) != 1 or not targets[0].get("EventQueueArn") or targets[0].get("SampleSize"):
                raise _invalid("CRAWL_EVENT_MODE needs one target, with an EventQueueArn and without a SampleSize.")
        elif any(target.get("EventQueueArn") for target in targets):
            raise _invalid("An EventQueueArn needs the RecrawlBehavior CRAWL_EVENT_MODE.")
        policy = self.given["SchemaChangePolicy"]
        if self.catalog_tables and policy["DeleteBehavior"] != "LOG":
            raise _invalid("The SchemaChangePolicy's DeleteBehavior can only be LOG for catalog targets.")
        if self.catalog_tables and recrawl != "CRAWL_EVERYTHING":
            raise NotSupported("Catalog targets are crawled with CRAWL_EVERYTHING only.")
        for name, allowed in _BEHAVIORS.items():
            if policy[name] not in allowed:
                raise _invalid(f"SchemaChangePolicy.{name} is {policy[name]!r}; it may be {', '.join(allowed)}.")
        if self.new_folders_only and set(policy.values()) != {"LOG"}:
            raise _invalid(
                "The SchemaChangePolicy for CRAWL_NEW_FOLDERS_ONLY can only be LOG for both UpdateBehavior and "
                "DeleteBehavior."
            )


def _refuse(given: Mapping[str, Any]) -> None:
    """Raise NotSupported for what a crawler of AWS would do and this one would not."""
    for kind, targets in (given.get("Targets") or {}).items():
        if kind not in ("S3Targets", "CatalogTargets") and targets:
            raise NotSupported(f"Crawlers of {kind} are refused: the embedded AWS crawls S3 and catalog tables only.")
    if given.get("CrawlerSecurityConfiguration"):
        raise NotSupported("CrawlerSecurityConfiguration is refused: the embedded AWS encrypts nothing.")
    if (given.get("LakeFormationConfiguration") or {}).get("UseLakeFormationCredentials"):
        raise NotSupported("UseLakeFormationCredentials is refused: there is no Lake Formation here.")
    for target in (given.get("Targets") or {}).get("S3Targets") or ():
        if target.get("ConnectionName"):
            raise NotSupported("ConnectionName of an S3 target is refused: the crawler reads S3 directly.")
        if target.get("DlqEventQueueArn"):
            raise NotSupported("DlqEventQueueArn is refused: no event is put into a dead-letter queue.")
    for target in (given.get("Targets") or {}).get("CatalogTargets") or ():
        for option in ("ConnectionName", "EventQueueArn", "DlqEventQueueArn"):
            if target.get(option):
                raise NotSupported(
                    f"{option} of a catalog target is refused: its location is listed and read directly."
                )


def _targets(given: Mapping[str, Any]) -> tuple[Target, ...]:
    targets = []
    for target in given.get("S3Targets") or ():
        bucket, prefix = parse_path(str(target.get("Path", "")))
        exclusions = tuple(target.get("Exclusions") or ())
        for pattern in exclusions:
            compile_exclusion(pattern)
        sample = target.get("SampleSize")
        if sample is not None and not 1 <= sample <= 249:
            raise _invalid(f"SampleSize is {sample}; it must be from 1 to 249.")
        targets.append(Target(bucket, prefix, exclusions, sample))
    if bool(targets) == bool(given.get("CatalogTargets")):
        raise _invalid("Crawler requires at least one target: give either Targets.S3Targets or Targets.CatalogTargets.")
    return tuple(targets)


def _catalog_tables(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (target["DatabaseName"].lower(), name.lower())
        for target in given.get("CatalogTargets") or ()
        for name in target["Tables"]
    )


def _configuration(text: str) -> dict[tuple[str, ...], Any]:
    """The settings of a Configuration document by their paths."""
    if not text:
        return {}
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise _invalid(f"The Configuration is not JSON: {error}.") from error
    settings = _flatten(document, ())
    for path, value in settings.items():
        if path not in _CONFIGURATION:
            raise _invalid(f"The Configuration's {'.'.join(path) or 'root'} is not known or not supported.")
        allowed = _CONFIGURATION[path]
        if allowed is None:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise _invalid(f"The Configuration's {'.'.join(path)} is {value!r}; it must be a positive integer.")
        elif value not in allowed:
            choice = ", ".join(str(one) for one in allowed)
            raise _invalid(f"The Configuration's {'.'.join(path)} is {value!r}; it may be {choice}.")
    return settings


def _flatten(value: Any, path: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {inner: leaf for key, below in value.items() for inner, leaf in _flatten(below, (*path, key)).items()}


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)
