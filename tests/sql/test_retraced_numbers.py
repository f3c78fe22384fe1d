"""The numbers of a small history that has every edge, row by row."""

import datetime as dt
import itertools

import pytest


def at(text: str) -> dt.datetime:
    """A time as the tables hold it: UTC, without a zone. Without an offset the text is UTC."""
    time = dt.datetime.fromisoformat(text)
    return time.astimezone(dt.UTC).replace(tzinfo=None) if time.tzinfo else time


# user, company, accepted
COMPANIES = [
    ("ann", "acme", at("2024-01-10 09:00:00")),
    ("ann", "acme", at("2024-02-20 10:00:00")),  # accepted again: the first time counts
    ("ann", "beta", at("2024-03-05 12:00:00")),
    ("bob", "acme", None),  # not yet, and then in the last second of January
    ("bob", "acme", at("2024-01-31 23:59:59")),
    ("cat", "beta", None),  # never
    ("dan", "core", at("2024-02-01 00:00:00")),
    ("eve", "dune", at("2024-04-20 08:00:00")),  # in a month without a login
    ("fay", "acme", at("2024-06-30T23:30:00+02:00")),
    ("gus", "echo", at("2024-08-02 08:00:00")),  # after the last login
]

# user, company named, time
LOGINS = [
    ("ann", None, at("2024-01-10 08:59:59")),  # a second before she accepted: does not count
    ("ann", None, at("2024-01-10 09:00:00")),  # the same second: counts for acme
    ("ann", "beta", at("2024-01-20 10:00:00")),  # names a company whose terms she accepts in March: does not count
    ("bob", "acme", at("2024-02-01T00:30:00+01:00")),  # 31 January 23:30 UTC, before he accepted
    ("bob", "acme", at("2024-01-31 23:59:59")),  # counts in January
    ("dan", None, at("2024-01-31T23:00:00-01:00")),  # 1 February 00:00 UTC, the second of acceptance: February
    ("dan", "core", at("2024-02-29 23:59:59")),
    ("cat", "beta", at("2024-02-10 10:00:00")),  # never accepted
    ("zed", "acme", at("2024-02-11 10:00:00")),  # nobody knows zed
    ("zed", None, at("2024-02-11 11:00:00")),
    ("ann", None, at("2024-03-05 12:00:00")),  # counts for acme and, from this second on, for beta
    ("ann", "core", at("2024-03-06 10:00:00")),  # not her company
    ("cat", None, at("2024-05-05 10:00:00")),  # the only login of May does not count
    ("dan", "core", at("2024-06-15 10:00:00")),  # core is back
    ("dan", "core", at("2024-06-15 11:00:00")),
    ("fay", "acme", at("2024-07-01T00:15:00+02:00")),  # 30 June 22:15 UTC, after 21:30 UTC
]

# month, activated and active users, activated and active companies, potential companies
MONTHLY = [
    ("2024-01-01", 2, 2, 1, 1, 0),
    ("2024-02-01", 3, 1, 2, 1, 1),
    ("2024-03-01", 3, 1, 3, 2, 1),
    ("2024-04-01", 4, 0, 4, 0, 3),
    ("2024-05-01", 4, 0, 4, 0, 3),
    ("2024-06-01", 5, 2, 4, 2, 1),
    ("2024-07-01", 5, 0, 4, 0, 3),
    ("2024-08-01", 6, 0, 5, 0, 3),
]

# day, active users and companies; every other day from the first to the last has none
ACTIVE_DAYS = {
    "2024-01-10": (1, 1),
    "2024-01-31": (1, 1),
    "2024-02-01": (1, 1),
    "2024-02-29": (1, 1),
    "2024-03-05": (1, 2),
    "2024-06-15": (1, 1),
    "2024-06-30": (1, 1),
}

EVERYTHING = "2024-08-31"


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def monthly(lake) -> list[tuple]:
    return [(month.isoformat()[:10], *numbers) for month, *numbers in lake.query("monthly")]


