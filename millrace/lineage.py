"""OpenLineage: which tables and columns each task reads and writes, told from the contracts and the SQL.

Airflow's provider tells who ran what and when; these extractors (setting ``extractors`` of the section
``openlineage``) tell of what. The amazon provider's own for Athena knows no UNLOAD and not all of Trino's SQL; for
Lambda and Glue there is none. Tables have the names that it gives to Athena's: ``awsathena://athena.<region>.…``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow.providers.openlineage.extractors import BaseExtractor, OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import column_lineage_dataset as columns
from openlineage.client.facet_v2 import external_query_run, schema_dataset, sql_job, symlinks_dataset

from millrace import contracts, resources
from millrace.contracts import Contract

_UNLOAD = re.compile(r"UNLOAD\s*\((?P<query>.*)\)\s*TO\s+'", re.DOTALL | re.IGNORECASE)

Table = tuple[str, str]  # database and name
# For each column of a result, the columns that it is made of: (database, table, column).
Sources = Mapping[str, Sequence[tuple[str, str, str]]]


class _Extractor(BaseExtractor):  # type: ignore[misc]  # Airflow's, which mypy does not follow
    """What all have in common: lineage is known when the task has ended and its templates are rendered."""

    operators: tuple[str, ...] = ()

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        """The operators that it is for."""
        return list(cls.operators)

    def _execute_extraction(self) -> Any:
        return OperatorLineage()

    def extract_on_complete(self, task_instance: Any) -> Any:
        """What the task read and wrote."""
        return self.lineage(self.operator)

    def lineage(self, task: Any) -> Any:
        """The same, of the operator with rendered templates."""
        raise NotImplementedError


class AthenaLineage(_Extractor):
    """A statement: the tables that it reads; what it writes, column by column. An UNLOAD is named by its task."""

    operators = ("AthenaOperator",)

    def lineage(self, task: Any) -> Any:
        """See the class."""
        tables, written, sources = read_sql(task.query, task.database)
        if _UNLOAD.search(task.query) and _contract(task.database, task.task_id):
            written = task.database, task.task_id
        run = {}
        if task.query_execution_id:
            run["externalQuery"] = external_query_run.ExternalQueryRunFacet(task.query_execution_id, "awsathena")
        return OperatorLineage(
            inputs=[_input(database, table) for database, table in tables],
            outputs=[_output(*written, sources)] if written else [],
            job_facets={"sql": sql_job.SQLJobFacet(task.query)},
            run_facets=run,
        )


class LambdaLineage(_Extractor):
    """A converter reads uploads and writes their table; the publishing function writes the tables it is given."""

    operators = ("LambdaInvokeFunctionOperator",)

    def lineage(self, task: Any) -> Any:
        """See the class."""
        payload = json.loads(task.payload or "{}")
        slug, keys = payload.get("pipeline"), [file["key"] for file in payload.get("files", [])]
        # Of a build, readers see nothing before the step that publishes it.
        published = payload.get("tables", []) if payload.get("step") == "publish" else []
        tables = {key.split("/")[1] for key in keys} | {table["name"] for table in published}
        return OperatorLineage(
            inputs=[InputDataset(f"s3://{payload['bucket']}", key) for key in keys],
            outputs=[_output(slug, name, {}) for name in sorted(tables) if _contract(slug, name)],
        )


class GlueLineage(_Extractor):
    """A job named after its pipeline reads the raw or source tables and writes the derived ones of the contracts."""

    operators = ("GlueJobInTurnOperator",)

    def lineage(self, task: Any) -> Any:
        """See the class."""
        slug = task.job_name
        found = contracts.of_pipeline(slug).values() if slug in resources.slugs() else ()
        read = [contract for contract in found if contract.kind != "derived"]
        written = [contract for contract in found if contract.kind == "derived"]
        return OperatorLineage(
            inputs=[_input(slug, contract.table) for contract in read],
            outputs=[_output(slug, contract.table, _declared(contract)) for contract in written],
        )


def read_sql(text: str, database: str) -> tuple[list[Table], Table | None, Sources]:
    """The tables that a statement reads, the one that it creates, and what the columns of its result are made of.

    Without sqlglot, or where it cannot read the statement, nothing is known.
    """
    try:
        from sqlglot import exp, parse_one
        from sqlglot.errors import SqlglotError
        from sqlglot.lineage import lineage
        from sqlglot.optimizer.qualify import qualify
    except ImportError:
        return [], None, {}

    def table(found: Any) -> Table:
        return found.db or database, found.name.partition("$")[0]  # "t$partitions" tells of t

    unload = _UNLOAD.search(text)
    try:
        query: Any = parse_one(unload["query"] if unload else text, dialect="athena")
        created = None
        if isinstance(query, exp.Create) and query.expression:
            created, query = table(query.find(exp.Table)), query.expression
        if not isinstance(query, exp.Query):
            return [], created, {}
        named = {part.alias for part in query.find_all(exp.CTE)}
        tables = [found for found in query.find_all(exp.Table) if found.db or found.name not in named]
        for found in tables:
            found.set("db", exp.to_identifier(found.db or database))
        read = sorted({table(found) for found in tables})
        schema: dict[str, Any] = {}
        for base, name in read:
            if contract := _contract(base, name):
                schema.setdefault(base, {})[name] = {column: kind for column, kind, _ in _columns(contract)}
        sources = {}
        whole = qualify(query.copy(), schema=schema, dialect="athena", validate_qualify_columns=False)
        for name in whole.named_selects:
            nodes = lineage(name, query, schema=schema, dialect="athena").walk()
            ends = [node for node in nodes if not node.downstream and isinstance(node.source, exp.Table)]
            sources[name] = sorted({(*table(node.source), node.name.rpartition(".")[2].strip('"')) for node in ends})
    except SqlglotError:
        return [], None, {}
    return read, created, sources


def _declared(contract: Contract) -> Sources:
    """What the columns of a derived table are made of, where its contract says from which table it comes."""
    if contract.source is None:
        return {}
    return {
        column.name: [(contract.pipeline, contract.source, column.source or column.name)] for column in contract.columns
    }


def _contract(database: str | None, table: str) -> Contract | None:
    """The contract of a table; a database has its pipeline's name."""
    return contracts.of_pipeline(database).get(table) if database in resources.slugs() else None


