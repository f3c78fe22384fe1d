"""Reading a real MariaDB: one state of it, whatever is written meanwhile, and only what changed."""

import datetime as dt
from decimal import Decimal

import pytest

from localaws.core import AwsError
from localaws.rds.mariadb import server_program
from localaws.spark.fetch import jdbc_jars
from millrace import source_tables
from millrace.mysql import LoadError
from millrace.sales_reads import reads
from millrace.samples import sales as sample
from millrace.sources import mysql
from tests.spark.sales_shop import Shop

DATABASE = "classicmodels"


@pytest.fixture(scope="module")
def server(client):
    """A MariaDB with nothing in it."""
    try:
        server_program()
    except AwsError as error:
        pytest.skip(error.message)
    if not jdbc_jars():
        pytest.skip("there is no JDBC driver for MySQL: apt-get install libmariadb-java")
    rds = client("rds")
    yield mysql.create(rds, "snapshots")
    rds.delete_db_instance(DBInstanceIdentifier="snapshots", SkipFinalSnapshot=True)


def fill(server, shop):
    """Make the database anew, with the shop's rows."""
    statements = [f"DROP DATABASE IF EXISTS {DATABASE}; CREATE DATABASE {DATABASE}; USE {DATABASE};\n"]
    for contract in source_tables.tables("sales"):
        names = [column.name for column in contract.columns]
        rows = [[row[name] for name in names] for row in shop.tables[contract.table]]
        statements += [source_tables.definition(contract), *source_tables.inserts(contract, rows)]
    server.run(statement.encode() for statement in statements)


def shop():
    """Values that are told apart only if every byte is: blanks, nulls, quotes, line ends, other scripts, signs."""
    made = Shop().line("Cars").office("1").employee(1).employee(2, reports_to=1)
    made.product("S1", product_line="Cars", product_description=' two\r\nlines, "quoted" \\ it\'s 大阪 🚂 ')
    made.customer(10, customer_name="Čapek ", sales_rep_employee_number=2, credit_limit=Decimal("0.00"))
    made.customer(11, postal_code="", address_line2=" ").customer(12)
    made.order(1, "2004-01-31", 10, "Shipped ", [("S1", 3, "19.99")])
    made.order(2, "2004-02-29", 11, "Cancelled", [("S1", 1, "0.10")])
    made.order(3, "2004-02-01", 12, "resolved", [("S1", 2, "7.00")])
    made.payment(10, "A", "2004-02-03", "59.97").payment(10, "B", "2005-02-03", "0.01")
    return made


@pytest.fixture
def source(spark, server):
    """The database as a job reads it."""
    from millrace.spark.snapshot import Source

    fill(server, shop())
    return Source(spark, f"jdbc:mysql://{server.host}:{server.port}/{DATABASE}", server.user, server.password)


def take(source, published=None):
    from millrace.spark.snapshot import Snapshot

    return Snapshot(source, reads(), published or {}).take()


def rows(state, name):
    """The rows that were read of a table, by the contract's columns."""
    read = next(read for read in reads() if read.name == name)
    return sorted((tuple(row[column] for column in read.names) for row in state.rows(name).collect()), key=str)


class Spy:
    """A source that tells what is read, and lets something happen before each statement."""

    def __init__(self, source, before=lambda name, count: None):
        self._source, self._before = source, before
        self.reads = []

    def totals(self, statement):
        self._before("totals", len(self.reads))
        return self._source.totals(statement)

    def read(self, read, where):
        self._before(read.name, len(self.reads))
        self.reads.append((read.name, where))
        return self._source.read(read, where)


