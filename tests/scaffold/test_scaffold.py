"""``make new``: what it makes of a CSV, and that what it writes passes all checks, its tests and its demo unchanged."""

import datetime as dt
import os
import subprocess
import sys

import pytest
import yaml

from millrace import contracts
from millrace.resources import ROOT
from millrace.scaffold.columns import NewTable, of_csv
from millrace.scaffold.pipeline import create, render
from tests import checkout

ORDERS = (
    "Order No;Customer E-Mail;Contact Name;Ordered at;Ship Date;State;Amount;Weight;Gift?;Post Code;Größe;\n"
    "A-1;x@example.org;Ann;2024-01-05T10:00:00Z;2024-01-07;new;12.50;1e3;yes;01234;M;\n"
    "A-2;y@example.org;Bo;2024-01-06T11:00:00Z;;paid;7;0.25;no;99999;L;\n"
    "A-3;x@example.org;Cy;2024-01-06T12:30:00Z;2024-01-08;paid;0.5;3;no;00001;;\n"
    + "".join(
        f"A-{n};z{n}@example.org;Di;2024-01-07T10:00:00Z;2024-01-09;new;1.00;2;yes;12345;M;\n" for n in range(4, 12)
    )
)


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


def test_columns_are_inferred_as_the_converter_reads_them(orders):
    table = of_csv(orders)
    assert [(c.name, c.type, c.final, c.required) for c in table.columns] == [
        ("order_no", "string", "order_no", True),
        ("customer_e_mail", "string", "customer_e_mail_hash", False),
        ("contact_name", "string", None, False),
        ("ordered_at", "timestamp", "ordered_at", False),
        ("ship_date", "date", "ship_date", False),
        ("state", "string", "state", False),
        ("amount", "decimal(18,2)", "amount", False),
        ("weight", "double", "weight", False),
        ("gift", "boolean", "gift", False),
        ("post_code", "string", "post_code", False),
        ("grosse", "string", "grosse", False),
    ]
    assert table.key == ("order_no",)
    assert (table.day.name, table.category.name, table.category.values) == ("ordered_at", "state", ("new", "paid"))
    assert [c.alias for c in table.columns if c.alias] == ["Größe"]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("a,b\n1,2\n-3,+4\n", ["bigint", "string"]),  # what has a plus may be a telephone number
        ("a\n9223372036854775808\n", ["string"]),
        ("a,b\n1.5,1.23456\n2,3\n", ["decimal(18,1)", "double"]),
        ("a,b\n1,t\n0,f\n", ["bigint", "boolean"]),
        ("a,b\n2024-02-30,2024-01-01\n2024-02-01,1:00\n", ["string", "string"]),
        ("a,b\n,\n,\n", ["string", "string"]),
    ],
)
def test_a_type_takes_all_values_that_were_seen(tmp_path, text, types):
    (tmp_path / "x.csv").write_text(text)
    assert [column.type for column in of_csv(tmp_path / "x.csv").columns] == types


