"""On random folders: no file is lost or counted twice, and a table's partitions fit its keys."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localaws.glue.classify import Content, Format
from localaws.glue.folders import File, Folder
from localaws.glue.grouping import Policy, group
from localaws.glue.types import merge
from localaws.s3.objects import ObjectInfo

NAMES = st.sampled_from(["a", "b", "day=1", "day=2", "Day=3", "hour=1", "x=%20"])
SCHEMAS = st.sampled_from(
    [
        (("id", "bigint"), ("name", "string")),
        (("id", "bigint"), ("name", "string"), ("more", "double")),
        (("id", "string"), ("other", "double")),
        (("at", "timestamp"),),
    ]
)
FORMATS = st.sampled_from([Format("parquet"), Format("json"), Format("csv", "none", ",", True)])
KEYS = st.lists(NAMES, max_size=3).map(tuple)
TREES = st.dictionaries(KEYS, st.lists(st.tuples(SCHEMAS, FORMATS), min_size=1, max_size=3), min_size=1, max_size=8)
POLICIES = st.builds(Policy, st.booleans(), st.none() | st.integers(1, 4))

# A busy machine must not fail them.
AT_ANY_PACE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def build(tree):
    root = Folder("bucket", "root/")
    for path, files in tree.items():
        folder = root.descend(list(path))
        for number, (columns, form) in enumerate(files):
            info = ObjectInfo(
                "bucket", f"{folder.prefix}f{number}", 1, "e", datetime.now(UTC), "", {}, None, Path("none")
            )
            folder.files.append(File(info, Content(form, columns, 1, 1)))
    return root


@AT_ANY_PACE
@given(TREES, POLICIES)
def test_each_file_is_in_one_table(tree, policy):
    found = group(build(tree), policy)
    keys = [file.info.key for table in found for leaf in table.leaves for file in leaf.files]
    folders = ["root/" + "".join(f"{name}/" for name in path) for path in tree]
    expected = [
        f"{folder}f{number}"
        for folder, files in zip(folders, tree.values(), strict=True)
        for number in range(len(files))
    ]
    assert sorted(keys) == sorted(expected)


@AT_ANY_PACE
@given(TREES, POLICIES)
def test_tables_hold_together(tree, policy):
    for table in group(build(tree), policy):
        assert len(table.keys) == table.depth
        values = [tuple(table.values(leaf)) for leaf in table.leaves]
        assert all(len(value) == table.depth for value in values)
        files = [file for leaf in table.leaves for file in leaf.files]
        assert {file.content.format for file in files} == {table.format}
        assert dict(table.columns).keys() == {name for file in files for name, _ in file.content.columns}
        assert dict(table.columns) == dict(merge(leaf.columns for leaf in table.leaves))
        for leaf in table.leaves:
            assert leaf.location == table.location + "".join(f"{name}/" for name in leaf.names)


@AT_ANY_PACE
@given(TREES)
def test_the_order_of_the_folders_does_not_matter(tree):
    tables = {table.location: table.keys for table in group(build(tree), Policy())}
    other = {table.location: table.keys for table in group(build(dict(reversed(tree.items()))), Policy())}
    assert other == tables
