"""What is refreshed is shown: each pipeline's dashboard has all its data sets, and takes no others."""

import json
import re

import pytest

from millrace import resources
from millrace.resources import ROOT


@pytest.mark.parametrize("slug", resources.slugs())
def test_each_data_set_is_in_a_picture(slug):
    definition = json.loads((ROOT / "dashboards" / f"{slug}.json").read_text())["Definition"]
    named = {it["DataSetArn"]: it["Identifier"] for it in definition["DataSetIdentifierDeclarations"]}
    assert set(named) == {f"${{dataset_arn:{it.id}}}" for it in resources.pipeline(slug).data_sets}
    assert set(named.values()) == set(re.findall(r'"DataSetIdentifier": "(\w+)"', json.dumps(definition["Sheets"])))
