"""Workgroups, named queries, prepared statements, and what lasts."""

import pytest

from localaws.athena.engine import AthenaEngine
from localaws.core import AwsError, Call, World


@pytest.fixture
def group(athena):
    """A new workgroup's name, whose results go to s3://results/group/."""
    name = "wg-" + athena.database
    configuration = {"ResultConfiguration": {"OutputLocation": "s3://results/group/"}}
    athena.call("CreateWorkGroup", Name=name, Configuration=configuration, Tags=[{"Key": "k", "Value": "v"}])
    return name


def place(athena, group, **params):
    execution = athena.run("SELECT 1", WorkGroup=group, **params)
    assert execution["WorkGroup"] == group
    return execution["ResultConfiguration"]["OutputLocation"].rpartition("/")[0]


def update(athena, group, **changes):
    athena.call("UpdateWorkGroup", WorkGroup=group, ConfigurationUpdates=changes)


def test_an_enforced_workgroup_decides_where_results_go(athena, group):
    assert place(athena, group) == "s3://results/group"
    update(athena, group, EnforceWorkGroupConfiguration=False)
    assert place(athena, group) == "s3://results/out"
    assert place(athena, group, ResultConfiguration={}) == "s3://results/group"
    update(athena, group, ResultConfigurationUpdates={"RemoveOutputLocation": True})
    with pytest.raises(AwsError, match="No output location"):
        athena.start("SELECT 1", WorkGroup=group, ResultConfiguration={})


def test_an_enforced_workgroup_refuses_other_places_for_tables(athena, group):
    sql = "CREATE TABLE m WITH (external_location = 's3://lake/m/') AS SELECT 1 AS a"
    assert "enforces a centralized output location" in athena.fails(sql, WorkGroup=group)
    update(athena, group, EnforceWorkGroupConfiguration=False)
    athena.run(sql, WorkGroup=group)


def test_the_cutoff_stops_a_query_before_it_reads_more(athena, group):
    athena.run("CREATE EXTERNAL TABLE t (a string) LOCATION 's3://lake/t/'")
    athena.put("t/x", "x" * 10_000_001)
    with pytest.raises(AwsError, match="at least 10000000"):
        update(athena, group, BytesScannedCutoffPerQuery=9_999_999)
    update(athena, group, BytesScannedCutoffPerQuery=10_000_000)
    status = athena.wait(athena.start("SELECT count(a) FROM t", WorkGroup=group))["Status"]
    assert status["State"] == "CANCELLED"
    assert status["StateChangeReason"] == "Bytes scanned limit was exceeded: the workgroup allows 10000000 bytes"
    athena.run("SELECT count(a) FROM t")
    update(athena, group, RemoveBytesScannedCutoffPerQuery=True)
    athena.run("SELECT count(a) FROM t", WorkGroup=group)


