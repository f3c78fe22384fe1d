"""Random histories: the SQL, in one build and in many runs in any order, against the definition in plain Python."""

import datetime as dt
from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

START = dt.datetime(2023, 11, 30, 22)
# Few users, companies and moments, so that they meet: whole hours at the ends of months, and a second to each side.
USERS = st.sampled_from(["ann", "bob", "cat", "dan"])
COMPANIES = st.sampled_from(["acme", "beta", "core"])
TIMES = st.builds(
    lambda month, hour, second: (
        dt.datetime(2023 + (10 + month) // 12, (10 + month) % 12 + 1, 1) + dt.timedelta(hours=hour, seconds=second)
    ),
    st.integers(1, 7),
    st.sampled_from([-49, -25, -24, -1, 0, 1, 24, 300]),
    st.sampled_from([-1, 0, 1]),
)
UPLOADS = st.sampled_from(["2024-06-01", "2024-06-02", "2024-06-03"])

ACCEPTANCES = st.lists(st.tuples(UPLOADS, USERS, COMPANIES, st.none() | TIMES), max_size=10)
LOGINS = st.lists(st.tuples(UPLOADS, USERS | st.just("zed"), st.none() | COMPANIES, TIMES), max_size=25)
RUNS = st.lists(st.tuples(st.sets(UPLOADS, min_size=1), st.none() | st.integers(0, 3)), max_size=3)


def months_between(first: dt.date, last: dt.date) -> list[dt.date]:
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [dt.date(number // 12, number % 12 + 1, 1) for number in numbers]


def defined(acceptances, logins) -> tuple[list[tuple], list[tuple]]:
    """The monthly and the daily numbers, login by login, straight from what they mean."""
    accepted: dict[tuple, dt.datetime] = {}
    for _, user, company, time in acceptances:
        if time is not None:
            accepted[user, company] = min(time, accepted.get((user, company), time))

    by_month, by_day = defaultdict(set), defaultdict(set)  # period → (user, company) with a login that counts
    for _, user, named, time in logins:
        for (member, company), since in accepted.items():
            if member == user and named in (None, company) and since <= time:
                by_month[time.date().replace(day=1)].add((user, company))
                by_day[time.date()].add((user, company))

    monthly = []
    known = [time.date() for time in accepted.values()] + list(by_month)
    for month in months_between(min(known), max(known)) if known else []:
        activated = [pair for pair, time in accepted.items() if time.date().replace(day=1) <= month]
        active_users = {user for user, _ in by_month[month]}
        active = {company for _, company in by_month[month]}
        active_before = {company for earlier in list(by_month) if earlier < month for _, company in by_month[earlier]}
        monthly.append((
            month, len({user for user, _ in activated}), len(active_users),
            len({company for _, company in activated}), len(active), len(active_before - active),
        ))  # fmt: skip
        assert len(active) + len(active_before - active) == len(active | active_before)

    daily = []
    if by_day:
        for n in range((max(by_day) - min(by_day)).days + 1):
            on = min(by_day) + dt.timedelta(days=n)
            pairs = by_day.get(on, set())
            daily.append((on, len({user for user, _ in pairs}), len({company for _, company in pairs})))
    return monthly, daily


def numbers(lake) -> tuple[list[tuple], list[tuple]]:
    return tuple([(dt.date(*day.timetuple()[:3]), *row) for day, *row in lake.query(q)] for q in ("monthly", "daily"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACCEPTANCES, LOGINS, RUNS)
def test_builds_and_runs_agree_with_the_definition(new_lake, acceptances, logins, runs):
    uploads = sorted({date for date, *_ in [*acceptances, *logins]})
    rebuilt, incremental = new_lake(), new_lake()
    for date in uploads:
        for lake in (rebuilt, incremental):
            lake.upload(date, [row[1:] for row in acceptances if row[0] == date],
                        [row[1:] for row in logins if row[0] == date])  # fmt: skip
    expected = defined(acceptances, logins)

    rebuilt.run(*uploads, rebuild=True)
    assert numbers(rebuilt) == expected

    # The runs that were drawn, some of which take uploads again or die while they publish, then a run for each upload
    # that none took to its end.
    missing = [({date}, None) for date in uploads if not any(date in run and died is None for run, died in runs)]
    for run, died in [*runs, *missing]:
        months = incremental.run(*sorted(run), publish=died)
        checked = sorted(run), months
    if uploads:
        checks = incremental.checks(*checked[0], months=checked[1])
        assert [name for name, (severity, ok, _) in checks.items() if severity == "error" and not ok] == []
    assert numbers(incremental) == expected
    assert incremental.tables() == rebuilt.tables()
