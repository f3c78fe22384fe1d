"""Each data check is quiet on a sound build and finds the damage that it is there for."""

import datetime as dt

import pytest

UPLOADS = [f"2024-03-{day:02d}" for day in range(1, 32)]
MONTHS = ["2024-03"]
CHECKS = {
    "active_are_activated": "error",
    "active_periods_key_is_unique": "error",
    "companies_add_up": "error",
    "company_months_key_is_unique": "error",
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
    """Two companies active in January, one of them again in March, when there is an upload of ten logins each day."""
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
    lake.run("2024-02-01", *UPLOADS)
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
            "UPDATE active_periods SET active_companies = 2 WHERE starts_on = '2024-03-01' AND grain = 'month'",
            {"potential_companies_were_active": "1 months whose potential companies are not"},
        ),
        (
            "DELETE FROM company_months WHERE month = '2024-01' AND company_id = 'beta'",
            {"potential_companies_were_active": "1 months whose potential companies are not"},
        ),
        (
            "UPDATE active_periods SET active_users = 3 WHERE starts_on = '2024-01-01'",
            {"active_are_activated": "1 months with more active than activated"},
        ),
        (
            "INSERT INTO memberships FROM memberships WHERE user_id = 'ann'",
            {"memberships_key_is_unique": "1 pairs of user and company"},
        ),
        (
            "INSERT INTO user_days FROM user_days WHERE user_id = 'zed' AND day <= '2024-03-02'",
            {"user_days_key_is_unique": "2 users, companies and days"},
        ),
        (
            "INSERT INTO company_months FROM company_months WHERE month = '2024-03'",
            {"company_months_key_is_unique": "1 companies and months"},
        ),
        (
            "INSERT INTO active_periods FROM active_periods WHERE starts_on = '2024-03-05'",
            {"active_periods_key_is_unique": "1 months and days"},
        ),
        (
            "DELETE FROM user_days WHERE user_id = 'zed' AND day = '2024-03-31'",
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
    built.sql("INSERT INTO active_periods VALUES ('month', '2024-03-01', 1, 1, '2024-03')")
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
