"""Each data check is quiet on a sound build and finds the damage that it is there for."""

import datetime as dt

import pytest

UPLOADS = [f"2024-03-{day:02d}" for day in range(1, 32)]
MONTHS = ["2024-03"]
CHECKS = {
    "active_are_activated": "error",
    "activity_key_is_unique": "error",
    "companies_add_up": "error",
    "memberships_key_is_unique": "error",
    "never_accepted": "info",
    "no_month_is_missing": "error",
    "potential_companies_were_active": "error",
    "unknown_users": "info",
    "upload_volume_is_usual": "warn",
    "uploads_have_arrived": "error",
    "user_days_key_is_unique": "error",
}


def login(user: str, company: str | None, date: str, second: int = 0) -> tuple:
    return user, company, dt.datetime.fromisoformat(date) + dt.timedelta(hours=12, seconds=second)


@pytest.fixture
def built(lake):
    """Two companies active in January, one of them again in March, when there is an upload of ten logins each day.

    The last upload is built and not published yet.
    """
    accepted = dt.datetime(2024, 1, 2)
    lake.upload(
        "2024-02-01",
        [("ann", "acme", accepted), ("bob", "beta", accepted), ("cat", "beta", None)],
        [login("ann", None, "2024-01-05"), login("bob", "beta", "2024-01-06")],
    )
    for date in UPLOADS:
        lake.upload(
            date, logins=[login("ann", "acme", date, second) for second in range(9)] + [login("zed", None, date)]
        )
    lake.run("2024-02-01", *UPLOADS[:-1])
    lake.run(UPLOADS[-1], publish=0)
    return lake


def broken(lake, *dates: str) -> dict[str, str]:
    """Check → detail of those that are not ok."""
    checks = lake.checks(*(dates or UPLOADS[-1:]), months=MONTHS)
    assert list(checks) == list(CHECKS)
    return {name: detail for name, (_, ok, detail) in checks.items() if not ok}


def test_a_sound_build(built):
    checks = built.checks(UPLOADS[-1], months=MONTHS)
    assert {name: severity for name, (severity, _, _) in checks.items()} == CHECKS
    assert all(ok for _, ok, _ in checks.values())
    assert checks["unknown_users"][2].startswith("1 users ")
    assert checks["never_accepted"][2].startswith("1 memberships ")


def test_a_sound_rebuild(built):
    months = built.run("2024-02-01", *UPLOADS, rebuild=True)
    checks = built.checks("2024-02-01", *UPLOADS, months=months, rebuild=True)
    assert all(ok for _, ok, _ in checks.values())


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (
            "UPDATE built_activity SET active_companies = 2 WHERE starts_on = '2024-03-01' AND grain = 'month'",
            {"potential_companies_were_active": "1 months whose potential companies are not"},
        ),
        (
            "DELETE FROM activity WHERE month = '2024-01' AND company_id = 'beta'",
            {"potential_companies_were_active": "1 months whose potential companies are not"},
        ),
        (
            "UPDATE activity SET active_users = 3 WHERE starts_on = '2024-01-01' AND grain = 'month'",
            {"active_are_activated": "1 months with more active than activated"},
        ),
        (
            "INSERT INTO built_memberships FROM built_memberships WHERE user_id = 'ann'",
            {"memberships_key_is_unique": "1 pairs of user and company"},
        ),
        (
            "INSERT INTO built_user_days FROM built_user_days WHERE user_id = 'zed'",
            {"user_days_key_is_unique": "1 users, companies and days"},
        ),
        (
            "INSERT INTO built_activity FROM built_activity WHERE grain = 'company_month'",
            {"activity_key_is_unique": "1 months, days, or companies and months"},
        ),
        (
            "INSERT INTO built_activity FROM built_activity WHERE grain = 'day' AND starts_on <= '2024-03-05'",
            {"activity_key_is_unique": "5 months, days, or companies and months"},
        ),
        (
            "DELETE FROM built_user_days WHERE user_id = 'zed'",
            {"uploads_have_arrived": "1 users, companies and days"},
        ),
    ],
)
def test_damage_is_found(built, damage, found):
    built.sql(damage)
    details = broken(built)
    assert found.keys() <= details.keys()
    for name, beginning in found.items():
        assert details[name].startswith(beginning)


def test_a_repeated_month_is_found(built):
    built.sql("INSERT INTO built_activity VALUES ('month', '2024-03-01', NULL, 1, 1, '2024-03')")
    assert broken(built)["no_month_is_missing"] == "1 months that do not follow on the one before"


@pytest.mark.parametrize(
    ("logins", "severity", "ok"),
    [(200, "warn", False), (50, "warn", True), (51, "warn", False), (201, "error", False), (2, "warn", True),
     (1, "warn", False)],
)  # fmt: skip
def test_volume(built, logins, severity, ok):
    built.upload("2024-04-01", logins=[login("ann", "acme", "2024-04-01", second) for second in range(logins)])
    built.run("2024-04-01")
    found = built.checks("2024-04-01", months=["2024-04"])["upload_volume_is_usual"]
    assert (found[0], found[1]) == (severity, ok)


def test_in_a_rebuild_an_unusual_volume_stops_nothing(built):
    built.upload("2024-04-01", logins=[login("ann", "acme", "2024-04-01", second) for second in range(1000)])
    months = built.run("2024-04-01", rebuild=True)
    assert built.checks("2024-04-01", months=months, rebuild=True)["upload_volume_is_usual"][:2] == ["warn", False]
