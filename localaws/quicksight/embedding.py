"""Embed URLs: each opens one dashboard once, within five minutes, as on AWS."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from localaws.core import AwsError, Call, NotSupported
from localaws.quicksight.shared import Answer, Operation, Shelf, answered, arn, found, invalid

SECONDS = 300  # how long AWS lets an embed URL wait for its use
_DOMAIN = re.compile(r"https?://[A-Za-z0-9*][A-Za-z0-9.*-]*(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Ticket:
    """What a code in an embed URL allows: one dashboard, until a time, in frames of these origins."""

    dashboard: str
    expires: float
    domains: tuple[str, ...]


class Embedding:
    """The operations that make embed URLs, and the check of their codes. Codes end with the process."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._tickets: dict[str, Ticket] = {}

    def operations(self) -> dict[str, Operation]:
        """Handlers by the operation's name."""
        return {
            "GenerateEmbedUrlForRegisteredUser": self.registered,
            "GenerateEmbedUrlForAnonymousUser": self.anonymous,
            "GetDashboardEmbedUrl": self.dashboard,
        }

    def registered(self, call: Call) -> Answer:
        """An embed URL for a registered user."""
        given = call.params
        user = given["UserArn"]
        if not any(record["Arn"] == user for _, record in self._shelf.users.items()):
            message = f"User {user} is not found. Create it with RegisterUser."
            raise AwsError("QuickSightUserNotFoundException", message, 404)
        return answered(200, EmbedUrl=self._url(_initial(given), given))

    def anonymous(self, call: Call) -> Answer:
        """An embed URL for anyone, for a dashboard among the authorised ones."""
        given = call.params
        if given["Namespace"] != "default":
            raise invalid(f"namespace {given['Namespace']} is not there; the only one is default")
        if given.get("SessionTags"):
            raise NotSupported("GenerateEmbedUrlForAnonymousUser: SessionTags need row-level security, not done here")
        name = _initial(given)
        if arn("dashboard", name) not in given["AuthorizedResourceArns"]:
            raise invalid(f"AuthorizedResourceArns does not name {arn('dashboard', name)}")
        user = arn("user", f"default/{secrets.token_hex(8)}")
        return answered(200, EmbedUrl=self._url(name, given), AnonymousUserArn=user)

    def dashboard(self, call: Call) -> Answer:
        """An embed URL for a dashboard, by the older operation."""
        if call.params.get("AdditionalDashboardIds"):
            raise NotSupported("GetDashboardEmbedUrl: AdditionalDashboardIds is not done here; ask for one URL each")
        return answered(200, EmbedUrl=self._url(call.params["DashboardId"], call.params))

    def redeem(self, code: str, dashboard: str) -> Ticket | None:
        """The ticket of a code, which is thereby used up; None if it is unknown, used, expired or another's."""
        with self._shelf.lock:
            ticket = self._tickets.get(code)
            if ticket is None or ticket.dashboard != dashboard:
                return None
            del self._tickets[code]
        return ticket if ticket.expires > time.monotonic() else None

    def _url(self, name: str, given: Mapping[str, Any]) -> str:
        minutes = given.get("SessionLifetimeInMinutes")
        if minutes is not None and not 15 <= minutes <= 600:
            message = f"SessionLifetimeInMinutes is {minutes}; it must be between 15 and 600"
            raise AwsError("SessionLifetimeInMinutesInvalidException", message, 400)
        found(self._shelf.dashboards, name, "Dashboard", "Create it with CreateDashboard.")
        self._drop_expired()
        code = secrets.token_urlsafe(32)
        self._tickets[code] = Ticket(name, time.monotonic() + SECONDS, _origins(given.get("AllowedDomains") or []))
        return self._shelf.world.address(f"/_localaws/quicksight/embed/{quote(name)}?code={code}&isauthcode=true")

    def _drop_expired(self) -> None:
        for code in [code for code, ticket in self._tickets.items() if ticket.expires <= time.monotonic()]:
            del self._tickets[code]


def _initial(given: Mapping[str, Any]) -> str:
    experience = given["ExperienceConfiguration"]
    if list(experience) != ["Dashboard"]:
        raise NotSupported(f"ExperienceConfiguration: {sorted(experience)} is not done here; only Dashboard is")
    return str(experience["Dashboard"]["InitialDashboardId"])


def _origins(domains: Sequence[str]) -> tuple[str, ...]:
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise invalid(f"AllowedDomains: {domain!r} is not an origin such as https://example.org")
    return tuple(domains)
