"""Rules of EventBridge, their targets, and the buckets that tell of what arrives in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from millrace import resources
from millrace.kinds import Rule, Target
from millrace.provision.account import Account
from millrace.provision.account import make as create
from millrace.resources import Pipeline


def make(account: Account, declared: Pipeline, *, enabled: bool) -> None:
    """Make the pipeline's rules. Without `enabled` they are there, and nothing comes of events."""
    if not declared.rules:
        return
    for bucket in resources.common().buckets:
        if bucket.events:
            account.client("s3").put_bucket_notification_configuration(
                Bucket=account.names.bucket(bucket.name),
                NotificationConfiguration={"EventBridgeConfiguration": {}},
            )
    make_rules(account, declared.rules, enabled=enabled)


def make_rules(account: Account, rules: Sequence[Rule], *, enabled: bool = True) -> None:
    """Make rules and their targets."""
    for rule in rules:
        _rule(account, rule, "ENABLED" if enabled else "DISABLED")


def _rule(account: Account, rule: Rule, state: str) -> None:
    events = account.client("events")
    what: dict[str, Any] = {}
    if rule.pattern is not None:
        what["EventPattern"] = json.dumps(account.names.resolve(rule.pattern))
    if rule.schedule is not None:
        what["ScheduleExpression"] = rule.schedule
    arn = events.put_rule(Name=rule.name, Description=rule.description, State=state, **what)["RuleArn"]
    for target in rule.targets:
        if target.queue is not None:
            _admit(account, target.queue)
            continue
        create(
            account.client("lambda").add_permission,
            FunctionName=target.function,
            StatementId=rule.name,
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=arn,
        )
    answer = events.put_targets(Rule=rule.name, Targets=[_target(account, target) for target in rule.targets])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"EventBridge refused targets of the rule {rule.name}: {answer['FailedEntries']}")


def _target(account: Account, target: Target) -> dict[str, Any]:
    """A target as EventBridge's API has it; what its input takes from the event (``$.time``), EventBridge puts in."""
    told = account.names.resolve(target.input)
    paths = {key: value for key, value in (told or {}).items() if isinstance(value, str) and value.startswith("$.")}
    where = account.arn("sqs", target.queue) if target.queue else account.arn("lambda", f"function:{target.function}")
    what: dict[str, Any] = {"Id": target.queue or target.function, "Arn": where}
    if paths:
        template = json.dumps({**told, **{key: f"<{key}>" for key in paths}})
        what["InputTransformer"] = {"InputPathsMap": paths, "InputTemplate": template}
    elif told is not None:
        what["Input"] = json.dumps(told)
    return what


def _admit(account: Account, queue: str) -> None:
    """Let the account's rules send to a queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": account.arn("sqs", queue),
        "Condition": {"ArnLike": {"aws:SourceArn": account.arn("events", "rule/*")}},
    }
    sqs = account.client("sqs")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
