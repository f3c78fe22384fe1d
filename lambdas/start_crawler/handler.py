"""Lambda ``start_crawler``: catalogue what arrived. Event: ``{"crawler": name, "time": when it arrived, ISO 8601}``.

Answer: ``{"crawler": name, "started": bool}``.
"""

from __future__ import annotations

from typing import Any

import boto3

from millrace.events import start_crawler

_glue = boto3.client("glue")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Start the crawler, unless a crawl is running that sees it; fail, to be invoked again, if that one may not."""
    return {"crawler": event["crawler"], "started": start_crawler(_glue, event["crawler"], event["time"])}