def test_a_table_in_which_nothing_is_unique_goes_by_all_columns(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n1,2\n")
    assert of_csv(tmp_path / "x.csv").key == ("a", "b")


def test_names_that_sql_takes_for_its_own_and_odd_ones_are_made_plain(tmp_path):
    (tmp_path / "x.csv").write_text('Order,date,"Größe: x",größe-y,,2nd,upload date\n1,2024-01-01,a,b,c,d,e\n')
    table = of_csv(tmp_path / "x.csv")
    assert [(column.name, column.alias) for column in table.columns] == [
        ("order_value", "Order"),
        ("date_value", "date"),
        ("grosse_x", "Größe: x"),
        ("grosse_y", "größe-y"),
        ("c_2nd", "2nd"),
        ("upload_date_value", "upload date"),
    ]
    texts = render("odd", "Odd", table)
    raw = yaml.safe_load(texts["datasets/odd/odd.yaml"])
    assert raw["columns"]["grosse_x"]["aliases"] == ["Größe: x"]
    assert raw["columns"]["grosse_x"]["description"] == "Größe: x, as uploaded"
    assert "    date_value AS day," in "".join(texts["sql/odd/by_date.sql"].splitlines(keepends=True))


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text("id,E-Mail,email\n")
    with pytest.raises(ValueError, match=r"cannot be told apart: E-Mail, email"):
        of_csv(tmp_path / "x.csv")


def test_a_file_without_a_header_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("\n\n")
    with pytest.raises(ValueError, match="has no header line"):
        of_csv(tmp_path / "x.csv")


@pytest.mark.parametrize("slug", ["Orders", "1st", "or-ders", "common", "x"])
def test_what_cannot_be_a_name_is_refused(slug, tmp_path):
    with pytest.raises(ValueError, match="cannot be a pipeline's name"):
        create(slug, None, tmp_path)


def test_nothing_is_overwritten(tmp_path):
    create("orders", None, tmp_path)
    with pytest.raises(ValueError, match=r"datasets/orders/orders.yaml is there already"):
        create("orders", None, tmp_path)


def test_signups_is_what_a_new_pipeline_looks_like():
    """But for its contracts, sample and tests, which know more of it."""
    raw, final = (contracts.get("signups", table) for table in ("signups", "signups_final"))
    assert raw.key == ("id",) and final.key == ("signup_id",)
    from millrace.scaffold.columns import NewColumn

    columns = {
        "id": NewColumn("id", "bigint", "x", final="signup_id", required=True),
        "email": NewColumn("email", "string", "x", final="email_hash", hash=True),
        "signup_date": NewColumn("signup_date", "date", "x", final="signed_up_on"),
        "status": NewColumn("status", "string", "x", final="status", values=("active",)),
    }
    table = NewTable(tuple(columns.values()), ("id",), columns["signup_date"], columns["status"])
    rendered = render("signups", "Sign-ups", table)
    same = ("dags/", "glue/", "infra/", "dashboards/", "sql/")
    for path in (path for path in rendered if path.startswith(same)):
        text = (ROOT / path).read_text()
        if path.endswith("checks.sql"):  # which has one more
            assert rendered[path].splitlines()[:20] == text.splitlines()[:20]
        else:
            assert rendered[path] == text, path


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of what is tracked or new in this checkout, with a pipeline scaffolded from a CSV."""
    folder = tmp_path_factory.mktemp("copy")
    checkout.copy_to(folder)
    (folder / "example.csv").write_text(ORDERS)
    run(folder, "-m", "millrace", "new", "orders", "--csv", "example.csv")
    return folder


def run(folder, *arguments):
    """Run Python in the copy, as make does in the checkout."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
    return done.stdout


@pytest.mark.whole
def test_a_new_pipeline_passes_the_checks(copy):
    new = ["dags/orders.py", "glue/orders.py", "millrace/samples/orders.py", "tests/pipeline/test_orders_pipeline.py"]
    run(copy, "-m", "ruff", "check", *new)
    run(copy, "-m", "ruff", "format", "--check", *new)
    run(copy, "-m", "mypy", "millrace/samples/orders.py")
    run(copy, "-m", "sqlfluff", "lint", "--disable-progress-bar", "sql/orders")
    final = yaml.safe_load((copy / "datasets/orders/orders_final.yaml").read_text())
    assert "contact_name" not in final["columns"]
    assert final["columns"]["customer_e_mail_hash"]["hash"] == "folded"


@pytest.mark.whole
def test_a_new_pipeline_passes_its_tests_and_those_of_all(copy):
    run(copy, "-m", "pytest", "-q", "tests/pipeline/test_orders_pipeline.py")
    run(
        copy,
        "-m",
        "pytest",
        "-q",
        "tests/cli",
        "tests/contracts",
        "tests/dags",
        "tests/provision",
        "-k",
        "orders or dag",
    )


@pytest.mark.whole
def test_a_new_pipeline_has_a_demo(copy):
    shown = run(copy, "-m", "millrace", "demo", "orders")
    assert "success in" in shown and "orders_final" in shown
    out = copy / ".millrace/demo/orders/out"
    assert {"by_date.csv", "by_state.csv", "chart.png", "chart.html", "ledger.csv", "rejects.csv"} <= {
        path.name for path in out.iterdir()
    }
    first, *_ = (out / "by_date.csv").read_text().splitlines()[1:]
    assert dt.date.fromisoformat(first.split(",")[0][:10])
