"""What the crawler writes is what Athena reads: each format, crawled and then queried."""

import bz2
import gzip
import time

import pytest


@pytest.fixture
def query(client, lake):
    athena = client("athena")

    def run(sql):
        execution = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": lake.database},
            ResultConfiguration={"OutputLocation": f"s3://{lake.bucket}/results/"},
        )["QueryExecutionId"]
        while True:
            status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        assert status["State"] == "SUCCEEDED", status
        rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows[1:]]

    return run


def test_every_format(lake, query):
    for day in ("01", "02"):
        lake.put_parquet(f"events/day=2024-01-{day}/f.parquet", user_id=[1, 2], amount=[1.5, 2.0])
    lake.put("plain/a.csv", "id,name\n1,x\n2,y\n")
    lake.put("zipped/a.csv.gz", gzip.compress(b"id;val;name\n1;1.5;x\n2;2.5;y\n"))
    lake.put("quoted/a.csv", 'id,note,n\n1,"a, b",5\n2,"c",6\n')
    lake.put("json/a.json", '{"id": 1, "Tags": ["a"], "at": {"x": 1}}\n{"id": 2, "Tags": [], "at": {"x": 2}}\n')
    lake.crawl("events/", "plain/", "zipped/", "quoted/", "json/")

    by_day = query("SELECT day, count(*), sum(amount) FROM events GROUP BY day ORDER BY day")
    assert by_day == [["2024-01-01", "2", "3.5"], ["2024-01-02", "2", "3.5"]]
    assert query("SELECT id, name FROM plain ORDER BY id") == [["1", "x"], ["2", "y"]]
    assert query("SELECT id, val, name FROM zipped ORDER BY id") == [["1", "1.5", "x"], ["2", "2.5", "y"]]
    assert query("SELECT id, note, n FROM quoted ORDER BY id") == [["1", "a, b", "5"], ["2", "c", "6"]]
    assert query('SELECT id, cardinality(tags), "at".x FROM json ORDER BY id') == [["1", "1", "1"], ["2", "0", "2"]]


def test_folders_without_names_bzip2_and_numbers_that_widen(lake, query):
    lake.put("t/2024/01/a.json.bz2", bz2.compress(b'{"id": 1, "n": 1}\n') + bz2.compress(b'{"id": 2, "n": 2}\n'))
    lake.put("t/2024/02/a.json.bz2", bz2.compress(b'{"id": 3000000000, "n": 1.5}\n'))
    lake.crawl("t/")
    found = query("SELECT partition_1, id, n FROM t WHERE partition_0 = '2024' ORDER BY id")
    assert found == [["01", "1", "1.0"], ["01", "2", "2.0"], ["02", "3000000000", "1.5"]]


def test_custom_classifiers(lake, glue, query):
    glue.create_classifier(
        CsvClassifier={
            "Name": lake.crawler,
            "Delimiter": "|",
            "QuoteSymbol": "'",
            "ContainsHeader": "ABSENT",
            "Header": ["id", "note"],
        }
    )
    lake.put("t/a.csv", "1|'a | b'\n2|'c'\n")
    lake.crawl("t/", Classifiers=[lake.crawler])
    assert query("SELECT id, note FROM t ORDER BY id") == [["1", "a | b"], ["2", "c"]]