def upload_everything(lake) -> None:
    lake.upload(EVERYTHING, COMPANIES, LOGINS)


def upload_by_day(lake) -> list[str]:
    """Each row in the upload of its own day; what is not accepted comes on 1 January. The dates, in order."""
    dates = set()
    for user, company, accepted in COMPANIES:
        date = (accepted or at("2024-01-01")).date().isoformat()
        lake.upload(date, companies=[(user, company, accepted)])
        dates.add(date)
    for user, company, time in LOGINS:
        lake.upload(time.date().isoformat(), logins=[(user, company, time)])
        dates.add(time.date().isoformat())
    return sorted(dates)


def test_monthly_after_one_upload(lake):
    upload_everything(lake)
    lake.run(EVERYTHING)
    assert monthly(lake) == MONTHLY


def test_monthly_after_a_rebuild(lake):
    upload_everything(lake)
    assert lake.run(EVERYTHING, rebuild=True) == ["2024-01", "2024-02", "2024-03", "2024-05", "2024-06"]
    assert monthly(lake) == MONTHLY


@pytest.mark.parametrize("step", [1, -1], ids=["in order", "last day first"])
def test_monthly_after_a_run_for_each_day(lake, step):
    for date in upload_by_day(lake)[::step]:
        lake.run(date)
    assert monthly(lake) == MONTHLY


def test_daily(lake):
    upload_everything(lake)
    lake.run(EVERYTHING)
    rows = [(on.isoformat()[:10], *numbers) for on, *numbers in lake.query("daily")]
    days = [(day("2024-01-10") + dt.timedelta(days=n)).isoformat() for n in range(173)]
    assert days[-1] == "2024-06-30"
    assert rows == [(on, *ACTIVE_DAYS.get(on, (0, 0))) for on in days]


def test_derived_tables(lake):
    upload_everything(lake)
    lake.run(EVERYTHING)
    tables = lake.tables()
    assert tables["memberships"] == [
        ("ann", "acme", at("2024-01-10 09:00:00")),
        ("ann", "beta", at("2024-03-05 12:00:00")),
        ("bob", "acme", at("2024-01-31 23:59:59")),
        ("cat", "beta", None),
        ("dan", "core", at("2024-02-01 00:00:00")),
        ("eve", "dune", at("2024-04-20 08:00:00")),
        ("fay", "acme", at("2024-06-30 21:30:00")),
        ("gus", "echo", at("2024-08-02 08:00:00")),
    ]
    assert [row for row in tables["activity"] if row[0] != "day"] == [
        ("company_month", day("2024-01-01"), "acme", 2, 1, "2024-01"),
        ("company_month", day("2024-02-01"), "core", 1, 1, "2024-02"),
        ("company_month", day("2024-03-01"), "acme", 1, 1, "2024-03"),
        ("company_month", day("2024-03-01"), "beta", 1, 1, "2024-03"),
        ("company_month", day("2024-06-01"), "acme", 1, 1, "2024-06"),
        ("company_month", day("2024-06-01"), "core", 1, 1, "2024-06"),
        ("month", day("2024-01-01"), None, 2, 1, "2024-01"),
        ("month", day("2024-02-01"), None, 1, 1, "2024-02"),
        ("month", day("2024-03-01"), None, 1, 2, "2024-03"),
        ("month", day("2024-06-01"), None, 2, 2, "2024-06"),
    ]
    # Two logins of dan on 15 June are one row, with the later time; zed's are kept although nobody knows zed.
    assert ("dan", "core", day("2024-06-15"), at("2024-06-15 11:00:00"), "2024-06") in tables["user_days"]
    assert ("zed", None, day("2024-02-11"), at("2024-02-11 11:00:00"), "2024-02") in tables["user_days"]
    assert len(tables["user_days"]) == len({(user, company, time.date()) for user, company, time in LOGINS}) == 13


