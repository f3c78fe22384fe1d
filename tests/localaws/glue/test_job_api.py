"""The jobs' API: definitions, checks, states, errors; the scripts are plain Python, so that no Spark is started."""

import datetime
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

HELLO = "print('hello')"


def code(error):
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_life_of_a_job(job, glue):
    made = job(HELLO, kind="pythonshell", Description="says hello", Tags={"team": "a"}, DefaultArguments={"--a": "1"})
    found = glue.get_job(JobName=made.name)["Job"]
    created = found.pop("CreatedOn")
    assert abs(datetime.datetime.now(datetime.UTC) - created) < datetime.timedelta(seconds=10)
    assert found.pop("LastModifiedOn") == created
    assert found == {
        "Name": made.name,
        "Description": "says hello",
        "Role": "role",
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "Command": {
            "Name": "pythonshell",
            "ScriptLocation": f"s3://{made.bucket}/scripts/job.py",
            "PythonVersion": "3.9",
        },
        "DefaultArguments": {"--a": "1"},
        "MaxRetries": 0,
        "AllocatedCapacity": 0,
        "Timeout": 2880,
        "MaxCapacity": 0.0625,
        "GlueVersion": "5.0",
    }
    with pytest.raises(ClientError) as error:
        glue.create_job(Name=made.name, Role="role", Command=found["Command"])
    assert code(error) == ("AlreadyExistsException", f"Job {made.name} already exists.")
    assert made.name in glue.list_jobs(Tags={"team": "a"})["JobNames"]
    assert made.name not in glue.list_jobs(Tags={"team": "b"})["JobNames"]
    assert made.name in [one["Name"] for one in glue.get_jobs()["Jobs"]]
    batch = glue.batch_get_jobs(JobNames=[made.name, "none"])
    assert ([one["Name"] for one in batch["Jobs"]], batch["JobsNotFound"]) == ([made.name], ["none"])

    run = made.run({"--b": "2"})
    assert run["JobRunState"] == "SUCCEEDED"
    assert (run["Arguments"], run["Attempt"], run["LogGroupName"]) == ({"--b": "2"}, 0, "/aws-glue/python-jobs")
    assert made.output(run) == ["hello"]
    assert [one["Id"] for one in glue.get_job_runs(JobName=made.name)["JobRuns"]] == [run["Id"]]

    # An update replaces the definition, whole.
    glue.update_job(JobName=made.name, JobUpdate={"Role": "other", "Command": found["Command"], "Timeout": 7})
    changed = glue.get_job(JobName=made.name)["Job"]
    assert (changed["Role"], changed["Timeout"]) == ("other", 7)
    assert "Description" not in changed and "DefaultArguments" not in changed
    assert changed["CreatedOn"] == created

    glue.delete_job(JobName=made.name)
    glue.delete_job(JobName=made.name)
    for call in (lambda: glue.get_job(JobName=made.name), lambda: glue.get_job_runs(JobName=made.name)):
        with pytest.raises(ClientError) as error:
            call()
        assert code(error) == ("EntityNotFoundException", f"Job {made.name} not found.")
    with pytest.raises(ClientError) as error:
        glue.start_job_run(JobName=made.name)
    assert code(error) == ("EntityNotFoundException", "Failed to start job run due to missing metadata")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"MaxCapacity": 2.0, "WorkerType": "G.1X", "NumberOfWorkers": 2},
            "do not set Max Capacity if using Worker",
        ),
        ({"WorkerType": "G.1X"}, "Please set both Worker Type and Number of Workers"),
        ({"WorkerType": "G.3X", "NumberOfWorkers": 2}, "Worker Type G.3X is not known"),
        ({"Timeout": 10081}, "Timeout is 10081; it may be from 1 to 10080 minutes"),
        ({"MaxRetries": 11}, "MaxRetries is 11; it may be from 0 to 10"),
        ({"GlueVersion": "2.0"}, "GlueVersion 2.0 is refused"),
        ({"JobRunQueuingEnabled": True}, "JobRunQueuingEnabled is refused"),
        ({"NotificationProperty": {"NotifyDelayAfter": 5}}, "NotifyDelayAfter is refused"),
        ({"DefaultArguments": {"--datalake-formats": "iceberg"}}, "--datalake-formats is refused"),
        ({"DefaultArguments": {"--job-language": "scala"}}, "only Python is run"),
        ({"Command": {"Name": "gluestreaming", "ScriptLocation": "s3://b/k"}}, "gluestreaming are refused"),
        ({"Command": {"Name": "glueetl", "ScriptLocation": "job.py"}}, "not of the form s3://"),
    ],
)
def test_what_a_definition_may_not_be(glue, given, said):
    settings = {"Command": {"Name": "glueetl", "ScriptLocation": "s3://b/k.py"}, **given}
    with pytest.raises(ClientError) as error:
        glue.create_job(Name="never", Role="role", **settings)
    assert said in error.value.response["Error"]["Message"]


