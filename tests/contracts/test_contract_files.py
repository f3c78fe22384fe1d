import decimal
import re

import pytest
import yaml

from millrace import contracts
from millrace.contracts import ContractError

GOOD = {
    "table": "logins",
    "kind": "raw",
    "title": "Logins",
    "grain": "one row per login",
    "owner": "us",
    "location": "processed/p/logins/",
    "key": ["id"],
    "partitions": {"upload_date": "string"},
    "columns": {
        "id": {"type": "string", "description": "Who", "required": True, "aliases": ["user"]},
        "price": {"type": "decimal(9, 2)", "description": "Price", "min": 0.5, "missing": "ok"},
    },
}


@pytest.fixture
def load(tmp_path):
    def load(**changes):
        path = tmp_path / "logins.yaml"
        path.write_text(yaml.safe_dump({**GOOD, **changes}))
        return contracts.load(path)

    return load


def test_a_contract_is_read_whole(load):
    contract = load()
    assert (contract.table, contract.kind, contract.key) == ("logins", "raw", ("id",))
    assert contract.partitions == (("upload_date", "string"),)
    assert contract.column("id").required and contract.column("id").aliases == ("user",)
    price = contract.column("price")
    assert (price.type, price.decimal, price.min, price.missing_ok) == (
        "decimal(9,2)",
        (9, 2),
        decimal.Decimal("0.5"),
        True,
    )
    assert (contract.csv.timezone, contract.csv.max_line_bytes, contract.max_rejected) == ("UTC", 1 << 20, 0.05)
    assert contract.uri("millrace") == "s3://millrace-processed/p/logins/"
    assert (contract.stored, load(stored="csv").stored) == ("parquet", "csv")


def column(**entry):
    return {"columns": {"id": {"type": "string", "description": "Who", **entry}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stored": "orc"}, "stored: 'orc' is not known; choose among parquet, csv"),
        ({"table": "others"}, "table: 'others' is not the file's name in lower case; write logins"),
        ({"grain": "logins"}, "grain: 'logins' does not say what a row is; begin with \"one row per …\""),
        ({"kind": "odd"}, "kind: 'odd' is not known; choose among raw, derived, source"),
        (
            {"kind": "source"},
            "location: 'processed/p/logins/' is not <bucket role>/<key prefix>/; begin with one of source",
        ),
        (
            column(references="users"),
            "columns.id.references: 'users' is not <table>.<column>; name a column of another",
        ),
        ({"location": "s3://b/x/"}, "location: 's3://b/x/' is not <bucket role>/<key prefix>/"),
        ({"key": ["nobody"]}, "key: 'nobody' is not a column; choose among id, price"),
        ({"colour": "red"}, "the document.colour: unknown key; known are table,"),
        ({"max_rejected": 5}, "max_rejected: 5 is not a share of rows; write a number from 0 to 1"),
        ({"partitions": {"id": "string"}}, "partitions.id: is also a column"),
        ({"period": "month"}, "period: the table is not partitioned by it; write partitions: {period: string}"),
        (
            {"period": "week", "partitions": {"period": "string"}},
            "period: 'week' is not known; choose among",
        ),
        ({"csv": {"delimiter": "x"}}, "csv.delimiter: 'x' is not supported"),
        ({"csv": {"timezone": "Mars/Base"}}, "csv.timezone: 'Mars/Base' is no time zone"),
        ({"csv": {"encoding": "klingon"}}, "csv.encoding: 'klingon' is no codec"),
        (column(type="text"), "columns.id.type: 'text' is not known; choose among string, bigint,"),
        (column(type="decimal(2,3)"), "columns.id.type: 'decimal(2,3)' is not known"),
        (column(required="yes"), "columns.id.required: 'yes' is neither true nor false"),
        (column(required=True, missing="ok"), "columns.id.missing: a required column cannot be absent"),
        (column(allowed=[True]), "columns.id.allowed: True is not a string; put it in quotes"),
        (column(min=3), "columns.id.min: a string column has no order; drop it"),
        (column(pattern="("), "columns.id.pattern: '(' is no regular expression"),
        (column(latest="upload"), "columns.id.latest: 'upload' on a string column"),
        (column(size=3), "columns.id.size: unknown key"),
        ({"columns": {"Id": {"type": "string", "description": "x"}}}, "columns.Id: not a column name"),
    ],
)
def test_an_error_names_file_key_and_cure(load, changes, message):
    with pytest.raises(ContractError, match=re.escape(message)) as caught:
        load(**changes)
    assert "logins.yaml: " in str(caught.value)


def test_yaml_that_is_none(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [")
    with pytest.raises(ContractError, match=r"x\.yaml: not YAML"):
        contracts.load(tmp_path / "x.yaml")
    with pytest.raises(ContractError, match="there is no such contract"):
        contracts.load(tmp_path / "y.yaml")


def test_the_contracts_of_every_pipeline_can_be_read():
    for folder in contracts.DATASETS.iterdir():
        assert contracts.of_pipeline(folder.name)
