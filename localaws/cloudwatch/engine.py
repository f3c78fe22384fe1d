"""The CloudWatch service of the embedded AWS; dashboards are moto's."""

from __future__ import annotations

import time
from collections.abc import Mapping

from localaws.cloudwatch.acting import Actor
from localaws.cloudwatch.alarms import Alarms
from localaws.cloudwatch.alarms_api import AlarmsApi
from localaws.cloudwatch.metrics_api import MetricsApi
from localaws.cloudwatch.series import Bucket, Metrics
from localaws.core import Call, Handler, World


class CloudWatchEngine:
    """Metrics in memory, alarms in ``world.data/cloudwatch``."""

    service = "cloudwatch"

    def __init__(self, world: World) -> None:
        self._metrics = Metrics()
        api = MetricsApi(self._metrics)
        self._alarms = Alarms(world.data / "cloudwatch" / "alarms", api, Actor(world).changed)
        self._alarms_api = AlarmsApi(self._alarms)
        self.operations: Mapping[str, Handler] = {
            **api.operations,
            **self._alarms_api.operations,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def record(
        self, namespace: str, name: str, value: float, unit: str = "Count", dimensions: Mapping[str, str] | None = None
    ) -> None:
        """Publish a metric of a service, such as ``AWS/Lambda`` Invocations; thread-safe, returns at once."""
        bucket = Bucket(unit=unit)
        bucket.add(float(value))
        self._metrics.record((namespace, name, tuple(sorted((dimensions or {}).items()))), time.time(), bucket)

    def close(self) -> None:
        """Evaluate no more alarms."""
        self._alarms.close()

    def _tag(self, call: Call) -> None:
        alarm = self._alarms_api.tagged(call.params["ResourceARN"])
        given = {tag["Key"]: tag["Value"] for tag in call.params["Tags"]}
        self._alarms.save({**alarm, "Tags": {**alarm["Tags"], **given}})

    def _untag(self, call: Call) -> None:
        alarm = self._alarms_api.tagged(call.params["ResourceARN"])
        kept = {key: value for key, value in alarm["Tags"].items() if key not in call.params["TagKeys"]}
        self._alarms.save({**alarm, "Tags": kept})

    def _list_tags(self, call: Call) -> Mapping[str, object]:
        tags = self._alarms_api.tagged(call.params["ResourceARN"])["Tags"]
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