def test_capacity_of_workers(job, glue):
    made = job(HELLO, WorkerType="G.2X", NumberOfWorkers=3)
    found = glue.get_job(JobName=made.name)["Job"]
    sizes = ("WorkerType", "NumberOfWorkers", "MaxCapacity", "AllocatedCapacity", "Timeout")
    assert [found[key] for key in sizes] == ["G.2X", 3, 6.0, 6, 480]


def test_concurrent_runs_are_limited_and_can_be_stopped(job, glue):
    made = job("import time; print('on', flush=True); time.sleep(60)", kind="pythonshell")
    run = made.start()
    with pytest.raises(ClientError) as error:
        made.start()
    assert code(error) == ("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {made.name}")
    made.wait(run, "RUNNING")
    stopped = glue.batch_stop_job_run(JobName=made.name, JobRunIds=[run, "jr_none"])
    assert stopped["SuccessfulSubmissions"] == [{"JobName": made.name, "JobRunId": run}]
    assert [one["ErrorDetail"]["ErrorCode"] for one in stopped["Errors"]] == ["EntityNotFoundException"]
    ended = made.wait(run, seconds=20)
    assert ended["JobRunState"] == "STOPPED"
    assert "ErrorMessage" not in ended
    again = glue.batch_stop_job_run(JobName=made.name, JobRunIds=[run])
    assert [one["ErrorDetail"]["ErrorCode"] for one in again["Errors"]] == ["JobRunInTerminalStateException"]


def test_arguments_are_merged_and_some_may_not_be_changed(job, glue):
    made = job(
        "import json, sys; print(json.dumps(sys.argv[1:]))",
        kind="pythonshell",
        DefaultArguments={"--a": "default", "--b": "default"},
        NonOverridableArguments={"--c": "fixed"},
    )
    run = made.run({"--b": "of the run", "--d": ""})
    (line,) = made.output(run)
    given = json.loads(line)
    found = dict(zip(given[::2], given[1::2], strict=True))
    assert found.pop("--JOB_ID").startswith("j_")
    assert found == {
        "--JOB_NAME": made.name,
        "--JOB_RUN_ID": run["Id"],
        "--job-bookmark-option": "job-bookmark-disable",
        "--a": "default",
        "--b": "of the run",
        "--c": "fixed",
        "--d": "",
    }
    with pytest.raises(ClientError) as error:
        made.start(Arguments={"--c": "mine"})
    assert code(error) == ("InvalidInputException", f"The job {made.name} does not let a run set --c.")


