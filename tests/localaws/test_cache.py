"""What takes long to make is kept while it is used."""

import os
import time

from localaws import cache


def test_what_was_not_used_in_weeks_goes(tmp_path):
    for name, age_s in (("made-1", cache._KEPT_S + 60), ("made-2", cache._KEPT_S + 60), ("made-3", 60), ("other", 1e8)):
        (tmp_path / name / "deep").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    assert cache.used(tmp_path / "made-1", "made-*") == tmp_path / "made-1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made-1", "made-3", "other"]
