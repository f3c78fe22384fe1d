"""Rulesets of Glue Data Quality."""

from __future__ import annotations

from millrace.provision.account import Account
from millrace.provision.account import make as create
from millrace.resources import Pipeline


def make(account: Account, declared: Pipeline) -> None:
    """Make the pipeline's rulesets, or bring their rules up to date."""
    glue = account.client("glue")
    for ruleset in declared.rulesets:
        what = {"Name": ruleset.name, "Description": ruleset.description, "Ruleset": ruleset.text}
        table = {"DatabaseName": declared.database, "TableName": ruleset.table}
        if not create(glue.create_data_quality_ruleset, **what, TargetTable=table):
            glue.update_data_quality_ruleset(**what)