def test_a_failed_run_is_retried_under_ids_of_its_own(job, glue):
    script = """
        import boto3, sys
        bucket = sys.argv[sys.argv.index("--bucket") + 1]
        s3 = boto3.client("s3")
        tries = s3.list_objects_v2(Bucket=bucket, Prefix="tries/")["KeyCount"]
        s3.put_object(Bucket=bucket, Key=f"tries/{tries}")
        if tries < 2:
            raise ValueError(f"try {tries}")
    """
    made = job(script, kind="pythonshell", MaxRetries=3)
    first = made.start(Arguments={"--bucket": made.bucket})
    last = made.wait(first)
    assert last["ErrorMessage"] == "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 8; ValueError: try 0"
    for attempt in (1, 2):
        last = made.wait(f"{first}_attempt_{attempt}")
    assert last["JobRunState"] == "SUCCEEDED"
    assert (last["Attempt"], last["PreviousRunId"], last["Arguments"]) == (2, first, {"--bucket": made.bucket})
    assert len(glue.get_job_runs(JobName=made.name)["JobRuns"]) == 3


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "\nimport nothing_of_that_name",
            "IMPORT_ERROR; Failed Line Number: 2; ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("x = (\n", "SYNTAX_ERROR; Failed Line Number: 1; SyntaxError: '(' was never closed (job.py, line 1)"),
        ("import sys; sys.exit(3)", "UNCLASSIFIED_ERROR; Failed Line Number: 1; SystemExit: 3"),
        ("import os; os._exit(3)", "UNCLASSIFIED_ERROR; The script's process ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 11)", "UNCLASSIFIED_ERROR; The script's process was ended by signal 11"),
    ],
)
def test_how_failures_are_worded(job, script, message):
    run = job(script, kind="pythonshell").run()
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", f"Error Category: {message}")


def test_a_script_that_leaves_with_zero_has_succeeded(job):
    assert job("import sys; print(1); sys.exit(0); print(2)", kind="pythonshell").succeed() == ["1"]


def test_a_script_or_a_connection_that_is_missing_fails_the_run(job):
    made = job(HELLO, kind="pythonshell")
    run = made.run({"--scriptLocation": f"s3://{made.bucket}/none.py"})
    said = f"LAUNCH ERROR | File Does Not Exist: s3://{made.bucket}/none.py. The specified key does not exist."
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", said)
    assert made.output(run, "error") == [said]
    run = job(HELLO, kind="pythonshell", Connections={"Connections": ["nowhere"]}).run()
    assert run["ErrorMessage"] == "LAUNCH ERROR | Connection nowhere not found."


def test_a_python_shell_job_sees_aws_and_its_libraries_but_not_this_environment(job):
    script = """
        import importlib.util, os, sys
        import boto3, numpy, pandas, pyarrow, yaml
        from awsglue.utils import getResolvedOptions
        print([name for name in ("millrace", "localaws", "moto", "airflow", "pyspark") if
               importlib.util.find_spec(name)])
        print(getResolvedOptions(sys.argv, ["JOB_NAME", "x"])["x"])
        print(boto3.client("sts").get_caller_identity()["Account"])
        print(sorted(os.listdir()))
        print("secret" in os.environ)
    """
    made = job(script, kind="pythonshell")
    made.put("more/settings.json", "{}")
    os.environ["SECRET"] = "of who started the server"
    try:
        arguments = {"--extra-files": f"s3://{made.bucket}/more/settings.json", "--x": "1"}
        assert made.succeed(arguments) == ["[]", "1", "123456789012", "['settings.json']", "False"]
    finally:
        del os.environ["SECRET"]


def test_output_is_logged_while_the_job_runs(job):
    script = """
        import sys, time
        print("out", flush=True)
        print("err", file=sys.stderr, flush=True)
        time.sleep(60)
    """
    made = job(script, kind="pythonshell")
    run = made.wait(made.start(), "RUNNING")
    end = datetime.datetime.now() + datetime.timedelta(seconds=20)
    lines = []
    while not lines and datetime.datetime.now() < end:
        try:
            lines = made.output(run)
        except ClientError:
            continue
    assert (lines, made.output(run, "error")) == (["out"], ["err"])
    made.glue.batch_stop_job_run(JobName=made.name, JobRunIds=[run["Id"]])
    made.wait(run["Id"])


