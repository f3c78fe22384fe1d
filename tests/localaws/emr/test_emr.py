"""EMR: clusters that really run their steps, and end as they should."""

import json
import re
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

COUNT = """
import sys
from helper import label
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
source, target = sys.argv[1:]
print("label", label(), spark.conf.get("spark.given"), spark.conf.get("spark.of.cluster"))
spark.read.text(source).groupBy("value").count().coalesce(1).write.mode("overwrite").parquet(target)
"""


@pytest.fixture(scope="session")
def emr(client):
    return client("emr")


@pytest.fixture
def cluster(emr, lake, until):
    """Makes clusters, and ends them after the test."""
    made = []

    class Made:
        def run(self, *steps, alive=False, protected=False, applications=("Spark",), **more):
            answer = emr.run_job_flow(
                Name="nightly",
                ReleaseLabel="emr-7.5.0",
                Applications=[{"Name": name} for name in applications],
                LogUri=f"s3://{lake.bucket}/logs/",
                ServiceRole="service",
                JobFlowRole="instance",
                Instances={
                    "InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}],
                    "KeepJobFlowAliveWhenNoSteps": alive,
                    "TerminationProtected": protected,
                },
                Steps=list(steps),
                **more,
            )
            made.append(answer["JobFlowId"])
            return answer["JobFlowId"]

        def describe(self, identifier):
            return emr.describe_cluster(ClusterId=identifier)["Cluster"]

        def wait(self, identifier, *states):
            until(lambda: self.describe(identifier)["Status"], *states)
            return self.describe(identifier)

        def steps(self, identifier):
            """Name and state, in the order in which they were added."""
            found = emr.list_steps(ClusterId=identifier)["Steps"]
            return [(step["Name"], step["Status"]["State"]) for step in reversed(found)]

    yield Made()
    for identifier in made:
        if not emr.describe_cluster(ClusterId=identifier)["Cluster"]["Status"]["State"].startswith("TERMIN"):
            emr.set_termination_protection(JobFlowIds=[identifier], TerminationProtected=False)
            emr.terminate_job_flows(JobFlowIds=[identifier])


def step(name, *args, action="CONTINUE"):
    config = {"Jar": "command-runner.jar", "Args": ["spark-submit", *args]}
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": config}


def test_a_transient_cluster_runs_its_step_and_ends_itself(emr, lake, cluster, client):
    queue_of = _events(client, "aws.emr", lake.bucket)
    script = lake.put("code/count.py", COUNT)
    helper = lake.put("code/helper.py", "def label(): return 'from py-files'\n")
    lake.put("in/a.txt", "x\ny\nx\n")
    submit = ["--deploy-mode", "cluster", "--master", "yarn", "--num-executors", "4", "--conf", "spark.given=yes"]
    place = [f"s3://{lake.bucket}/in/", f"s3://{lake.bucket}/out/"]
    identifier = cluster.run(
        step("count", *submit, "--py-files", helper, script, *place, action="TERMINATE_CLUSTER"),
        Configurations=[{"Classification": "spark-defaults", "Properties": {"spark.of.cluster": "too"}}],
        Tags=[{"Key": "team", "Value": "data"}],
    )
    assert re.fullmatch(r"j-[A-Z0-9]{13}", identifier)
    ended = cluster.wait(identifier, "TERMINATED", "TERMINATED_WITH_ERRORS")
    assert ended["Status"]["State"] == "TERMINATED"
    assert ended["Status"]["StateChangeReason"] == {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}
    timeline = ended["Status"]["Timeline"]
    assert timeline["CreationDateTime"] <= timeline["ReadyDateTime"] <= timeline["EndDateTime"] <= datetime.now(UTC)
    assert ended["AutoTerminate"] is True and ended["Tags"] == [{"Key": "team", "Value": "data"}]
    (found,) = emr.list_steps(ClusterId=identifier)["Steps"]
    described = emr.describe_step(ClusterId=identifier, StepId=found["Id"])["Step"]
    assert described["Status"]["State"] == "COMPLETED" and described["Config"]["Args"][0] == "spark-submit"
    athena = lake.aws.engines["athena"]
    database = lake.bucket.replace("-", "_")
    lake.aws.world.catalog.create_database({"Name": database})
    columns = [{"Name": "value", "Type": "string"}, {"Name": "count", "Type": "bigint"}]
    serde = {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}
    storage = {"Columns": columns, "Location": place[1], "SerdeInfo": serde}
    lake.aws.world.catalog.create_table(
        database, {"Name": "t", "TableType": "EXTERNAL_TABLE", "PartitionKeys": [], "StorageDescriptor": storage}
    )
    assert list(athena.execute('SELECT value, "count" FROM t ORDER BY 1', database).rows) == [("x", 2), ("y", 1)]
    logs = f"logs/{identifier}/steps/{found['Id']}"
    assert lake.keys("logs/") == [f"{logs}/controller.gz", f"{logs}/stderr.gz", f"{logs}/stdout.gz"]
    assert lake.log(f"{logs}/stdout.gz") == "label from py-files yes too\n"
    events = queue_of(8)
    clusters = [one["detail"]["state"] for one in events if one["detail-type"] == "EMR Cluster State Change"]
    steps = [one["detail"]["state"] for one in events if one["detail-type"] == "EMR Step Status Change"]
    assert clusters == ["STARTING", "RUNNING", "TERMINATED"] and steps == ["PENDING", "RUNNING", "COMPLETED"]
    assert events[0]["source"] == "aws.emr" and events[0]["detail"]["clusterId"] == identifier
    with pytest.raises(ClientError, match="may not be modified"):
        emr.add_job_flow_steps(JobFlowId=identifier, Steps=[step("late", script)])


