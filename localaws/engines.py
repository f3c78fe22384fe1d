"""The engines by service name, each made when it is first asked for: the server is up before they are loaded."""

from __future__ import annotations

import importlib
import logging
import threading
from pathlib import Path

from localaws import moto_loading
from localaws.core import Engine, World

# service: (module, class)
ENGINES = {
    "lambda": ("localaws.lambda_.engine", "LambdaEngine"),
    "events": ("localaws.events.engine", "EventsEngine"),
    "glue": ("localaws.glue.engine", "GlueEngine"),
    "cloudwatch": ("localaws.cloudwatch.engine", "CloudWatchEngine"),
    "scheduler": ("localaws.events.scheduler", "SchedulerEngine"),
    "sns": ("localaws.messaging.sns", "SnsEngine"),
    "athena": ("localaws.athena.engine", "AthenaEngine"),
    "quicksight": ("localaws.quicksight.engine", "QuickSightEngine"),
    "firehose": ("localaws.firehose.engine", "FirehoseEngine"),
    "redshift-serverless": ("localaws.redshift.serverless", "RedshiftServerlessEngine"),
    "redshift-data": ("localaws.redshift.data_api", "RedshiftDataEngine"),
    "emr": ("localaws.emr.engine", "EmrEngine"),
    "emr-serverless": ("localaws.emr_serverless.engine", "EmrServerlessEngine"),
    "rds": ("localaws.rds.engine", "RdsEngine"),
    "secretsmanager": ("localaws.secretsmanager.engine", "SecretsManagerEngine"),
}

# What these kept in their folders of the data goes on running with the server, before anybody asks for it.
RESUMED = (
    "firehose",
    "rds",
    "events",
    "scheduler",
    "cloudwatch",
    "lambda",
    "glue",
    "quicksight/refresh-schedules",
)

log = logging.getLogger(__name__)


class Engines(dict[str, Engine]):
    """``engines["athena"]`` makes that engine if need be; KeyError for a service that has none."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._lock = threading.RLock()
        self._closed = False

    def __missing__(self, service: str) -> Engine:
        module, name = ENGINES[service]
        with self._lock:
            if self._closed:
                raise RuntimeError(f"The server is closed: {service} is not started any more.")
            if service not in self:
                self[service] = getattr(importlib.import_module(module), name)(self._world)
            return self[service]

    def resume(self, data: Path) -> None:
        """Make the engines that have something to go on with."""
        found = [folder for folder in RESUMED if any((data / folder).glob("*"))]
        if found:
            moto_loading.load()  # before some of them begin threads that need it
        for folder in found:
            self[folder.partition("/")[0]]

    def find(self, service: str) -> Engine | None:
        """The engine of a service, or None where moto is all there is."""
        return self[service] if service in ENGINES else None

    def close(self) -> None:
        """Close the engines that were made."""
        with self._lock:
            self._closed = True
            for service, engine in self.items():
                try:
                    engine.close()
                except Exception:
                    log.exception("%s did not close cleanly", service)