def test_every_value_arrives_as_it_is(source):
    state = take(source)
    for name in ("customers", "employees", "offices"):
        columns = [column.name for column in next(r for r in reads() if r.name == name).columns["t"]]
        assert rows(state, name) == sorted((tuple(row[c] for c in columns) for row in shop().tables[name]), key=str)
    assert rows(state, "products") == [
        (
            "S1",
            "Product S1",
            "Cars",
            "1:1",
            "V",
            ' two\r\nlines, "quoted" \\ it\'s 大阪 🚂 ',
            Decimal("1.00"),
            Decimal("2.00"),
        )
    ]
    names = ("order_number", "product_code", "quantity_ordered", "price_each", "order_line_number", "order_date",
             "required_date", "shipped_date", "status", "customer_number")  # fmt: skip
    expected = [tuple(line[name] for name in names) for line in shop().order_lines]
    assert rows(state, "order_lines") == sorted(expected, key=str)


def test_the_control_totals_are_the_sources(source):
    from millrace.spark.snapshot import Totals

    totals = take(source).totals
    found = {part: (t.row_count, str(t.amount), str(t.revenue)) for part, t in totals.items()}
    assert found == {
        ("order_lines", "2004-01"): (1, "59.97", "59.97"),
        ("order_lines", "2004-02"): (2, "14.10", "14.00"),
        ("payments", "2004-02"): (1, "59.97", "0.00"),
        ("payments", "2005-02"): (1, "0.01", "0.00"),
        ("customers", ""): (3, "0.00", "0.00"),
        ("employees", ""): (2, "0.00", "0.00"),
        ("offices", ""): (1, "0.00", "0.00"),
        ("products", ""): (1, "0.00", "0.00"),
        ("productlines", ""): (1, "0.00", "0.00"),
    }
    assert all(isinstance(value, Totals) for value in totals.values())


@pytest.mark.parametrize(
    ("change", "months"),
    [
        ("UPDATE orders SET status = 'Disputed' WHERE orderNumber = 1", ["2004-01"]),
        ("UPDATE orders SET shippedDate = '2004-02-07' WHERE orderNumber = 1", ["2004-01"]),
        ("UPDATE orders SET orderDate = '2004-03-01' WHERE orderNumber = 3", ["2004-02", "2004-03"]),
        ("DELETE FROM orderdetails WHERE orderNumber = 1", []),
        ("UPDATE orderdetails SET priceEach = 19.98 WHERE orderNumber = 1", ["2004-01"]),
        ("UPDATE orders SET comments = 'nothing that is read'", []),
    ],
)
def test_only_the_months_that_changed_are_read(source, server, change, months):
    before = take(source).totals
    server.run([change.encode()], DATABASE)
    spy = Spy(source)
    state = take(spy, before)
    read = [where for name, where in spy.reads if name == "order_lines"]
    assert [month for where in read for month in sorted({m for w in where for m in _months(w)})] == months
    assert "payments" not in [name for name, _ in spy.reads]
    assert state.unread("payments") == ["2004-02", "2005-02"]
    found = {row.order_number for row in state.rows("order_lines").collect()} if months else set()
    assert found == {number for number, month in _orders(server) if month in months}
    assert state.unread("order_lines") == sorted({m for _, m in _orders(server)} - set(months))


def _months(where):
    return where.split("IN (")[1].rstrip(")").replace("'", "").split(", ")


def _orders(server):
    asked = (
        "SELECT DISTINCT orderNumber, DATE_FORMAT(orderDate, '%Y-%m') FROM orders JOIN orderdetails USING (orderNumber)"
    )
    return [(int(number), month) for number, month in server.run([asked.encode()], DATABASE)]


def test_what_changes_while_it_is_read_is_read_again(source, server):
    def interfere(name, count):
        if name == "customers":  # which is read first, after the control totals
            server.run([b"UPDATE customers SET city = 'Elsewhere' WHERE customerNumber = 12"], DATABASE)
        if name == "products":  # after the order lines were read
            server.run([b"UPDATE orderdetails SET quantityOrdered = 100 WHERE orderNumber = 2"], DATABASE)
            server.run([b"DELETE FROM orderdetails WHERE orderNumber = 1"], DATABASE)

    spy = Spy(source, interfere)
    state = take(spy)
    assert [name for name, _ in spy.reads[7:]] == ["order_lines"]
    assert {row.order_number: row.quantity_ordered for row in state.rows("order_lines").collect()} == {2: 100, 3: 2}
    assert [row.city for row in state.rows("customers").collect() if row.customer_number == 12] == ["Elsewhere"]
    assert str(state.totals["order_lines", "2004-02"].amount) == "24.00"
    assert ("order_lines", "2004-01") not in state.totals


