"""Diagrams of tables from contracts."""

import dataclasses

from millrace import contracts, diagrams


def test_a_diagram_has_columns_keys_and_relations():
    tables = contracts.of_pipeline("sales")
    orders = tables["orders"]
    small = dataclasses.replace(
        orders, columns=tuple(c for c in orders.columns if c.name in ("order_number", "comments", "customer_number"))
    )
    assert diagrams.diagram([small]).splitlines() == [
        "erDiagram",
        "    orders {",
        '        bigint order_number PK "The order\'s number"',
        '        string comments "Remarks, in several lines"',
        '        bigint customer_number FK "Who ordered"',
        "    }",
        "    customers ||--o{ orders : customer_number",
    ]
    lines = diagrams.diagram([tables["customers"], tables["orderdetails"]]).splitlines()
    assert "    employees |o--o{ customers : sales_rep_employee_number" in lines
    assert '        string product_code PK, FK "The product"' in lines


def test_what_is_referred_to_is_there_and_the_page_is_current():
    (page,) = [text for slug, text in diagrams.pages() if slug == "sales"]
    assert (diagrams._FOLDER / "sales-tables.md").read_text(encoding="utf-8") == page
    tables = contracts.of_pipeline("sales")
    for contract in tables.values():
        for column in contract.columns:
            if column.references:
                table, name = column.references
                assert tables[table].column(name).type == column.type, (contract.table, column.name)
                assert name in tables[table].key
