"""Kinesis streams as moto keeps them, where we changed it."""


def test_a_stream_has_the_tags_that_it_was_made_with(client):
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="tagged", ShardCount=1, Tags={"project": "x"})
    assert kinesis.list_tags_for_stream(StreamName="tagged")["Tags"] == [{"Key": "project", "Value": "x"}]
    kinesis.delete_stream(StreamName="tagged")
