"""The MySQL source of sales: what its folder must hold, CSV files as tables, and the command that loads a dump."""

import csv
import gzip
import json
from types import SimpleNamespace

import pytest

from localaws.core import AwsError
from localaws.rds.mariadb import server_program
from millrace import source_tables
from millrace.cli import main
from millrace.contracts import get
from millrace.mysql import LoadError
from millrace.samples import sales
from millrace.sources import mysql

TABLES = [contract.table for contract in source_tables.tables("sales")]


def write_csv(folder, **texts):
    """CSV files of the sample, some replaced."""
    folder.mkdir(exist_ok=True)
    rows = sales.Shop(1, 7, sales.dt.date(2003, 6, 30)).tables()
    for contract in source_tables.tables("sales"):
        with gzip.open(folder / f"{contract.table}.csv.gz", "wt", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(source_tables.column_name(column) for column in contract.columns)
            writer.writerows(["NULL" if value is None else value for value in row] for row in rows[contract.table])
    for table, text in texts.items():
        (folder / f"{table}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return rows


def test_a_folder_must_hold_one_dump_or_all_tables(tmp_path):
    with pytest.raises(ValueError, match=r"must hold one dump .* for each of offices, .*; there is no such folder"):
        mysql.Source("sales", tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"there is no dump, and no file for offices, productlines, employees"):
        mysql.Source("sales", tmp_path)
    write_csv(tmp_path)
    (tmp_path / "payments.csv.gz").unlink()
    with pytest.raises(ValueError, match=r"there is no dump, and no file for payments$"):
        mysql.Source("sales", tmp_path)
    for name in ("a.sql", "b.sql.gz"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"it holds 2 dumps: a\.sql, b\.sql\.gz"):
        mysql.Source("sales", tmp_path)


def test_csv_columns_go_by_name_in_any_order_and_nothing_is_null(tmp_path):
    path = tmp_path / "payments.csv"
    path.write_text('\ufeffamount,CHECK_NUMBER,paymentdate,customerNumber,more\n1.50,"A ""1""",2004-01-01,7,x\n')
    assert list(mysql.csv_rows(path, get("sales", "payments"))) == [["7", 'A "1"', "2004-01-01", "1.50"]]
    path = tmp_path / "orders.csv"
    header = "orderNumber,orderDate,requiredDate,shippedDate,status,comments,customerNumber\n"
    path.write_text(header + '1,2004-01-01,2004-01-02,,Shipped,"two\nlines",7\n2,2004-01-01,2004-01-02,NULL,x,\\N,7\n')
    rows = list(mysql.csv_rows(path, get("sales", "orders")))
    assert [(row[3], row[5]) for row in rows] == [(None, "two\nlines"), (None, None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("customerNumber,amount\n", "there is no column checkNumber, paymentDate; the header must name customerNumber"),
        ("", "there is no column customerNumber, checkNumber, paymentDate, amount"),
        ("customerNumber,checkNumber,paymentDate,amount\n1,2\n", "line 2: 2 values, but the header has 4"),
    ],
)
def test_csv_that_is_wrong_is_refused_with_a_reason(tmp_path, text, message):
    path = tmp_path / "payments.csv"
    path.write_text(text)
    with pytest.raises(LoadError, match=message):
        list(mysql.csv_rows(path, get("sales", "payments")))


class Screen:
    """Keeps what steps say."""

    def __init__(self):
        self.said = []

    def step(self, name):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def done(self, text):
        self.said.append(text)


@pytest.fixture(scope="module")
def loaded(client, tmp_path_factory):
    """A database that was filled from CSV files, as ``millrace run`` does it; with the rows that they had."""
    try:
        server_program()
    except AwsError as error:
        pytest.skip(error.message)
    folder = tmp_path_factory.mktemp("csv")
    rows = write_csv(folder)
    source = mysql.Source("sales", folder)
    run = SimpleNamespace(slug="sales", aws=SimpleNamespace(client=client), screen=Screen())
    source.prepare(run)
    source.bring(run)
    yield source._server, rows, run.screen.said
    client("rds").delete_db_instance(DBInstanceIdentifier="sales", SkipFinalSnapshot=True)
    client("secretsmanager").delete_secret(SecretId="millrace/sales-source", ForceDeleteWithoutRecovery=True)


def test_csv_files_become_the_tables(loaded):
    server, rows, said = loaded
    assert said[0] == f"127.0.0.1:{server.port}"
    assert said[1] == ", ".join(f"{len(rows[table]):,} {table}" for table in TABLES)
    total = server.run([b"SELECT SUM(quantityOrdered * priceEach) FROM orderdetails"], "classicmodels")
    assert total == [(str(sum(line[2] * line[3] for line in rows["orderdetails"])),)]
    assert server.run([b"SELECT COUNT(*) FROM customers WHERE postalCode IS NULL"], "classicmodels") != [("0",)]


def test_the_secret_says_where_the_source_is(loaded, client):
    server, _, _ = loaded
    secret = client("secretsmanager").get_secret_value(SecretId="millrace/sales-source")["SecretString"]
    assert json.loads(secret) == {
        "host": "127.0.0.1", "port": server.port, "username": "millrace", "password": server.password,
    }  # fmt: skip


def test_the_command_loads_a_dump_where_the_secret_points(loaded, aws, tmp_path, monkeypatch, capsys):
    server, _, _ = loaded
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "y"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    sales.generate(tmp_path, seed=2)
    path = str(tmp_path / sales.FILE)
    assert main(["load", "sales", "--sql", path]) == 1
    assert "holds tables already (customers, employees, offices" in capsys.readouterr().err
    assert main(["load", "sales", "--sql", path, "--replace"]) == 0
    assert f"classicmodels at 127.0.0.1:{server.port}: 7 offices, 7 productlines" in capsys.readouterr().out
    monkeypatch.setenv("MYSQL_PWD", "wrong")
    where = ["--host", "127.0.0.1", "--port", str(server.port), "--user", "millrace"]
    assert main(["load", "sales", "--sql", path, *where]) == 1
    assert "Access denied for user 'millrace'" in capsys.readouterr().err


def test_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    assert main(["load", "retraced", "--sql", str(tmp_path)]) == 1
    assert "retraced has no database as its source" in capsys.readouterr().err
    assert main(["load", "sales", "--sql", str(tmp_path / "d.sql")]) == 1
    assert "d.sql: there is no such file" in capsys.readouterr().err
    (tmp_path / "d.sql").touch()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "y"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert main(["load", "sales", "--sql", str(tmp_path / "d.sql")]) == 1
    error = capsys.readouterr().err
    assert "the secret millrace/sales-source, which cannot be read" in error
    assert "or give --host, --port and --user" in error