def _events(client, source, name):
    """A queue that gets a source's events; asks it for so many, oldest first."""
    sqs, events = client("sqs"), client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    def ask(most):
        found = []
        while True:
            messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                break
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        events.remove_targets(Rule=name, Ids=["q"])
        events.delete_rule(Name=name)
        assert len(found) <= most
        return found

    return ask


def test_a_step_that_fails_acts_as_it_says(emr, lake, cluster):
    good = lake.put("good.py", "print('fine')\n")
    bad = lake.put("bad.py", "raise ValueError('no rows')\n")
    identifier = cluster.run(
        step("first", bad, action="CONTINUE"),
        step("second", good),
        step("third", bad, action="CANCEL_AND_WAIT"),
        step("fourth", good),
        alive=True,
    )
    cluster.wait(identifier, "WAITING", "TERMINATED_WITH_ERRORS")
    assert cluster.steps(identifier) == [
        ("first", "FAILED"),
        ("second", "COMPLETED"),
        ("third", "FAILED"),
        ("fourth", "CANCELLED"),
    ]
    failed = emr.list_steps(ClusterId=identifier, StepStates=["FAILED"])["Steps"][0]["Status"]["FailureDetails"]
    assert failed["Message"] == "ValueError: no rows" and failed["LogFile"].endswith("/stderr.gz")
    assert "ValueError: no rows" in lake.log(failed["LogFile"].partition(f"{lake.bucket}/")[2])
    last = [step("fifth", bad, action="TERMINATE_CLUSTER"), step("sixth", good)]
    added = emr.add_job_flow_steps(JobFlowId=identifier, Steps=last)["StepIds"]
    assert len(added) == 2
    ended = cluster.wait(identifier, "TERMINATED", "TERMINATED_WITH_ERRORS")
    assert ended["Status"]["State"] == "TERMINATED_WITH_ERRORS"
    assert ended["Status"]["StateChangeReason"] == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    assert cluster.steps(identifier)[4:] == [("fifth", "FAILED"), ("sixth", "CANCELLED")]


def test_protection_cancellation_and_termination(emr, lake, cluster, until):
    slow = lake.put("slow.py", "import time\nprint('began', flush=True)\ntime.sleep(600)\n")
    identifier = cluster.run(step("slow", slow), step("waits", slow), alive=True, protected=True)
    with pytest.raises(ClientError, match="termination protected"):
        emr.terminate_job_flows(JobFlowIds=[identifier])
    waits, first = (one["Id"] for one in emr.list_steps(ClusterId=identifier)["Steps"])
    until(lambda: emr.describe_step(ClusterId=identifier, StepId=first)["Step"]["Status"], "RUNNING")
    answers = emr.cancel_steps(ClusterId=identifier, StepIds=[waits, "s-NONE"])["CancelStepsInfoList"]
    assert [one["Status"] for one in answers] == ["SUBMITTED", "FAILED"]
    emr.cancel_steps(ClusterId=identifier, StepIds=[first], StepCancellationOption="TERMINATE_PROCESS")
    cluster.wait(identifier, "WAITING")
    assert cluster.steps(identifier) == [("slow", "CANCELLED"), ("waits", "CANCELLED")]
    again = emr.cancel_steps(ClusterId=identifier, StepIds=[first])["CancelStepsInfoList"]
    assert again == [{"StepId": first, "Status": "FAILED", "Reason": "The step is already CANCELLED."}]
    (added,) = emr.add_job_flow_steps(JobFlowId=identifier, Steps=[step("third", slow)])["StepIds"]
    until(lambda: emr.describe_step(ClusterId=identifier, StepId=added)["Step"]["Status"], "RUNNING")
    emr.set_termination_protection(JobFlowIds=[identifier], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[identifier])
    ended = cluster.wait(identifier, "TERMINATED", "TERMINATED_WITH_ERRORS")
    assert ended["Status"]["State"] == "TERMINATED"
    assert ended["Status"]["StateChangeReason"] == {"Code": "USER_REQUEST", "Message": "Terminated by user request"}
    assert cluster.steps(identifier)[2] == ("third", "CANCELLED")


