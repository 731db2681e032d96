"""Where a formula can be broken by one small change: a sign, a factor, an index, a function.

A site is a node of the syntax tree inside an expression of formula code. Left out, by rule: texts,
annotations, defaults, the refusal of bad input, control flow, sizes and places of arrays, random
numbers, the ranges of random points, and named numbers such as a count of nodes.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

SILENT = {  # modules that state no formula: the checker, printers, names, checks of input
    *("__init__", "__main__", "derivation", "document", "hypotheses", "latex", "law", "laws"),
    *("line", "markup", "mathml", "mathml_operators", "overview", "pretty", "problem", "rule"),
    *("symbols", "text", "verify"),
}
CALLS = {  # of shapes, kinds, random numbers and ranges of random points
    *("arange", "array", "asarray", "astype", "below", "broadcast_to", "Check", "concatenate"),
    *("digits_where", "eye", "expand_dims", "fold_in", "full", "hermgauss", "leggauss", "linspace"),
    *("moveaxis", "normal", "ones", "partial", "randint", "range", "reshape", "split", "stack"),
    *("swapaxes", "tile", "total", "TypeError", "uniform", "ValueError", "zeros", "zip", "key"),
    *("isinstance", "getattr", "enumerate", "len", "cache", "field", "hermegauss", "laggauss"),
}
KEYWORDS = {"axis", "where", "ddof", "digits", "points", "order", "draws", "dtype", "name", "title",
            "length", "batch_size", "static_argnums", "in_axes", "nodes", "key", "source", "n",
            "parameters", "cases", "accuracy", "update"}  # fmt: skip
UNORDERED = {
    "max",
    "min",
    "maximum",
    "minimum",
    "hypot",
    "where",
    "map",
    "law",
    "maybe",
    "entry",
    "cast",
}
FORMULAS = (ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript, ast.Constant)
OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*",
}  # fmt: skip
ORDERS: dict[type[ast.cmpop], str] = {ast.Lt: ">", ast.Gt: "<", ast.LtE: ">=", ast.GtE: "<="}
FUNCTIONS = {
    "erf": "erfc", "erfc": "erf", "sin": "cos", "cos": "sin", "sinh": "cosh", "cosh": "sinh",
    "asin": "acos", "arcsin": "arccos", "tanh": "sinh", "exp": "cosh", "log": "sqrt",
    "i0": "i1", "i1": "i0", "i0e": "i1e", "i1e": "i0e", "Abs": "sqrt", "ndtr": "erf",
}  # fmt: skip
INDICES = {"i": "j", "j": "i", "n": "(n + 1)", "b": "i"}


class Site(NamedTuple):
    """A change of one node: the bytes from `start` to `end` become `new`."""

    kind: str
    line: int
    start: int
    end: int
    new: str


def sites(source: str) -> list[Site]:
    """All places of a module where one change breaks a formula, in their order."""
    walk = _Walk(source)
    for statement in ast.parse(source).body:
        walk.statement(statement)
    return sorted(set(walk.found), key=lambda site: (site.start, site.kind))


def changed(source: str, site: Site) -> str:
    """The module with that change."""
    data = source.encode()
    return (data[: site.start] + site.new.encode() + data[site.end :]).decode()


class _Walk:
    def __init__(self, source: str) -> None:
        self.data = source.encode()
        rows = self.data.split(b"\n")
        self.offsets = [0]
        for row in rows:
            self.offsets.append(self.offsets[-1] + len(row) + 1)
        self.found: list[Site] = []

    def text(self, node: ast.expr) -> str:
        return self.data[slice(*self.span(node))].decode()

    def span(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.offsets[node.lineno - 1] + node.col_offset
        return start, self.offsets[node.end_lineno - 1] + node.end_col_offset

    def add(self, kind: str, node: ast.expr, new: str) -> None:
        self.found.append(Site(kind, node.lineno, *self.span(node), new))

    def statement(self, node: ast.stmt) -> None:
        """Expressions of a statement in which a formula may stand, and its inner statements."""
        if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.Assert):
            return
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = isinstance(targets[0], ast.Name) and targets[0].id.isupper()
            if node.value is not None and not (named and _plain(node.value)):
                self.expression(node.value)
        elif isinstance(node, ast.Return | ast.Expr | ast.AugAssign) and node.value is not None:
            self.expression(node.value)
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.stmt):
                self.statement(inner)

    def expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant):
            self.constant(node)
        elif isinstance(node, ast.Call):
            self.call(node)
        elif isinstance(node, ast.Subscript):
            self.subscript(node)
        elif not isinstance(node, ast.JoinedStr):
            if isinstance(node, ast.BinOp):
                self.operation(node)
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                self.add("sign", node, self.text(node.operand))
            elif isinstance(node, ast.Compare) and type(node.ops[0]) in ORDERS:
                left, right = self.text(node.left), self.text(node.comparators[0])
                self.add("order", node, f"{left} {ORDERS[type(node.ops[0])]} {right}")
            for inner in _inside(node):
                self.expression(inner)

    def constant(self, node: ast.Constant) -> None:
        if _number(node):
            self.add("factor", node, repr(node.value + 1))  # type: ignore[operator]

    def operation(self, node: ast.BinOp) -> None:
        if _joins(node.left) or _joins(node.right):
            return
        left, right = self.span(node.left), self.span(node.right)
        sign = OPERATORS.get(type(node.op))
        if sign is not None:  # only the sign between the operands changes, with its spaces
            between = self.data[left[1] : right[0]].decode()
            old = next(c for c in between if c in "+-*/")
            start = left[1] + between.encode().index(old.encode())
            self.found.append(Site("sign", node.lineno, start, start + 1, sign))
        elif isinstance(node.op, ast.Pow) and not _number(node.right):
            self.add("power", node.right, f"({self.text(node.right)} + 1)")

    def call(self, node: ast.Call) -> None:
        called = _called(node.func)
        if called in CALLS or _is_place(node.func):
            return
        if called == "sqrt" and len(node.args) == 1:
            self.add("root", node, f"({self.text(node.args[0])})")
        if called in FUNCTIONS and isinstance(node.func, ast.Name | ast.Attribute):
            text = self.text(node.func)
            self.add("function", node.func, text[: -len(called)] + FUNCTIONS[called])
        self.arguments(node, called)
        self.expression(node.func)
        for inner in node.args:
            if not (called == "where" and _number(inner)):
                self.expression(inner)
        for keyword in node.keywords:
            if keyword.arg not in KEYWORDS:
                self.expression(keyword.value)

    def arguments(self, node: ast.Call, called: str) -> None:
        """The first two arguments change places, where both are formulas and the order counts."""
        capital = called[:1].isupper() and not called.isupper()
        pair = [one for one in node.args[:2] if isinstance(one, FORMULAS)]
        if capital or called in UNORDERED or len(pair) < 2 or any(map(_joins, pair)):
            return
        first, second = map(self.text, pair)
        if first != second:
            start, end = self.span(pair[0])[0], self.span(pair[1])[1]
            self.found.append(Site("arguments", node.lineno, start, end, f"{second}, {first}"))

    def subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.value, ast.Name) and node.value.id.endswith("_"):
            group = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for one in group:
                if isinstance(one, ast.Name) and one.id in INDICES:
                    self.add("index", one, INDICES[one.id])
                elif _number(one):
                    self.expression(one)
        else:
            self.expression(node.value)


def _inside(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of an expression that are formulas again."""
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.GeneratorExp | ast.ListComp):
        yield node.elt
    elif isinstance(node, ast.Lambda):
        yield node.body
    elif isinstance(node, ast.Dict):
        yield from node.values
    else:
        yield from (one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))


def _number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _plain(node: ast.expr) -> bool:
    """A size or a threshold: numbers only, perhaps through a function of NumPy."""
    if isinstance(node, ast.UnaryOp):
        return _plain(node.operand)
    if isinstance(node, ast.Call):
        host = node.func.value if isinstance(node.func, ast.Attribute) else None
        numeric = isinstance(host, ast.Name) and host.id in ("np", "jnp", "math")
        return numeric and all(map(_plain, node.args))
    return _number(node)


def _joins(node: ast.expr) -> bool:
    """A text or a sequence: there `+` joins and a swap only reorders words."""
    text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return text or isinstance(node, ast.JoinedStr | ast.Tuple | ast.List)


def _called(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _is_place(node: ast.expr) -> bool:
    """`array.at[…].set(…)`: a place of an array."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Subscript)
