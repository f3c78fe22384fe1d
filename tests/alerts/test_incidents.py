"""No storm: of many events of one fault one message is sent, later one that counts; none is lost to a kill."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from millrace.alerts import Alert, read
from millrace.incidents import Incidents

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Mail:
    def __init__(self):
        self.subjects = []
        self.broken = False

    def __call__(self, subject, text):
        if self.broken:
            raise RuntimeError("SNS cannot be reached")
        self.subjects.append(subject)


def alert(what="it broke", *, over=False):
    return Alert("Alarm" if over else "Task failed", "sales.load", what, START.isoformat(), "mend it", "link", over)


@pytest.fixture
def mail():
    return Mail()


@pytest.fixture
def incidents(client, mail, request):
    s3 = client("s3")
    bucket = f"incidents-{abs(hash(request.node.name))}"
    s3.create_bucket(Bucket=bucket)
    return Incidents(s3, bucket, mail)


def test_a_storm_is_one_message_and_then_one_that_counts(incidents, mail):
    assert incidents.tell(alert(), "e0", START)
    for n in range(1, 30):
        assert not incidents.tell(alert(), f"e{n}", START + n * MINUTE)
    assert incidents.tell(alert(), "later", START + 61 * MINUTE)
    assert mail.subjects == ["Task failed: sales.load", "Task failed: sales.load (again, 30 times)"]
    assert not incidents.tell(alert(), "soon", START + 62 * MINUTE)


def test_another_cause_is_another_message(incidents, mail):
    incidents.tell(alert("it broke"), "a", START)
    incidents.tell(alert("the disk is full"), "b", START)
    assert len(mail.subjects) == 2


def test_many_at_once_send_one_message(incidents, mail):
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda n: incidents.tell(alert(), f"e{n}", START), range(8)))
    assert sent.count(True) == 1
    assert mail.subjects == ["Task failed: sales.load"]
    assert incidents.sweep(START + 2 * MINUTE) == 0
    assert incidents.sweep(START + 61 * MINUTE) == 1
    assert mail.subjects[1:] == ["Task failed: sales.load (again, 7 times)"]
    assert incidents.sweep(START + 62 * MINUTE) == 0


def unsent(incidents, mail):
    """An incident of which a function was cut off before it sent the message, and that came again."""
    mail.broken = True
    with pytest.raises(RuntimeError):
        incidents.tell(alert(), "e1", START)
    mail.broken = False
    assert not incidents.tell(alert(), "e2", START + MINUTE), "the first event's function may still be sending"


def test_a_message_that_could_not_be_sent_is_sent_by_the_retry(incidents, mail):
    unsent(incidents, mail)
    assert incidents.tell(alert(), "e1", START + 2 * MINUTE)
    assert mail.subjects == ["Task failed: sales.load (again)"]


def test_a_message_that_could_not_be_sent_is_sent_by_the_sweep(incidents, mail):
    unsent(incidents, mail)
    assert incidents.sweep(START + 4 * MINUTE) == 0
    assert incidents.sweep(START + 6 * MINUTE) == 1
    assert mail.subjects == ["Task failed: sales.load (again)"]


def test_a_retry_of_an_event_is_not_counted_again(incidents, mail):
    mail.broken = True
    with pytest.raises(RuntimeError):
        incidents.tell(alert(), "e1", START)
    mail.broken = False
    assert incidents.tell(alert(), "e1", START + MINUTE)
    assert not incidents.tell(alert(), "e1", START + 2 * MINUTE)
    assert mail.subjects == ["Task failed: sales.load"]
    assert incidents.sweep(START + 90 * MINUTE) == 0


def test_after_a_quiet_day_a_fault_is_a_new_one(incidents, mail):
    incidents.tell(alert(), "a", START)
    incidents.tell(alert(), "b", START + timedelta(days=2))
    assert mail.subjects == ["Task failed: sales.load"] * 2
    assert incidents.sweep(START + timedelta(days=4)) == 0
    assert list(incidents._fingerprints()) == [], "what is long over is forgotten"


def test_the_end_of_a_fault_is_told_once_and_only_if_its_begin_was(incidents, mail):
    begun = Alert("Alarm", "late", "5 > 3", START.isoformat(), "look", "link")
    ended = Alert("Alarm", "late", "1 < 3", START.isoformat(), "Nothing.", "link", over=True)
    assert not incidents.tell(ended, "e0", START)
    assert incidents.tell(begun, "e1", START)
    assert incidents.tell(ended, "e2", START + MINUTE)
    assert not incidents.tell(ended, "e3", START + MINUTE)
    assert incidents.tell(begun, "e4", START + 61 * MINUTE), "a new begin is told at once"
    assert mail.subjects == ["Alarm: late", "Over: Alarm: late", "Alarm: late"]


def test_an_alarm_that_comes_and_goes_is_no_storm(incidents, mail):
    for n in range(20):  # for an hour, every three minutes
        begun = Alert("Alarm", "late", f"{n} > 3", START.isoformat(), "look", "link")
        ended = Alert("Alarm", "late", f"{n} < 3", START.isoformat(), "Nothing.", "link", over=True)
        incidents.tell(begun, f"b{n}", START + 3 * n * MINUTE)
        incidents.tell(ended, f"e{n}", START + (3 * n + 1) * MINUTE)
    assert mail.subjects == ["Alarm: late", "Over: Alarm: late"]
    assert incidents.sweep(START + 61 * MINUTE) == 1
    assert mail.subjects[2:] == ["Over: Alarm: late (again, 19 times)"]
    assert incidents.sweep(START + 121 * MINUTE) == 0
    assert incidents.tell(begun, "next", START + 180 * MINUTE)
    assert mail.subjects[3:] == ["Alarm: late"]
    assert incidents.sweep(START + timedelta(days=2)) == 0
    assert list(incidents._fingerprints()) == []


def test_a_dag_that_fails_every_five_minutes_is_a_message_an_hour(incidents, mail):
    """As transactions_live would, its runs, tries, times and objects different each time."""
    for n in range(36):
        at = START + 5 * n * MINUTE
        detail = {
            "dag": "transactions_live",
            "task": "gate",
            "run": f"scheduled__{at.isoformat()}",
            "try": 1,
            "since": at.isoformat(),
            "error": f"data checks failed, nothing was refreshed: nothing_is_counted_twice: {n} rows too many",
            "link": f"http://airflow/runs/{n}",
        }
        told = {"source": "millrace", "detail-type": "Task Failed", "region": "eu-west-1", "detail": detail}
        incidents.tell(read(told), f"e{n}", at)
    begin, subject = ["Data check failed: transactions_live.gate"], "Data check failed: transactions_live.gate"
    assert mail.subjects == [*begin, f"{subject} (again, 12 times)", f"{subject} (again, 12 times)"]