def test_an_idle_cluster_is_listed_and_ends(emr, cluster, monkeypatch):
    monkeypatch.setattr("localaws.emr.definition.LEAST_IDLE", 1)
    began = datetime.now(UTC).replace(microsecond=0)
    with pytest.raises(ClientError, match="must be from 1 to 604800 seconds"):
        cluster.run(alive=True, AutoTerminationPolicy={"IdleTimeout": 0})
    identifier = cluster.run(alive=True, AutoTerminationPolicy={"IdleTimeout": 3})
    assert cluster.wait(identifier, "WAITING")["Name"] == "nightly"
    listed = emr.list_clusters(ClusterStates=["WAITING"], CreatedAfter=began)["Clusters"]
    assert identifier in {one["Id"] for one in listed}
    assert emr.list_bootstrap_actions(ClusterId=identifier)["BootstrapActions"] == []
    emr.add_tags(ResourceId=identifier, Tags=[{"Key": "a", "Value": "b"}])
    assert cluster.describe(identifier)["Tags"] == [{"Key": "a", "Value": "b"}]
    ended = cluster.wait(identifier, "TERMINATED", "TERMINATED_WITH_ERRORS")
    assert ended["Status"]["StateChangeReason"]["Message"] == "Cluster was idle for longer than its timeout"


def test_a_cluster_without_spark_has_no_spark_submit(emr, lake, cluster):
    script = lake.put("x.py", "print(1)\n")
    identifier = cluster.run(step("x", script), applications=("Hadoop",))
    cluster.wait(identifier, "TERMINATED")
    (found,) = emr.list_steps(ClusterId=identifier)["Steps"]
    assert found["Status"]["State"] == "FAILED"
    assert found["Status"]["FailureDetails"]["Message"].startswith('Cannot run program "spark-submit"')


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"BootstrapActions": [{"Name": "b", "ScriptBootstrapAction": {"Path": "s3://b/x.sh"}}]},
            "BootstrapActions is",
        ),
        ({"StepConcurrencyLevel": 4}, "StepConcurrencyLevel above 1"),
        (
            {"Configurations": [{"Classification": "hive-site", "Properties": {"a": "b"}}]},
            "The configuration hive-site",
        ),
        ({"SecurityConfiguration": "x"}, "SecurityConfiguration is refused"),
    ],
)
def test_clusters_that_cannot_be_are_refused(emr, cluster, more, reason):
    with pytest.raises(ClientError, match=reason) as error:
        cluster.run(**more)
    assert error.value.response["Error"]["Code"] == "NotSupportedByLocalAws"


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["bash", "-c", "rm -rf /"], "command-runner.jar with spark-submit is run only"),
        (["spark-submit", "/etc/passwd"], "must be a Python script in S3"),
        (["spark-submit", "file:///etc/x.py"], "must be a Python script in S3"),
        (["spark-submit", "--class", "Main", "s3://b/x.jar"], "not classes of a jar"),
        (["spark-submit", "--packages", "a:b:1", "s3://b/x.py"], "nothing is fetched from Maven"),
        (["spark-submit", "--py-files", "/etc/passwd", "s3://b/x.py"], "taken from S3 only"),
        (["spark-submit", "--conf", "nonsense", "s3://b/x.py"], "is not of the form spark.name=value"),
        (["spark-submit", "--frobnicate", "1", "s3://b/x.py"], "is not known"),
        (["spark-submit"], "names no script"),
    ],
)
def test_steps_that_cannot_be_are_refused(emr, cluster, args, reason):
    config = {"Jar": "command-runner.jar", "Args": args}
    with pytest.raises(ClientError, match=re.escape(reason)):
        cluster.run({"Name": "x", "HadoopJarStep": config})


def test_other_jars_and_unknown_ids_are_refused(emr, cluster):
    with pytest.raises(ClientError, match="is refused"):
        cluster.run({"Name": "x", "HadoopJarStep": {"Jar": "s3://b/own.jar", "Args": []}})
    with pytest.raises(ClientError, match="Cluster id 'j-NONE' is not valid"):
        emr.describe_cluster(ClusterId="j-NONE")
    with pytest.raises(ClientError, match="release label"):
        emr.run_job_flow(Name="x", Instances={})