def test_timeout(job, aws, monkeypatch):
    from localaws.glue import job_runs

    made = job("import time; time.sleep(60)", kind="pythonshell", Timeout=1)
    described = job_runs.Work._described
    monkeypatch.setattr(
        job_runs.Work,
        "_described",
        lambda self, *given: replace(described(self, *given), timeout=0.5),
    )
    run = made.run()
    assert (run["JobRunState"], run["Timeout"], run["ErrorMessage"]) == ("TIMEOUT", 1, "Job run timed out")


def test_events_of_runs_reach_eventbridge(job, client, aws):
    sqs, events = client("sqs"), client("events")
    queue = sqs.create_queue(QueueName="job-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(
        Name="job-events",
        EventPattern=json.dumps({"source": ["aws.glue"], "detail-type": ["Glue Job State Change"]}),
    )
    events.put_targets(Rule="job-events", Targets=[{"Id": "q", "Arn": arn}])
    good, bad = job(HELLO, kind="pythonshell"), job("raise ValueError('no')", kind="pythonshell")
    runs = {made.name: made.run() for made in (good, bad)}
    found = {}
    end = datetime.datetime.now() + datetime.timedelta(seconds=30)
    while found.keys() != runs.keys() and datetime.datetime.now() < end:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", ()):
            detail = json.loads(message["Body"])["detail"]
            found[detail["jobName"]] = detail
    events.remove_targets(Rule="job-events", Ids=["q"])
    assert found[good.name] == {
        "jobName": good.name,
        "severity": "INFO",
        "state": "SUCCEEDED",
        "jobRunId": runs[good.name]["Id"],
        "message": "Job run succeeded",
    }
    assert found[bad.name] == {
        "jobName": bad.name,
        "severity": "ERROR",
        "state": "FAILED",
        "jobRunId": runs[bad.name]["Id"],
        "message": runs[bad.name]["ErrorMessage"],
    }


def test_what_outlives_a_killed_server(tmp_path):
    """A server of its own, killed while a job runs: the job ends with it, and has failed when the next one starts."""

    def serve():
        command = [sys.executable, "-m", "localaws", "--port", "0", "--data", str(tmp_path / "data")]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        endpoint = server.stdout.readline().split()[3].rstrip(",")
        made = {
            name: boto3.client(
                name,
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
            for name in ("glue", "s3")
        }
        return server, made

    script = """
import os, pathlib, sys, time
target = pathlib.Path(sys.argv[sys.argv.index("--pid") + 1])
target.with_suffix(".part").write_text(str(os.getpid()))
target.with_suffix(".part").rename(target)
time.sleep(300)
"""
    server, aws = serve()
    try:
        aws["s3"].create_bucket(Bucket="outlives")
        aws["s3"].put_object(Bucket="outlives", Key="job.py", Body=script)
        command = {"Name": "pythonshell", "ScriptLocation": "s3://outlives/job.py"}
        aws["glue"].create_job(Name="outlives", Role="r", Command=command, Tags={"a": "b"})
        pid_file = tmp_path / "pid"
        run = aws["glue"].start_job_run(JobName="outlives", Arguments={"--pid": str(pid_file)})["JobRunId"]
        _until(pid_file.exists)
        pid = int(pid_file.read_text())
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    _until(lambda: not _alive(pid))
    server, aws = serve()
    try:
        found = aws["glue"].get_job_run(JobName="outlives", RunId=run)["JobRun"]
        assert (found["JobRunState"], found["ErrorMessage"]) == ("FAILED", "The embedded AWS ended during the run.")
        assert aws["glue"].list_jobs(Tags={"a": "b"})["JobNames"] == ["outlives"]
    finally:
        server.terminate()
        server.wait()


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _until(true):
    end = datetime.datetime.now() + datetime.timedelta(seconds=60)
    while not true():
        assert datetime.datetime.now() < end
        time.sleep(0.02)
