"""The EMR service: clusters and steps."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localaws.core import AwsError, Call, Handler, World
from localaws.documents import Documents
from localaws.emr.cluster import ENDED, STEP_ENDED, Cluster
from localaws.emr.definition import MOST_STEPS, invalid, new_cluster, new_step
from localaws.spark.host import SparkHost

Json = dict[str, Any]

PAGE = 50
_OWN = ("Steps", "IdleTimeout")


class EmrEngine:
    """Clusters whose steps run on this machine's Spark. Records outlive a restart; what ran does not."""

    service = "emr"

    def __init__(self, world: World) -> None:
        self._world = world
        self._records = Documents(world.data / "emr" / "clusters")
        self._clusters: dict[str, Cluster] = {}
        self._lock = threading.RLock()
        self._end_interrupted()
        self.operations: Mapping[str, Handler] = {
            "RunJobFlow": self._run,
            "AddJobFlowSteps": self._add_steps,
            "DescribeCluster": self._describe,
            "ListClusters": self._list,
            "DescribeStep": self._describe_step,
            "ListSteps": self._list_steps,
            "CancelSteps": self._cancel_steps,
            "TerminateJobFlows": self._terminate,
            "SetTerminationProtection": self._protect,
            "AddTags": self._add_tags,
            "RemoveTags": self._remove_tags,
            "ListBootstrapActions": self._list_bootstrap,
        }

    def close(self) -> None:
        """End what runs."""
        with self._lock:
            clusters = list(self._clusters.values())
        for cluster in clusters:
            cluster.terminate()
        for cluster in clusters:
            cluster.close()
        if clusters:
            SparkHost.of(self._world).close()

    def _end_interrupted(self) -> None:
        """Clusters that the last server left running ended with it."""
        now = datetime.now(UTC).timestamp()
        for record in self._records.all():
            if record["Status"]["State"] in ENDED:
                continue
            ended = copy.deepcopy(record)
            message = "The embedded AWS ended while the cluster ran."
            ended["Status"] |= {
                "State": "TERMINATED_WITH_ERRORS",
                "StateChangeReason": {"Code": "INTERNAL_ERROR", "Message": message},
            }
            ended["Status"]["Timeline"]["EndDateTime"] = now
            for step in ended["Steps"]:
                if step["Status"]["State"] not in STEP_ENDED:
                    step["Status"]["State"] = "CANCELLED" if step["Status"]["State"] == "PENDING" else "INTERRUPTED"
                    step["Status"]["Timeline"]["EndDateTime"] = now
            self._records.save(ended["Id"], ended)

    def _save(self, record: Json) -> None:
        self._records.save(record["Id"], copy.deepcopy(record))

    def _run(self, call: Call) -> Json:
        record = new_cluster(call.params)
        record["Steps"] = [new_step(given, record) for given in call.params.get("Steps") or ()]
        cluster = Cluster(self._world, record, self._save)
        with self._lock:
            self._clusters[record["Id"]] = cluster
        cluster.start()
        return {"JobFlowId": record["Id"], "ClusterArn": record["ClusterArn"]}

    def _record(self, identifier: str) -> Json:
        found = self._records.get(identifier)
        if found is None:
            raise AwsError("InvalidRequestException", f"Cluster id '{identifier}' is not valid.")
        return found

    def _live(self, identifier: str) -> Cluster:
        """A cluster that has not ended; raises AwsError."""
        record = self._record(identifier)
        cluster = self._clusters.get(identifier)
        if cluster is None or record["Status"]["State"] in (*ENDED, "TERMINATING"):
            raise invalid("A job flow that is shutting down, terminating, or finished may not be modified.")
        return cluster

    def _add_steps(self, call: Call) -> Json:
        cluster = self._live(call.params["JobFlowId"])
        with cluster.lock:
            open_ = [one for one in cluster.record["Steps"] if one["Status"]["State"] not in STEP_ENDED]
            if len(open_) + len(call.params["Steps"]) > MOST_STEPS:
                raise invalid(f"A cluster may have {MOST_STEPS} steps that wait or run.")
            steps = [new_step(given, cluster.record) for given in call.params["Steps"]]
            cluster.add(steps)
        return {"StepIds": [step["Id"] for step in steps]}

    def _describe(self, call: Call) -> Json:
        record = self._record(call.params["ClusterId"])
        shown = {key: value for key, value in record.items() if key not in _OWN}
        shown["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(record["Tags"].items())]
        shown["Status"] = _status(record["Status"])
        shown["MasterPublicDnsName"] = "localhost"
        return {"Cluster": shown}

    def _list(self, call: Call) -> Json:
        given = call.params
        states = set(given.get("ClusterStates") or ())
        found = []
        for record in sorted(self._records.all(), key=lambda one: -one["Status"]["Timeline"]["CreationDateTime"]):
            created = datetime.fromtimestamp(record["Status"]["Timeline"]["CreationDateTime"], UTC)
            after, before = given.get("CreatedAfter"), given.get("CreatedBefore")
            if (states and record["Status"]["State"] not in states) or (after and created < after):
                continue
            if before and created > before:
                continue
            kept = ("Id", "Name", "NormalizedInstanceHours", "ClusterArn")
            found.append({**{key: record[key] for key in kept}, "Status": _status(record["Status"])})
        return _paged("Clusters", found, given)

    def _describe_step(self, call: Call) -> Json:
        record = self._record(call.params["ClusterId"])
        for step in record["Steps"]:
            if step["Id"] == call.params["StepId"]:
                return {"Step": {**step, "Status": _status(step["Status"])}}
        raise AwsError("InvalidRequestException", f"Step id '{call.params['StepId']}' is not valid.")

    def _list_steps(self, call: Call) -> Json:
        given = call.params
        record = self._record(given["ClusterId"])
        states, identifiers = set(given.get("StepStates") or ()), set(given.get("StepIds") or ())
        found = [
            {**step, "Status": _status(step["Status"])}
            for step in reversed(record["Steps"])
            if (not states or step["Status"]["State"] in states) and (not identifiers or step["Id"] in identifiers)
        ]
        return _paged("Steps", found, given)

    def _cancel_steps(self, call: Call) -> Json:
        cluster = self._live(call.params["ClusterId"])
        answers = []
        for identifier in call.params["StepIds"]:
            reason = cluster.cancel(identifier)
            status = {"StepId": identifier, "Status": "FAILED" if reason else "SUBMITTED"}
            answers.append({**status, "Reason": reason} if reason else status)
        return {"CancelStepsInfoList": answers}

    def _terminate(self, call: Call) -> Json:
        records = [self._record(identifier) for identifier in call.params["JobFlowIds"]]
        if any(record["TerminationProtected"] and record["Status"]["State"] not in ENDED for record in records):
            raise invalid("Could not shut down one or more job flows since they are termination protected.")
        for record in records:
            if record["Id"] in self._clusters:
                self._clusters[record["Id"]].terminate()
        return {}

    def _protect(self, call: Call) -> Json:
        for cluster in [self._live(identifier) for identifier in call.params["JobFlowIds"]]:
            with cluster.lock:
                cluster.record["TerminationProtected"] = bool(call.params["TerminationProtected"])
                self._save(cluster.record)
        return {}

    def _add_tags(self, call: Call) -> Json:
        cluster = self._live(call.params["ResourceId"])
        with cluster.lock:
            cluster.record["Tags"] |= {tag["Key"]: tag.get("Value", "") for tag in call.params["Tags"]}
            self._save(cluster.record)
        return {}

    def _remove_tags(self, call: Call) -> Json:
        cluster = self._live(call.params["ResourceId"])
        with cluster.lock:
            for key in call.params["TagKeys"]:
                cluster.record["Tags"].pop(key, None)
            self._save(cluster.record)
        return {}

    def _list_bootstrap(self, call: Call) -> Json:
        self._record(call.params["ClusterId"])
        return {"BootstrapActions": []}


def _status(status: Json) -> Json:
    """A status with its times as times."""
    timeline = {name: datetime.fromtimestamp(at, UTC) for name, at in status["Timeline"].items()}
    return {**status, "Timeline": timeline}


def _paged(name: str, items: list[Json], given: Mapping[str, Any]) -> Json:
    marker = given.get("Marker") or "0"
    if not marker.isdigit():
        raise AwsError("InvalidRequestException", "The Marker is not one that this operation gave.")
    start = int(marker)
    more = {"Marker": str(start + PAGE)} if start + PAGE < len(items) else {}
    return {name: items[start : start + PAGE], **more}
