"""Jobs for tests: a script in S3, a job of its own, runs to their end."""

import itertools
import textwrap
import time

ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")
_numbers = itertools.count()


class Job:
    """A job whose script is text; its bucket is ``bucket``."""

    def __init__(self, aws, client, script, **settings):
        self.glue, self.logs, self.store = client("glue"), client("logs"), aws.store
        self.name = f"job-{next(_numbers)}"
        self.bucket = f"glue-{self.name}"
        self.store.create_bucket(self.bucket)
        self.put("scripts/job.py", textwrap.dedent(script))
        kind = settings.pop("kind", "glueetl")
        command = {"Name": kind, "ScriptLocation": f"s3://{self.bucket}/scripts/job.py"}
        self.glue.create_job(Name=self.name, Role="role", Command=command, **settings)

    def put(self, key, body):
        self.store.put(self.bucket, key, body.encode() if isinstance(body, str) else body)

    def keys(self, prefix=""):
        return [info.key for info in self.store.list(self.bucket, prefix)]

    def start(self, **settings):
        return self.glue.start_job_run(JobName=self.name, **settings)["JobRunId"]

    def get(self, run):
        return self.glue.get_job_run(JobName=self.name, RunId=run)["JobRun"]

    def wait(self, run, *states, seconds=300):
        end = time.monotonic() + seconds
        while (found := self.get(run))["JobRunState"] not in (states or ENDED):
            assert time.monotonic() < end and (not states or found["JobRunState"] not in ENDED), found
            time.sleep(0.02)
        return found

    def run(self, arguments=None, **settings):
        """Run to the end; the JobRun."""
        return self.wait(self.start(Arguments=arguments or {}, **settings))

    def output(self, run, stream="output"):
        """The lines that a run wrote."""
        group = f"{run['LogGroupName']}/{stream}"
        events = self.logs.get_log_events(logGroupName=group, logStreamName=run["Id"], startFromHead=True)
        return [event["message"] for event in events["events"]]

    def succeed(self, arguments=None, **settings):
        """Run; what the script printed."""
        run = self.run(arguments, **settings)
        assert run["JobRunState"] == "SUCCEEDED", (run.get("ErrorMessage"), self.output(run, "error"))
        return self.output(run)
