"""Jobs that read a database over JDBC by a connection: a real MariaDB, or a skip that says so."""

import json

import pytest

from localaws.core import AwsError
from localaws.rds.mariadb import server_program
from localaws.spark.fetch import jdbc_jars
from tests.localaws.glue.test_job_library import HEAD, said
from tests.localaws.rds.conftest import PASSWORD, create, sql, wait

SCRIPT = (
    HEAD
    + """
known = glue.extract_jdbc_conf(args["bucket"])
say("known", [known[name] for name in ("vendor", "database", "user")])
by_options = {
    "useConnectionProperties": "true", "connectionName": args["bucket"], "dbtable": "orders",
    "jobBookmarkKeys": ["id"], "jobBookmarkKeysSortOrder": "asc",
}
say("new", rows(glue.create_dynamic_frame.from_options("mysql", by_options, transformation_ctx="orders")))
job.commit()
hashed = {**by_options, "hashfield": "name", "hashpartitions": "3"}
say("hashed", rows(glue.create_dynamic_frame.from_options("mysql", hashed)))
plain = spark.read.format("jdbc").option("url", known["fullUrl"]).option("dbtable", "orders")
plain = plain.option("user", known["user"]).option("password", known["password"])
say("plain", rows(plain.option("driver", "com.mysql.cj.jdbc.Driver").load()))
copy = glue.create_dynamic_frame.from_options("mysql", by_options).toDF().selectExpr("id + 100 id", "name")
glue.write_dynamic_frame.from_jdbc_conf(
    DynamicFrame.fromDF(copy, glue, "copy"), catalog_connection=args["bucket"],
    connection_options={"dbtable": "copies", "database": known["database"]},
)
"""
)


@pytest.fixture(scope="module")
def database(client):
    try:
        server_program()
    except AwsError as error:
        pytest.skip(error.message)
    if not jdbc_jars():
        pytest.skip("MySQL's JDBC driver is not installed; apt-get install libmariadb-java, or set LOCALAWS_JDBC_JARS")
    rds = client("rds")
    create(rds, "jobs", DBName="shop")
    yield wait(rds, "jobs")
    rds.delete_db_instance(DBInstanceIdentifier="jobs", SkipFinalSnapshot=True)


def test_tables_over_jdbc(job, client, glue, database):
    sql(
        database,
        "create table shop.orders (id int primary key, name varchar(20)); create table shop.copies like shop.orders",
    )
    sql(database, "insert into shop.orders values (1, 'né'), (2, 'b'), (3, null)")
    made = job(SCRIPT, DefaultArguments={"--job-bookmark-option": "job-bookmark-enable"})
    text = json.dumps({"username": "admin", "password": PASSWORD})
    client("secretsmanager").create_secret(Name=made.bucket, SecretString=text)
    url = f"jdbc:mysql://127.0.0.1:{database['Endpoint']['Port']}/shop"
    given = {"JDBC_CONNECTION_URL": url, "SECRET_ID": made.bucket}
    glue.create_connection(
        ConnectionInput={"Name": made.bucket, "ConnectionType": "JDBC", "ConnectionProperties": given}
    )
    everything = [["1", "né"], ["2", "b"], ["3", "None"]]
    first = said(made)
    assert first == {
        "known": ["mysql", "shop", "admin"],
        "new": everything,
        "hashed": everything,
        "plain": everything,
    }
    assert sql(database, "select id, name from shop.copies order by id") == [
        ("101", "né"),
        ("102", "b"),
        ("103", "NULL"),
    ]
    sql(database, "insert into shop.orders values (4, 'd'); delete from shop.copies")
    assert said(made)["new"] == [["4", "d"]]


def test_connections_are_kept(glue):
    properties = {"JDBC_CONNECTION_URL": "jdbc:mysql://host:3306/db", "USERNAME": "u", "PASSWORD": "p"}
    wanted = {"Name": "kept", "ConnectionType": "JDBC", "ConnectionProperties": properties}
    glue.create_connection(ConnectionInput=wanted, Tags={"team": "a"})
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_connection(ConnectionInput=wanted)
    found = glue.get_connection(Name="kept", HidePassword=True)["Connection"]
    assert found["ConnectionProperties"] == {key: properties[key] for key in ("JDBC_CONNECTION_URL", "USERNAME")}
    assert found["Status"] == "READY"
    assert "kept" in [one["Name"] for one in glue.get_connections(Filter={"ConnectionType": "JDBC"})["ConnectionList"]]
    glue.update_connection(Name="kept", ConnectionInput={**wanted, "Description": "changed"})
    assert glue.get_connection(Name="kept")["Connection"]["Description"] == "changed"
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.create_connection(ConnectionInput={**wanted, "Name": "bad", "ConnectionProperties": {}})
    glue.delete_connection(ConnectionName="kept")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_connection(Name="kept")