def _columns(contract: Contract) -> Iterator[tuple[str, str, str | None]]:
    """Name, type and description of all columns, those of partitions too."""
    for column in contract.columns:
        yield column.name, column.type, column.description
    for name, kind in contract.partitions:
        yield name, kind, None


def _name(database: str, table: str) -> tuple[str, str]:
    from airflow.providers.amazon.aws.hooks.athena import AthenaHook

    return f"awsathena://athena.{AthenaHook().conn_region_name}.amazonaws.com", f"AwsDataCatalog.{database}.{table}"


def _facets(contract: Contract | None) -> dict[str, Any]:
    """The table's columns and where it lies."""
    if contract is None:
        return {}
    from millrace.steps import BUCKET_PREFIX

    bucket, _, path = contract.uri(BUCKET_PREFIX).removeprefix("s3://").partition("/")
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=name, type=kind, description=text)
        for name, kind, text in _columns(contract)
    ]
    place = symlinks_dataset.Identifier(namespace=f"s3://{bucket}", name=path, type="TABLE")
    return {
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
        "symlinks": symlinks_dataset.SymlinksDatasetFacet(identifiers=[place]),
    }


def _input(database: str, table: str) -> Any:
    return InputDataset(*_name(database, table), facets=_facets(_contract(database, table)))


def _output(database: str, table: str, sources: Sources) -> Any:
    facets = _facets(_contract(database, table))
    fields = {
        name: columns.Fields([columns.InputField(*_name(base, origin), column) for base, origin, column in of])
        for name, of in sources.items()
        if of
    }
    if fields:
        facets["columnLineage"] = columns.ColumnLineageDatasetFacet(fields=fields)
    return OutputDataset(*_name(database, table), facets=facets)
