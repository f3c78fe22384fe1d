"""EMR Serverless: applications and job runs, on real Spark."""

import re

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/emr"


@pytest.fixture(scope="session")
def serverless(client):
    return client("emr-serverless")


@pytest.fixture
def application(serverless):
    made = serverless.create_application(name="jobs", releaseLabel="emr-7.5.0", type="SPARK", tags={"a": "1"})
    return made["applicationId"]


@pytest.fixture
def run(serverless, application, lake):
    """Starts a job run; its id."""

    def start(script, *args, parameters="", **more):
        driver = {"entryPoint": script, "entryPointArguments": list(args)}
        if parameters:
            driver["sparkSubmitParameters"] = parameters
        monitoring = {"s3MonitoringConfiguration": {"logUri": f"s3://{lake.bucket}/logs/"}}
        given = {"configurationOverrides": {"monitoringConfiguration": monitoring}, **more}
        answer = serverless.start_job_run(
            applicationId=application, executionRoleArn=ROLE, jobDriver={"sparkSubmit": driver}, **given
        )
        return answer["jobRunId"]

    return start


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_an_application_and_its_states(serverless, application):
    found = serverless.get_application(applicationId=application)["application"]
    assert found["state"] == "CREATED" and found["type"] == "Spark" and found["tags"] == {"a": "1"}
    assert found["arn"] == f"arn:aws:emr-serverless:us-east-1:123456789012:/applications/{application}"
    assert found["autoStartConfiguration"] == {"enabled": True}
    assert found["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 15}
    serverless.start_application(applicationId=application)
    assert refused(serverless.delete_application, applicationId=application)[0] == "ValidationException"
    listed = serverless.list_applications(states=["STARTED"])["applications"]
    assert application in {one["id"] for one in listed}
    serverless.stop_application(applicationId=application)
    assert serverless.get_application(applicationId=application)["application"]["state"] == "STOPPED"
    serverless.update_application(applicationId=application, clientToken="t", autoStopConfiguration={"enabled": False})
    serverless.tag_resource(resourceArn=found["arn"], tags={"b": "2"})
    serverless.untag_resource(resourceArn=found["arn"], tagKeys=["a"])
    assert serverless.list_tags_for_resource(resourceArn=found["arn"])["tags"] == {"b": "2"}
    serverless.delete_application(applicationId=application)
    code, message = refused(serverless.get_application, applicationId=application)
    assert (code, message) == ("ResourceNotFoundException", f"Application {application} does not exist")


def test_a_client_token_makes_one_of_each(serverless, lake, run):
    made = {
        serverless.create_application(name="x", releaseLabel="emr-7.5.0", type="SPARK", clientToken="same")[
            "applicationId"
        ]
        for _ in range(2)
    }
    assert len(made) == 1
    script = lake.put("x.py", "print('once')\n")
    assert run(script, clientToken="job") == run(script, clientToken="job")


def test_a_job_runs_and_leaves_its_logs(serverless, application, lake, run, until):
    script = lake.put(
        "job.py",
        """
        import os, sys
        from helper import twice
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.getOrCreate()
        count = spark.read.json(sys.argv[1]).count()
        print("rows", twice(count), spark.conf.get("spark.given"), os.environ["STAGE"])
        spark.range(count).write.parquet(sys.argv[2])
        """,
    )
    helper = lake.put("helper.py", "def twice(n): return 2 * n\n")
    lake.put("in.json", '{"a": 1}\n{"a": 2}\n')
    parameters = (
        f"--conf spark.given='a b' --conf spark.executor.memory=2g --py-files {helper} "
        "--conf spark.emr-serverless.driverEnv.STAGE=test"
    )
    place = f"s3://{lake.bucket}"
    identifier = run(script, f"{place}/in.json", f"{place}/out/", parameters=parameters, name="count", tags={"t": "1"})
    found = until(
        lambda: serverless.get_job_run(applicationId=application, jobRunId=identifier)["jobRun"], "SUCCESS", "FAILED"
    )
    assert found["state"] == "SUCCESS", found["stateDetails"]
    assert found["name"] == "count" and found["executionRole"] == ROLE and found["tags"] == {"t": "1"}
    assert found["startedAt"] <= found["endedAt"] and found["totalExecutionDurationSeconds"] >= 1
    assert found["executionTimeoutMinutes"] == 720 and found["releaseLabel"] == "emr-7.5.0"
    folder = f"logs/applications/{application}/jobs/{identifier}/SPARK_DRIVER"
    assert lake.log(f"{folder}/stdout.gz") == "rows 4 a b test\n" and f"{folder}/stderr.gz" in lake.keys(folder)
    assert any(re.fullmatch(r"out/part-.*\.parquet", key) for key in lake.keys("out/"))
    (listed,) = serverless.list_job_runs(applicationId=application, states=["SUCCESS"])["jobRuns"]
    assert listed["id"] == identifier and listed["state"] == "SUCCESS"
    assert serverless.get_application(applicationId=application)["application"]["state"] == "STARTED"


def test_failures_say_why(serverless, application, lake, run, until, client):
    script = lake.put("bad.py", "import nothing_of_this_name\n")
    logging = {"cloudWatchLoggingConfiguration": {"enabled": True, "logGroupName": f"/{lake.bucket}"}}
    first = run(script, configurationOverrides={"monitoringConfiguration": logging})
    second = run(f"s3://{lake.bucket}/missing.py")

    def wait(identifier):
        return until(
            lambda: serverless.get_job_run(applicationId=application, jobRunId=identifier)["jobRun"],
            "SUCCESS",
            "FAILED",
        )

    found = wait(first)
    assert (
        found["state"] == "FAILED"
        and "ModuleNotFoundError: No module named 'nothing_of_this_name'" in found["stateDetails"]
    )
    assert wait(second)["stateDetails"] == (
        f"Job failed: s3://{lake.bucket}/missing.py cannot be read: The specified key does not exist."
    )
    lake.aws.engines["emr-serverless"]._logs.flush()
    events = client("logs").filter_log_events(logGroupName=f"/{lake.bucket}")["events"]
    assert any("nothing_of_this_name" in one["message"] for one in events)


def test_a_run_is_cancelled(serverless, application, lake, run, until):
    script = lake.put("slow.py", "import time\ntime.sleep(600)\n")
    identifier = run(script)

    def ask():
        return serverless.get_job_run(applicationId=application, jobRunId=identifier)["jobRun"]

    until(ask, "RUNNING")
    assert refused(serverless.stop_application, applicationId=application)[0] == "ConflictException"
    serverless.cancel_job_run(applicationId=application, jobRunId=identifier)
    assert until(ask, "CANCELLED", "FAILED", "SUCCESS")["state"] == "CANCELLED"
    assert (
        refused(serverless.cancel_job_run, applicationId=application, jobRunId=identifier)[0] == "ValidationException"
    )
    serverless.stop_application(applicationId=application)


@pytest.mark.parametrize(
    ("driver", "more", "code", "reason"),
    [
        ({"hive": {"query": "SELECT 1"}}, {}, "NotSupportedByLocalAws", "runs Spark only"),
        ({"sparkSubmit": {"entryPoint": "/etc/passwd"}}, {}, "ValidationException", "must be a Python script in S3"),
        ({"sparkSubmit": {"entryPoint": "s3://b/x.jar"}}, {}, "ValidationException", "must be a Python script in S3"),
        ({"sparkSubmit": {"entryPoint": "s3://b/x.py", "sparkSubmitParameters": "--conf 'open"}}, {},
         "ValidationException", "No closing quotation"),
        ({"sparkSubmit": {"entryPoint": "s3://b/x.py", "sparkSubmitParameters": "--archives s3://b/v.tgz"}}, {},
         "ValidationException", "archives are not unpacked"),
        ({"sparkSubmit": {"entryPoint": "s3://b/x.py"}}, {"mode": "STREAMING"}, "NotSupportedByLocalAws", "STREAMING"),
        ({"sparkSubmit": {"entryPoint": "s3://b/x.py"}}, {"retryPolicy": {"maxAttempts": 3}},
         "NotSupportedByLocalAws", "maxAttempts above 1"),
    ],
)  # fmt: skip
def test_jobs_that_cannot_be_are_refused(serverless, application, driver, more, code, reason):
    found, message = refused(
        serverless.start_job_run, applicationId=application, executionRoleArn=ROLE, jobDriver=driver, **more
    )
    assert found == code and reason in message


def test_what_has_no_effect_is_refused(serverless, application):
    create = {"name": "x", "releaseLabel": "emr-7.5.0", "type": "SPARK"}
    assert "runs Spark only" in refused(serverless.create_application, **{**create, "type": "HIVE"})[1]
    image = {"imageConfiguration": {"imageUri": "1.dkr.ecr.us-east-1.amazonaws.com/x:1"}}
    assert "containers are not run here" in refused(serverless.create_application, **create, **image)[1]
    found, message = refused(serverless.get_dashboard_for_job_run, applicationId=application, jobRunId="00x")
    assert found == "NotSupportedByLocalAws" and "GetDashboardForJobRun" in message
