"""Events as functions take them, and when a crawl or a job that is running is good enough for what arrived."""

import datetime as dt

import pytest

from millrace.convert.job import RawFile, files_in
from millrace.events import MaySeeTooLittle, as_notification, start_crawler, start_job


class Glue:
    """A crawler and a job that are running since so many seconds, or ready."""

    class exceptions:
        class CrawlerRunningException(Exception):
            pass

        class ConcurrentRunsExceededException(Exception):
            pass

    def __init__(self, state, seconds=0.0):
        self.state, self.seconds, self.started = state, seconds, 0

    def start_crawler(self, Name):
        if self.state != "READY":
            raise self.exceptions.CrawlerRunningException
        self.started += 1

    def get_crawler(self, Name):
        return {"Crawler": {"State": self.state, "CrawlElapsedTime": int(self.seconds * 1000)}}

    def start_job_run(self, JobName, Arguments):
        if self.state != "READY":
            raise self.exceptions.ConcurrentRunsExceededException
        return {"JobRunId": "new"}

    def get_job_runs(self, JobName, MaxResults):
        return {"JobRuns": [{"Id": "other", "StartedOn": dt.datetime.now(dt.UTC) - dt.timedelta(seconds=self.seconds)}]}


def ago(seconds):
    return (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_eventbridge_tells_of_an_object_what_s3_tells():
    event = {"source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": {"key": "p/t/a b+ü.csv"}}}
    assert files_in(as_notification(event)) == [RawFile("b", "p/t/a b+ü.csv")]
    own = {"bucket": "b", "files": []}
    assert as_notification(own) is own


def test_a_ready_crawler_is_started():
    glue = Glue("READY")
    assert start_crawler(glue, "c", ago(0)) is True
    assert glue.started == 1


def test_a_crawl_that_began_after_the_arrival_sees_it():
    assert start_crawler(Glue("RUNNING", 2), "c", ago(10)) is False


@pytest.mark.parametrize(("state", "seconds", "arrived"), [("RUNNING", 10, 2), ("RUNNING", 2, 2), ("STOPPING", 0, 60)])
def test_one_that_may_have_passed_it_is_not_enough(state, seconds, arrived):
    with pytest.raises(MaySeeTooLittle, match="to be repeated"):
        start_crawler(Glue(state, seconds), "c", ago(arrived))


def test_a_job_that_is_ready_or_began_after_the_arrival_sees_it():
    assert start_job(Glue("READY"), "j", {}, ago(0)) == "new"
    assert start_job(Glue("RUNNING", 2), "j", {}, ago(10)) == "other"


@pytest.mark.parametrize(("seconds", "arrived"), [(10, 2), (2, 2)])
def test_a_job_that_may_have_looked_before_is_not_enough(seconds, arrived):
    with pytest.raises(MaySeeTooLittle, match="to be repeated"):
        start_job(Glue("RUNNING", seconds), "j", {}, ago(arrived))