def test_nothing_uploaded_gives_no_rows(lake):
    assert lake.query("monthly") == lake.query("daily") == []


def test_acceptances_without_any_login(lake):
    lake.upload("2024-03-01", companies=[("ann", "acme", at("2024-01-31")), ("ann", "beta", at("2024-03-01"))])
    assert lake.run("2024-03-01") == []
    assert monthly(lake) == [
        ("2024-01-01", 1, 0, 1, 0, 0),
        ("2024-02-01", 1, 0, 1, 0, 0),
        ("2024-03-01", 1, 0, 2, 0, 0),
    ]
    assert lake.query("daily") == []


def test_logins_that_count_for_none(lake):
    lake.upload("2024-03-01", logins=[("zed", None, at("2024-03-01 10:00:00"))])
    assert lake.run("2024-03-01") == ["2024-03"]
    assert monthly(lake) == []
    assert len(lake.tables()["user_days"]) == 1


def test_days_over_more_than_27_years(lake):
    accepted, last = at("1990-01-01 00:00:00"), at("2024-02-29 12:00:00")
    lake.upload("2024-02-29", [("ann", "acme", accepted)], [("ann", None, accepted), ("ann", None, last)])
    lake.run("2024-02-29")
    days = [row[0] for row in lake.query("daily")]
    assert len(days) == (last.date() - accepted.date()).days + 1 > 10_000
    assert len(set(days)) == len(days)


class TestTouchedMonths:
    """Which months a run builds again."""

    @pytest.fixture(autouse=True)
    def history(self, lake):
        logins = [(user, None, at(f"2024-{month:02d}-15")) for user in ("ann", "bob") for month in range(1, 7)]
        lake.upload("2024-06-15", [("ann", "acme", at("2024-04-10")), ("bob", "acme", None)], logins)
        lake.run("2024-06-15")

    def touched(self, lake, date: str, companies=(), logins=()) -> list[str]:
        lake.upload(date, companies, logins)
        return [month for (month,) in lake.query("touched_months", upload_dates=[date], rebuild=False)]

    def test_months_of_new_and_of_late_logins(self, lake):
        logins = [("ann", "acme", at("2024-07-01")), ("zed", None, at("2024-02-29 23:59:59"))]
        assert self.touched(lake, "2024-07-01", logins=logins) == ["2024-02", "2024-07"]

    def test_a_new_acceptance_touches_all_months_from_it(self, lake):
        assert self.touched(lake, "2024-07-01", [("bob", "acme", at("2024-04-30 23:59:59"))]) == [
            "2024-04",
            "2024-05",
            "2024-06",
        ]

    def test_an_acceptance_by_a_user_or_for_a_company_not_heard_of(self, lake):
        assert self.touched(lake, "2024-07-01", [("cat", "acme", at("2024-06-01"))]) == ["2024-06"]
        assert self.touched(lake, "2024-07-02", [("ann", "core", at("2024-05-31"))]) == ["2024-05", "2024-06"]

    def test_an_earlier_acceptance_touches_the_months_between(self, lake):
        assert self.touched(lake, "2024-07-01", [("ann", "acme", at("2024-02-01"))]) == [
            "2024-02",
            "2024-03",
            "2024-04",
        ]

    def test_a_later_or_the_same_acceptance_or_none_touches_nothing(self, lake):
        assert self.touched(lake, "2024-07-01", [("ann", "acme", at("2024-04-11"))]) == []
        assert self.touched(lake, "2024-07-02", [("ann", "acme", at("2024-04-10"))]) == []
        assert self.touched(lake, "2024-07-03", [("ann", "acme", None), ("cat", "core", None)]) == []

    def test_an_acceptance_after_the_last_login_touches_nothing(self, lake):
        assert self.touched(lake, "2024-09-01", [("bob", "acme", at("2024-09-01"))]) == []

    def test_months_in_the_same_upload_as_their_first_logins(self, lake):
        touched = self.touched(
            lake, "2024-09-01", [("bob", "acme", at("2024-06-30"))], [("bob", None, at("2024-08-31 10:00:00"))]
        )
        assert touched == ["2024-06", "2024-07", "2024-08"]

    def test_a_rebuild_leaves_out_months_that_are_in_no_upload_any_more(self, lake):
        lake.sql("DELETE FROM user_login_locations WHERE month(login_at) = 5")
        left = [f"2024-{month:02d}" for month in (1, 2, 3, 4, 6)]
        assert lake.run("2024-06-15", rebuild=True) == left
        assert {row[4] for row in lake.tables()["user_days"]} == set(left)
        assert {row[5] for row in lake.tables()["activity"]} == {"2024-04", "2024-06"}


