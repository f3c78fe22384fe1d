"""The subset of jq: expected outputs are those of jq itself."""

import pytest

from localaws.firehose.jq import JqError, compile_filter

VALUE = {
    "x": 1538352,
    "s": "Ab-cd",
    "n": 12,
    "f": 2.5,
    "a": {"b": "c"},
    "list": [3, 1, 2],
    "d": "2015-03-05T23:51:47Z",
    "o": {"p": 1},
    "t": True,
    "fl": False,
    "nul": None,
}
CASES = [
    (".a.b", ["c"]),
    ('."a"["b"]', ["c"]),
    (".missing.deeper", [None]),
    (".list[-1]", [2]),
    (".list[1:]", [[1, 2]]),
    (".s[2:4]", ["-c"]),
    (".list[]", [3, 1, 2]),
    ("[.a[]?, .x[]?]", [["c"]]),
    ('{a: .x | strftime("%Y"), b: .s}', [{"a": "1970", "b": "Ab-cd"}]),
    ('{day: (.x/1000) | strftime("%Y/%m/%d")}', [{"day": "1970/01/01"}]),
    ("{s, x}", [{"s": "Ab-cd", "x": 1538352}]),
    ("{(.s): 1}", [{"Ab-cd": 1}]),
    ("{a: .list[]}", [{"a": 3}, {"a": 1}, {"a": 2}]),
    ('.s | split("-") | .[0]', ["Ab"]),
    ('if .x > 5 then "big" elif .x then "some" else "small" end', ["big"]),
    ('.missing // "none"', ["none"]),
    ("(.fl, .nul, .x) // 1", [1538352]),
    (r'"\(.s)-\(.x + 1)"', ["Ab-cd-1538353"]),
    (".x as $v | {v: $v}", [{"v": 1538352}]),
    ("[.list[] | select(. > 1)]", [[3, 2]]),
    (".list | map(. + 1) | add", [9]),
    ('.list | join(",")', ["3,1,2"]),
    (".list | sort | reverse | first", [3]),
    (".list | min, max", [1, 3]),
    ('.d | fromdate | strftime("%Y-%m")', ["2015-03"]),
    ('.d | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime', [1425599507]),
    (".x | todate", ["1970-01-18T19:19:12Z"]),
    (".s | ascii_downcase | length", [5]),
    ('.s | ltrimstr("Ab") | rtrimstr("d")', ["-c"]),
    ('.s | startswith("A"), endswith("x")', [True, False]),
    (".f * 2, .x % 7, -.n, 6 / 4, 6 / 3", [5, 4, -12, 1.5, 2]),
    ("[1, [2]] == [1, [2]], null < false, {} > []", [True, True, True]),
    (".t and .fl, .t or .fl, (.fl | not)", [False, True, True]),
    ('try error("x") catch .', ["x"]),
    (".list - [1]", [[3, 2]]),
    ("{a: 1} + {b: 2}", [{"a": 1, "b": 2}]),
    ('.o | keys, has("p"), type', [["p"], True, "object"]),
    (".s | @base64", ["QWItY2Q="]),
    (".o | tojson, (tojson | fromjson)", ['{"p":1}', {"p": 1}]),
    ('"12.5" | tonumber', [12.5]),
    ("empty", []),
]


@pytest.mark.parametrize(("query", "outputs"), CASES)
def test_outputs(query, outputs):
    assert compile_filter(query)(VALUE) == outputs


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (".x.y", 'Cannot index number with "y"'),
        (".s + 1", 'string ("Ab-cd") and number (1) cannot be added'),
        (".x / 0", "number (1538352) and number (0) cannot be divided because the divisor is zero"),
        (".x[]", "Cannot iterate over number (1538352)"),
        (".s | tonumber", 'string ("Ab-cd") cannot be parsed as a number'),
        ('error("own words")', "own words"),
    ],
)
def test_errors_of_values(query, message):
    with pytest.raises(JqError) as error:
        compile_filter(query)(VALUE)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "query",
    [
        "", "{", ".[", ".a b", '"open', r'"\q"', "if . then 1", "def f: f; f", "reduce .[] as $i (0; . + $i)", "..",
        "env", "$ENV", "$__loc__", "input", "inputs", "debug", "halt", 'import "a" as a; .', "range(9)", "recurse",
        "repeat(.)", "while(true; .)", "limit(1; .)", 'test("a")', "getpath([])", "1 < 2 < 3", "(" * 200,
    ],
)  # fmt: skip
def test_what_is_not_in_the_subset_is_refused_when_it_is_compiled(query):
    with pytest.raises(JqError):
        compile_filter(query)


def test_a_filter_cannot_grow_without_bound():
    with pytest.raises(JqError, match="too long"):
        compile_filter('"x" * 1000000000')(None)
