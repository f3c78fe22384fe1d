"""Redshift's functions of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from localaws.redshift.errors import Unsupported
from localaws.redshift.scope import Scope, Typed
from localaws.redshift.types import INT4, Type, text

if TYPE_CHECKING:
    from localaws.redshift.expressions import Expressions

Rule = Callable[["Expressions", Any, Scope], Typed]


def _text(name: str, length: int | None = None) -> Rule:
    def rule(self: Expressions, node: Any, scope: Scope) -> Typed:
        value = self.value(node.this, scope)
        kind = text(length or (value.type.args[0] if value.type.args else 256))
        return Typed(f"{name}({self.string(node.this, scope)})", kind)

    return rule


def _length(self: Expressions, node: exp.Length, scope: Scope) -> Typed:
    return Typed(f"CAST(length({self.string(node.this, scope)}) AS INTEGER)", INT4)


def _octets(self: Expressions, node: exp.Anonymous, scope: Scope) -> Typed:
    return Typed(f"CAST(strlen({self.string(node.expressions[0], scope)}) AS INTEGER)", INT4)


def _substring(self: Expressions, node: exp.Substring, scope: Scope) -> Typed:
    value, start = self.string(node.this, scope), self.whole(node.args["start"], scope)
    length = node.args.get("length")
    count = self.whole(length, scope) if length is not None else "2000000000"
    return Typed(f"localaws.substring({value}, {start}, {count})", _length_of(self, node.this, scope))


def _length_of(self: Expressions, node: exp.Expression, scope: Scope) -> Type:
    kind = self.value(node, scope).type
    return text(kind.args[0] if kind.is_text and kind.args else 256)


def _edge(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    name = "left" if isinstance(node, exp.Left) else "right"
    value, count = self.string(node.this, scope), self.whole(node.expression, scope)
    return Typed(f"{name}({value}, greatest({count}, 0))", _length_of(self, node.this, scope))


def _split_part(self: Expressions, node: exp.SplitPart, scope: Scope) -> Typed:
    value, mark = self.string(node.this, scope), self.string(node.args["delimiter"], scope)
    place = self.whole(node.args["part_index"], scope)
    failed = "localaws.fail('field position must be greater than zero')"
    sql = f"CASE WHEN {place} < 1 THEN {failed} ELSE split_part({value}, {mark}, {place}) END"
    return Typed(sql, _length_of(self, node.this, scope))


def _position(self: Expressions, node: exp.StrPosition, scope: Scope) -> Typed:
    if node.args.get("position") or node.args.get("occurrence"):
        raise Unsupported("A start position in CHARINDEX or STRPOS")
    value, part = self.string(node.this, scope), self.string(node.args["substr"], scope)
    return Typed(f"CAST(strpos({value}, {part}) AS INTEGER)", INT4)


def _trim(self: Expressions, node: exp.Trim, scope: Scope) -> Typed:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
    marks = node.args.get("expression")
    more = f", {self.string(marks, scope)}" if marks is not None else ", ' '"
    return Typed(f"{name}({self.string(node.this, scope)}{more})", _length_of(self, node.this, scope))


def _replace(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    if isinstance(node, exp.Replace):
        name, parts = "replace", [node.this, node.expression, node.args["replacement"]]
    else:
        name, parts = "translate", [node.this, node.args["from_"], node.args["to"]]
    return Typed(f"{name}({', '.join(self.string(part, scope) for part in parts)})", text(65_535))


def _repeat(self: Expressions, node: exp.Repeat, scope: Scope) -> Typed:
    times = self.whole(node.args["times"], scope)
    failed = "localaws.fail('The result of REPEAT is too long')"
    value = self.string(node.this, scope)
    sql = f"CASE WHEN {times} > 65535 THEN {failed} ELSE repeat({value}, greatest({times}, 0)) END"
    return Typed(sql, text(65_535))


def _pad(self: Expressions, node: exp.Pad, scope: Scope) -> Typed:
    name = "lpad" if node.args.get("is_left") else "rpad"
    fill = node.args.get("fill_pattern")
    size = self.whole(node.expression, scope)
    mark = self.string(fill, scope) if fill is not None else "' '"
    return Typed(f"{name}({self.string(node.this, scope)}, least(greatest({size}, 0), 65535), {mark})", text(65_535))


def _sha2(self: Expressions, node: exp.SHA2, scope: Scope) -> Typed:
    bits = node.args.get("length")
    if bits is not None and bits.name not in ("0", "256"):
        raise Unsupported("SHA2 of other than 256 bits")
    return Typed(f"sha256({self.string(node.this, scope)})", text(64))


def _sha1(self: Expressions, node: exp.Expression, scope: Scope) -> Typed:
    inner = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    return Typed(f"sha1({self.string(inner, scope)})", text(40))


def _ascii(self: Expressions, node: exp.Ascii, scope: Scope) -> Typed:
    return Typed(f"CAST(ascii({self.string(node.this, scope)}) AS INTEGER)", INT4)


RULES: Mapping[type[exp.Expression], Rule] = {
    exp.Length: _length,
    exp.Substring: _substring,
    exp.Left: _edge,
    exp.Right: _edge,
    exp.SplitPart: _split_part,
    exp.StrPosition: _position,
    exp.Trim: _trim,
    exp.Lower: _text("lower"),
    exp.Upper: _text("upper"),
    exp.Reverse: _text("reverse"),
    exp.MD5: _text("md5", 32),
    exp.SHA: _sha1,
    exp.SHA2: _sha2,
    exp.Replace: _replace,
    exp.Translate: _replace,
    exp.Repeat: _repeat,
    exp.Pad: _pad,
    exp.Ascii: _ascii,
}
NAMED: Mapping[str, tuple[int, int, Rule]] = {
    "octet_length": (1, 1, _octets),
    "func_sha1": (1, 1, _sha1),
}