class TestRunsThatAreDoneAgain:
    """A run that ended half-way, and is done again, ends in the same tables."""

    FIRST, SECOND = "2024-01-31", "2024-03-01"

    def history(self, lake) -> None:
        lake.upload(self.FIRST, [("bob", "acme", None)], [("bob", None, at("2024-01-20"))])
        lake.run(self.FIRST)
        lake.upload(self.SECOND, [("bob", "acme", at("2024-01-10"))], [("bob", "acme", at("2024-03-01"))])

    @pytest.mark.parametrize("published", range(4))
    def test_after_any_number_of_published_tables(self, lake, new_lake, published):
        whole = new_lake()
        self.history(whole)
        whole.run(self.SECOND)

        self.history(lake)
        lake.run(self.SECOND, publish=published)
        lake.run(self.SECOND)
        assert lake.tables() == whole.tables()
        assert lake.sql("SELECT DISTINCT part FROM user_days ORDER BY part") == [(0,), (1,)]
        assert monthly(lake) == [
            ("2024-01-01", 1, 1, 1, 1, 0),
            ("2024-02-01", 1, 0, 1, 0, 1),
            ("2024-03-01", 1, 1, 1, 1, 0),
        ]

    def test_what_an_upload_said_before_it_was_mended_is_gone(self, lake, new_lake):
        """The run died when user_days was published; then the upload is put right, and the next day's comes too."""
        self.history(lake)
        lake.upload(self.SECOND, logins=[("bob", "acme", at("2024-03-02")), ("eve", None, at("2024-03-02"))])
        lake.run(self.SECOND, publish=1)
        lake.sql("DELETE FROM user_login_locations WHERE login_at = '2024-03-02'")
        whole = new_lake()
        self.history(whole)
        for each in (lake, whole):
            each.upload("2024-03-03", logins=[("bob", None, at("2024-03-03"))])
            each.run(self.SECOND, "2024-03-03")
        assert lake.tables() == whole.tables()

    def test_the_same_uploads_again(self, lake):
        dates = upload_by_day(lake)
        lake.run(*dates)
        before = lake.tables()
        for date, other in itertools.pairwise(dates):
            lake.run(other, date)
        assert lake.tables() == before

    def test_a_rebuild_makes_one_part_of_all(self, lake):
        for date in upload_by_day(lake):
            lake.run(date)
        before = lake.tables()
        assert len(lake.sql("SELECT DISTINCT part FROM user_days")) > 1
        lake.run(rebuild=True)
        assert lake.sql("SELECT DISTINCT part FROM user_days") == [(0,)]
        assert lake.tables() == before


def test_months_built_in_chunks_are_the_months_built_at_once(lake, new_lake):
    whole = new_lake()
    for each in (lake, whole):
        upload_everything(each)
    whole.run(EVERYTHING)
    params = lake.params(EVERYTHING)
    for table in ("user_days", "activity"):
        for month in params["all_months"]:
            lake.build(table, months=[month], **params)
    lake.build("memberships", months=params["all_months"], **params)
    for table in ("user_days", "activity", "memberships"):
        lake.publish(table, **params)
    assert lake.tables() == whole.tables()
