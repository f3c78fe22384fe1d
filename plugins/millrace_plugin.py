"""Pages in Airflow's navigation: the dashboards, and the state of the data; and links from tasks to what AWS did."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from millrace_pages.app import app
from millrace_pages.links import LINKS, PREFIX


class MillracePlugin(AirflowPlugin):
    """Serves the pages under Airflow's own address, behind its login."""

    name = "millrace"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app, "url_prefix": PREFIX, "name": "Millrace pages"}]
    operator_extra_links: ClassVar[list[Any]] = LINKS
    external_views: ClassVar[list[Any]] = [
        {
            "name": name,
            "href": f"{PREFIX.lstrip('/')}/{page}/",
            "destination": "nav",
            "url_route": f"millrace-{page}",
            "icon": f"{PREFIX}/static/{page}.svg",
            "icon_dark_mode": f"{PREFIX}/static/{page}-dark.svg",
            "nav_top_level": True,
        }
        for name, page in (("Dashboards", "dashboards"), ("Data", "data"))
    ]
