"""Text, bytes and regular expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.athena.translate.casts import coerce
from localaws.athena.translate.errors import refuse
from localaws.athena.translate.functions import patterns, registry
from localaws.athena.translate.functions.formats import format_call
from localaws.athena.translate.functions.resolution import text_argument
from localaws.athena.translate.scope import Value, combine, text
from localaws.athena.translate.types import BIGINT, BOOLEAN, VARCHAR, array, common

if TYPE_CHECKING:
    from localaws.athena.translate.expressions import ExpressionBinder

TABLE = registry.table("""
length(varchar) -> bigint = length({0})
length(varbinary) -> bigint = octet_length({0})
lower(S) -> S = lower({0})
upper(S) -> S = athena_upper({0})
reverse(S) -> S = athena_reverse({0})
reverse(array(T)) -> array(T) = list_reverse({0})
trim(S) -> S = athena_trim({0})
ltrim(S) -> S = athena_ltrim({0})
rtrim(S) -> S = athena_rtrim({0})
trim(S, varchar) -> S = trim({0}, {1})
ltrim(S, varchar) -> S = ltrim({0}, {1})
rtrim(S, varchar) -> S = rtrim({0}, {1})
substr(S, bigint) -> S = athena_substr({0}, {1})
substr(S, bigint, bigint) -> S = athena_substr_length({0}, {1}, {2})
strpos(varchar, varchar) -> bigint = instr({0}, {1})
strpos(varchar, varchar, bigint) -> bigint = athena_strpos({0}, {1}, {2})
starts_with(varchar, varchar) -> boolean = starts_with({0}, {1})
replace(S, varchar) -> S = athena_replace({0}, {1}, '')
replace(varchar, varchar, varchar) -> varchar = athena_replace({0}, {1}, {2})
translate(varchar, varchar, varchar) -> varchar = translate({0}, {1}, {2})
lpad(varchar, bigint, varchar) -> varchar = athena_pad({0}, {1}, {2}, lpad({0}, CAST({1} AS INTEGER), {2}))
rpad(varchar, bigint, varchar) -> varchar = athena_pad({0}, {1}, {2}, rpad({0}, CAST({1} AS INTEGER), {2}))
split(S, varchar) -> array(S) = athena_split({0}, {1})
split(S, varchar, bigint) -> array(S) = athena_split_limit({0}, {1}, {2})
split_part(S, varchar, bigint) -> S = athena_split_part({0}, {1}, {2})
concat_ws(varchar, array(varchar)) -> varchar = athena_concat_ws({0}, {1})
chr(bigint) -> varchar(1) = athena_chr({0})
codepoint(varchar(1)) -> integer = unicode({0})
levenshtein_distance(varchar, varchar) -> bigint = athena_levenshtein({0}, {1})
hamming_distance(varchar, varchar) -> bigint = athena_hamming({0}, {1})
to_utf8(varchar) -> varbinary = encode({0})
from_utf8(varbinary) -> varchar = decode({0})
to_hex(varbinary) -> varchar = hex({0})
from_hex(varchar) -> varbinary = athena_from_hex({0})
from_hex(varbinary) -> varbinary = athena_from_hex(decode({0}))
to_base64(varbinary) -> varchar = base64({0})
from_base64(varchar) -> varbinary = from_base64({0})
to_base64url(varbinary) -> varchar = translate(base64({0}), '+/', '-_')
md5(varbinary) -> varbinary = unhex(md5({0}))
sha1(varbinary) -> varbinary = unhex(sha1({0}))
sha256(varbinary) -> varbinary = unhex(sha256({0}))
crc32(varbinary) -> bigint = athena_crc32({0})
sha512(varbinary) -> varbinary = athena_sha512({0})
hmac_md5(varbinary, varbinary) -> varbinary = athena_hmac_md5({0}, {1})
hmac_sha1(varbinary, varbinary) -> varbinary = athena_hmac_sha1({0}, {1})
hmac_sha256(varbinary, varbinary) -> varbinary = athena_hmac_sha256({0}, {1})
hmac_sha512(varbinary, varbinary) -> varbinary = athena_hmac_sha512({0}, {1})
url_encode(varchar) -> varchar = replace(replace(replace(url_encode({0}), '%20', '+'), '~', '%7E'), '%2A', '*')
url_decode(varchar) -> varchar = athena_url_decode({0})
uuid() -> uuid = uuid()
""")


def _regex_call(template: str, result: str) -> Any:
    """A function of a text and a regular expression, which must be a literal so that it can be checked."""

    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
        subject = _subject(binder, node, arguments, (2,))
        pattern = text(patterns.to_re2(text_argument(binder, arguments[1], "a regular expression")))
        kind = {"boolean": BOOLEAN, "bigint": BIGINT, "S": subject.type, "array(S)": array(subject.type)}[result]
        return combine(template.format(subject.sql, pattern), kind, [subject])

    return bind


def _subject(binder: ExpressionBinder, node: Any, arguments: list[Any], counts: tuple[int, ...]) -> Value:
    if len(arguments) not in counts:
        what = f"Unexpected parameters for function {node.name}: {len(arguments)} given"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)
    subject = binder.bind(arguments[0])
    if subject.type.name not in ("varchar", "char", "unknown"):
        what = f"Unexpected parameters ({subject.type}, ...) for function {node.name}. Expected: varchar(x)"
        binder.context.fail("FUNCTION_NOT_FOUND", what, node)
    return coerce(subject, subject.type if subject.type.name == "varchar" else VARCHAR)


def _regexp_extract(macro: str, many: bool) -> Any:
    def bind(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
        subject = _subject(binder, node, arguments, (2, 3))
        pattern = patterns.to_re2(text_argument(binder, arguments[1], "a regular expression"))
        group = binder.bind(arguments[2]).literal if len(arguments) == 3 else 0
        if not isinstance(group, int):
            raise refuse(f"{node.name} with a group that is no literal")
        available = patterns.groups(pattern)
        if not 0 <= group <= available:
            what = f"Pattern has {available} groups. Cannot access group {group}"
            binder.context.fail("INVALID_FUNCTION_ARGUMENT", what, node)
        if group and patterns.optional_group(pattern):
            raise refuse(f"{node.name} of a group that may take no part in the match")
        kind = array(subject.type) if many else subject.type
        return combine(f"{macro}({subject.sql}, {text(pattern)}, {group})", kind, [subject])

    return bind


def _regexp_replace(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    subject = _subject(binder, node, arguments, (2, 3))
    pattern = patterns.to_re2(text_argument(binder, arguments[1], "a regular expression"))
    replacement = ""
    if len(arguments) == 3:
        written = text_argument(binder, arguments[2], "a replacement")
        replacement = patterns.replacement(written, patterns.groups(pattern))
    kind = subject.type if len(arguments) == 2 else VARCHAR
    return combine(f"regexp_replace({subject.sql}, {text(pattern)}, {text(replacement)}, 'g')", kind, [subject])


def _concat(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    from localaws.athena.translate import operators

    if len(arguments) < 2:
        binder.context.fail("INVALID_FUNCTION_ARGUMENT", "There must be two or more concatenation arguments", node)
    result = binder.bind(arguments[0])
    for argument in arguments[1:]:
        try:
            result = operators.concat(result, binder.bind(argument))
        except operators.NoOperator:
            kinds = ", ".join(str(binder.bind(a).type) for a in arguments)
            binder.context.fail("FUNCTION_NOT_FOUND", f"Unexpected parameters ({kinds}) for function concat", node)
    return result


def _concat_ws(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    values = [binder.bind(a) for a in arguments]
    if len(values) == 2 and values[1].type.name == "array":
        parts = [coerce(values[0], VARCHAR), coerce(values[1], array(VARCHAR))]
        return combine(f"athena_concat_ws({parts[0].sql}, {parts[1].sql})", VARCHAR, parts)
    if len(values) < 2 or any(common(v.type, VARCHAR) is None for v in values):
        binder.context.fail("FUNCTION_NOT_FOUND", "Unexpected parameters for function concat_ws", node)
    parts = [coerce(v, VARCHAR) for v in values]
    listed = ", ".join(p.sql for p in parts[1:])
    return combine(f"athena_concat_ws({parts[0].sql}, [{listed}])", VARCHAR, parts)


def _typeof(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    if len(arguments) != 1:
        binder.context.fail("FUNCTION_NOT_FOUND", "Unexpected parameters for function typeof", node)
    kind = binder.bind(arguments[0]).type
    return Value(text(str(kind)), VARCHAR)


def _normalize(binder: ExpressionBinder, node: Any, arguments: list[Any]) -> Value:
    form = arguments[1].name.upper() if len(arguments) == 2 else "NFC"
    if form != "NFC":
        raise refuse(f"normalize to {form}")
    value = _subject(binder, node, arguments[:1], (1,))
    return combine(f"nfc_normalize({value.sql})", VARCHAR, [value])


SPECIAL = {
    "regexp_like": _regex_call("regexp_matches({0}, {1})", "boolean"),
    "regexp_count": _regex_call("CAST(len(regexp_extract_all({0}, {1})) AS BIGINT)", "bigint"),
    "regexp_split": _regex_call("athena_regexp_split({0}, {1})", "array(S)"),
    "regexp_extract": _regexp_extract("athena_regexp_extract", many=False),
    "regexp_extract_all": _regexp_extract("regexp_extract_all", many=True),
    "regexp_replace": _regexp_replace,
    "concat": _concat,
    "concat_ws": _concat_ws,
    "typeof": _typeof,
    "format": format_call,
    "normalize": _normalize,
}