def test_a_source_that_never_rests_fails_the_run(source, server):
    from millrace.spark.snapshot import SourceChanges

    def interfere(name, count):
        if name in ("totals", "order_lines"):
            change = b"UPDATE orderdetails SET quantityOrdered = quantityOrdered + 1 WHERE orderNumber = 2"
            server.run([change], DATABASE)

    with pytest.raises(SourceChanges, match="order_lines changed each time that they were read, 5 times"):
        take(Spy(source, interfere))


def test_reading_writes_nothing_and_is_shared_between_connections(source, server):
    read = next(read for read in reads() if read.name == "order_lines")
    months = source.read(read, ["_month IN ('2004-01')", "_month IN ('2004-02')"])
    assert months.rdd.getNumPartitions() == 2
    assert sorted(row.order_number for row in months.collect()) == [1, 2, 3]
    with pytest.raises(Exception, match="READ ONLY transaction"):
        source.totals("SELECT 1 FROM customers FOR UPDATE").collect()


def test_a_dump_of_older_types_is_read_the_same(source, server, spark):
    expected = take(source).totals
    older = (
        "orderdetails MODIFY priceEach DOUBLE NOT NULL",
        "orders MODIFY orderDate DATETIME NOT NULL, MODIFY requiredDate DATETIME NOT NULL, MODIFY shippedDate DATETIME",
        "payments MODIFY amount DOUBLE NOT NULL",
        "customers MODIFY creditLimit DOUBLE, MODIFY customerName VARCHAR(50) CHARACTER SET latin2",
    )
    server.run([f"ALTER TABLE {change};\n".encode() for change in older], DATABASE)
    assert take(source).totals == expected


def test_the_sample_is_read_whole(source, server, tmp_path):
    summary = sample.generate(tmp_path, seed=3)
    server.run([f"DROP DATABASE {DATABASE}".encode()])
    loaded = server.load_dump(tmp_path / sample.FILE, DATABASE, source_tables.tables("sales"))
    assert loaded == dict(summary.rows)
    state = take(source)
    assert state.row_count("order_lines") == state.rows("order_lines").count() == summary.rows["orderdetails"]
    first, last = (state.rows("order_lines").agg({"order_date": how}).first()[0] for how in ("min", "max"))
    assert dt.date(2003, 1, 1) < first < last == dt.date(2005, 5, 31)


def test_a_dump_that_is_wrong_is_refused_with_a_reason(server, tmp_path):
    contracts = source_tables.tables("sales")
    path = tmp_path / "d.sql"

    def load(text):
        server.run([f"DROP DATABASE IF EXISTS {DATABASE}; DROP DATABASE IF EXISTS other".encode()])
        path.write_text(text)
        server.load_dump(path, DATABASE, contracts)

    with pytest.raises(LoadError, match=r"d\.sql: ERROR 1064 \(42000\) at line 2: You have an error in your SQL"):
        load("CREATE TABLE a (b INT);\nCREATE TABLLE;\n")
    with pytest.raises(LoadError, match=r"d\.sql: there is no table \w+ in the database classicmodels"):
        load("CREATE TABLE a (b INT);\n")
    sample.generate(tmp_path)
    good = (tmp_path / sample.FILE).read_text()
    with pytest.raises(LoadError, match=r"there is no table \w+ in .* classicmodels; it is in other, so change"):
        load(good.replace("`classicmodels`", "`other`"))
    with pytest.raises(LoadError, match=r"the table payments has no column amount \(see datasets/sales/payments"):
        load(good + "ALTER TABLE payments DROP COLUMN amount;\n")
    load("\ufeff" + good)