def test_workgroups_are_made_changed_listed_and_deleted(athena, group):
    with pytest.raises(AwsError, match="already created"):
        athena.call("CreateWorkGroup", Name=group)
    athena.call("UpdateWorkGroup", WorkGroup=group, Description="new", State="DISABLED")
    record = athena.call("GetWorkGroup", WorkGroup=group)["WorkGroup"]
    assert (record["Description"], record["State"]) == ("new", "DISABLED")
    assert record["Configuration"]["EnforceWorkGroupConfiguration"] is True
    assert "Tags" not in record
    with pytest.raises(AwsError, match="is disabled"):
        athena.start("SELECT 1", WorkGroup=group)
    names = [one["Name"] for one in athena.call("ListWorkGroups")["WorkGroups"]]
    assert group in names and "primary" in names
    arn = f"arn:aws:athena:us-east-1:123456789012:workgroup/{group}"
    assert athena.call("ListTagsForResource", ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    athena.call("TagResource", ResourceARN=arn, Tags=[{"Key": "x", "Value": "y"}])
    athena.call("UntagResource", ResourceARN=arn, TagKeys=["k"])
    assert athena.call("ListTagsForResource", ResourceARN=arn)["Tags"] == [{"Key": "x", "Value": "y"}]
    athena.call("CreateNamedQuery", Name="n", Database="d", QueryString="SELECT 1", WorkGroup=group)
    with pytest.raises(AwsError, match="is not empty"):
        athena.call("DeleteWorkGroup", WorkGroup=group)
    athena.call("DeleteWorkGroup", WorkGroup=group, RecursiveDeleteOption=True)
    with pytest.raises(AwsError, match=f"WorkGroup {group} is not found"):
        athena.call("GetWorkGroup", WorkGroup=group)
    with pytest.raises(AwsError, match="primary workgroup cannot be deleted"):
        athena.call("DeleteWorkGroup", WorkGroup="primary")


def test_settings_that_would_be_pretended_are_refused(athena, group):
    for changes in (
        {"ManagedQueryResultsConfigurationUpdates": {"Enabled": True}},
        {"EngineVersion": {"SelectedEngineVersion": "PySpark engine version 3"}},
        {"ResultConfigurationUpdates": {"EncryptionConfiguration": {"EncryptionOption": "CSE_KMS"}}},
    ):
        with pytest.raises(AwsError) as caught:
            update(athena, group, **changes)
        assert caught.value.code == "NotSupportedByLocalAws"


def test_named_queries(athena, group):
    given = {"Name": "n", "Database": "d", "QueryString": "SELECT 1", "WorkGroup": group}
    identifier = athena.call("CreateNamedQuery", **given)["NamedQueryId"]
    assert athena.call("GetNamedQuery", NamedQueryId=identifier)["NamedQuery"] == {**given, "NamedQueryId": identifier}
    assert athena.call("ListNamedQueries", WorkGroup=group) == {"NamedQueryIds": [identifier]}
    athena.call("UpdateNamedQuery", NamedQueryId=identifier, Name="m", QueryString="SELECT 2")
    found = athena.call("BatchGetNamedQuery", NamedQueryIds=[identifier, "nope"])
    assert [one["QueryString"] for one in found["NamedQueries"]] == ["SELECT 2"]
    assert [one["NamedQueryId"] for one in found["UnprocessedNamedQueryIds"]] == ["nope"]
    athena.call("DeleteNamedQuery", NamedQueryId=identifier)
    with pytest.raises(AwsError, match="is not found"):
        athena.call("GetNamedQuery", NamedQueryId=identifier)


def test_prepared_statements_by_api(athena, group):
    given = {"StatementName": "pick", "WorkGroup": group}
    athena.call("CreatePreparedStatement", QueryStatement="SELECT ? AS a", **given)
    assert athena.rows("EXECUTE pick USING 5", WorkGroup=group) == [["5"]]
    with pytest.raises(AwsError, match="already exists"):
        athena.call("CreatePreparedStatement", QueryStatement="SELECT 1", **given)
    athena.call("UpdatePreparedStatement", QueryStatement="SELECT ? + 1 AS a", **given)
    assert athena.rows("EXECUTE pick USING 5", WorkGroup=group) == [["6"]]
    listed = athena.call("ListPreparedStatements", WorkGroup=group)["PreparedStatements"]
    assert [one["StatementName"] for one in listed] == ["pick"]
    assert "was not found" in athena.fails("EXECUTE pick USING 5"), "another workgroup does not know it"
    athena.call("DeletePreparedStatement", **given)
    with pytest.raises(AwsError) as caught:
        athena.call("GetPreparedStatement", **given)
    assert caught.value.code == "ResourceNotFoundException"


def test_a_restart_keeps_workgroups_and_saved_statements(athena, group, tmp_path):
    world = World(tmp_path, "", athena.store, athena.catalog)
    engine = AthenaEngine(world)
    engine.operations["CreateWorkGroup"](Call("athena", "CreateWorkGroup", {"Name": "kept"}))
    statement = {"StatementName": "s", "WorkGroup": "kept", "QueryStatement": "SELECT 1"}
    engine.operations["CreatePreparedStatement"](Call("athena", "CreatePreparedStatement", statement))
    engine.close()
    engine = AthenaEngine(world)
    found = engine.operations["GetWorkGroup"](Call("athena", "GetWorkGroup", {"WorkGroup": "kept"}))
    assert found["WorkGroup"]["Name"] == "kept"
    del statement["QueryStatement"]
    kept = engine.operations["GetPreparedStatement"](Call("athena", "GetPreparedStatement", statement))
    assert kept["PreparedStatement"]["QueryStatement"] == "SELECT 1"
    engine.close()
    assert not (tmp_path / "athena" / "scratch").exists()
