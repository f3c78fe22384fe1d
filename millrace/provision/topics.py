"""SNS topics and who gets their messages by e-mail."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.kinds import Topic
from millrace.provision.account import Account


def make(account: Account, topics: Sequence[Topic]) -> None:
    """Make the topics; subscribing an address again changes nothing."""
    sns = account.client("sns")
    for topic in topics:
        arn = sns.create_topic(Name=topic.name)["TopicArn"]
        for email in topic.emails:
            sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=email)
