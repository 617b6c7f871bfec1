"""A CP-SAT model as plain tuples: its variables, constraints and objective, as its protocol has them.

Literals are as in the protocol: `v` says that variable v is 1, `-v - 1` that it is 0. Everything is immutable, can be pickled,
and needs no OR-Tools once it is made. `read_protocol` makes it of a `CpModel` object, `read_protocol_file` of an exported file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need
from dispatchgym.instances.files import read_bytes
from dispatchgym.instances.names import printable

MAX_VARIABLES = 400_000
MAX_CONSTRAINTS = 1_000_000
LITERALS = ("bool_or", "bool_and", "at_most_one", "exactly_one", "bool_xor")


@dataclass(frozen=True, slots=True)
class Affine:
    """The sum of coefficient times variable, and a constant."""

    terms: tuple[tuple[int, int], ...] = ()  # (variable, coefficient), each variable once, coefficients not 0
    constant: int = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """An integer variable; the domain is a list of closed intervals (low, high, low, high, ...)."""

    name: str
    domain: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint, which holds if all literals of `enforcement` are true. What the fields mean depends on the kind.

    interval: expressions (start, size, end). no_overlap: items are intervals. cumulative: items are intervals, expressions the
    capacity and a demand of each. linear: one expression and its domain. lin_max: expressions, the first is the maximum of the
    others. bool_or and the like: items are literals. Other kinds have no fields.
    """

    kind: str
    name: str = ""
    enforcement: tuple[int, ...] = ()
    expressions: tuple[Affine, ...] = ()
    items: tuple[int, ...] = ()
    domain: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose objective, if it has one, is to be minimised."""

    name: str
    variables: tuple[Variable, ...]
    constraints: tuple[Constraint, ...]
    objective: Affine | None
    hint: tuple[tuple[int, int], ...] = ()  # (variable, value)


def read_protocol(what: Any, source: str) -> tuple[Model, str]:
    """The plain model and the text of the protocol, of a `CpModel` object or its protocol.

    Raises InputError, naming what is not understood, for what OR-Tools does not take as a model.
    """
    need("ortools", what="a CP-SAT model")
    from google.protobuf import text_format
    from ortools.sat import cp_model_pb2

    proto = what.Proto() if hasattr(what, "Proto") else what
    text = text_format.MessageToString(proto) if hasattr(proto, "SerializeToString") else str(proto)
    return parse_protocol(text_format.Parse(text, cp_model_pb2.CpModelProto()), source), text


def read_protocol_file(path: Path) -> tuple[Model, str]:
    """The plain model in a file that `export_to_file` has written, and its text. Raises InputError, naming file and place."""
    need("ortools", what="a CP-SAT model")
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError
    from ortools.sat import cp_model_pb2

    data, source = read_bytes(path), path.name
    proto = cp_model_pb2.CpModelProto()
    try:
        if path.suffix == ".pb":
            proto.ParseFromString(data)
        else:
            text_format.Parse(data.decode("utf-8-sig"), proto)
    except text_format.ParseError as error:
        raise InputError(f"{source}: is no model: {printable(str(error), 160)}") from None
    except (DecodeError, UnicodeDecodeError):
        raise InputError(f"{source}: is no model that CP-SAT has exported") from None
    if not proto.variables:
        raise InputError(f"{source}: the model has no variables")
    return parse_protocol(proto, source), text_format.MessageToString(proto)


def parse_protocol(proto: Any, source: str) -> Model:
    """The plain model of a `CpModelProto`. Raises InputError for what a model cannot be, or is not understood as a whole."""
    if len(proto.variables) > MAX_VARIABLES or len(proto.constraints) > MAX_CONSTRAINTS:
        raise InputError(f"{source}: more than {MAX_VARIABLES} variables or {MAX_CONSTRAINTS} constraints")
    if proto.assumptions:
        raise InputError(f"{source}: assumptions are not understood")
    if proto.HasField("floating_point_objective"):
        raise InputError(f"{source}: an objective with fractions is not understood; multiply it to whole numbers")
    count = len(proto.variables)
    variables = tuple(Variable(printable(v.name, 120), tuple(v.domain)) for v in proto.variables)
    for v, variable in enumerate(variables):
        if not variable.domain or not _is_domain(variable.domain):
            raise InputError(f"{source}: variable {v} ({variable.name}) has no value in its domain")
    constraints = tuple(_constraint(c, k, count, len(proto.constraints), source) for k, c in enumerate(proto.constraints))
    objective = _objective(proto.objective, count, source) if proto.HasField("objective") else None
    hint = tuple(zip(proto.solution_hint.vars, proto.solution_hint.values, strict=False))
    return Model(printable(proto.name, 120), variables, constraints, objective, hint)


def _is_domain(domain: tuple[int, ...]) -> bool:
    """Whether the numbers are closed intervals."""
    return len(domain) % 2 == 0 and all(domain[k] <= domain[k + 1] for k in range(0, len(domain), 2))


def where(model: Model, source: str, k: int) -> str:
    """How errors name constraint k: `x.pb constraint 17 (circuit, 'tour')`."""
    constraint = model.constraints[k]
    name = f", '{constraint.name}'" if constraint.name else ""
    return f"{source} constraint {k} ({constraint.kind}{name})"


def _constraint(proto: Any, k: int, variables: int, constraints: int, source: str) -> Constraint:
    kind = proto.WhichOneof("constraint") or "empty"
    name = printable(proto.name, 60)

    def affine(expression: Any) -> Affine:
        return _affine(expression.vars, expression.coeffs, expression.offset, variables, source)

    expressions: tuple[Affine, ...] = ()
    items: tuple[int, ...] = ()
    domain: tuple[int, ...] = ()
    body: Any = getattr(proto, kind, None)
    if kind == "interval":
        expressions = (affine(body.start), affine(body.size), affine(body.end))
    elif kind == "no_overlap":
        items = tuple(body.intervals)
    elif kind == "cumulative":
        items, expressions = tuple(body.intervals), (affine(body.capacity), *(affine(d) for d in body.demands))
    elif kind == "linear":
        expressions, domain = (_affine(body.vars, body.coeffs, 0, variables, source),), tuple(body.domain)
    elif kind == "lin_max":
        expressions = (affine(body.target), *(affine(e) for e in body.exprs))
    elif kind in LITERALS:
        items = tuple(body.literals)
    low, high = (0, constraints) if kind in ("no_overlap", "cumulative") else (-variables, variables)
    enforcement = tuple(proto.enforcement_literal)
    if any(not low <= x < high for x in items) or any(not -variables <= x < variables for x in enforcement):
        raise InputError(f"{source} constraint {k} ({kind}): refers to what the model does not have")
    if not _is_domain(domain):
        raise InputError(f"{source} constraint {k} ({kind}): its domain is no list of intervals")
    if kind == "cumulative" and len(expressions) != len(items) + 1:
        raise InputError(f"{source} constraint {k} ({kind}): {len(items)} intervals and {len(expressions) - 1} demands")
    return Constraint(kind, name, enforcement, expressions, items, domain)


def _affine(variables: Any, coefficients: Any, constant: int, count: int, source: str) -> Affine:
    """The sum, with each variable once. A literal `-v - 1` stands for 1 - v."""
    if len(variables) != len(coefficients):
        raise InputError(f"{source}: an expression has {len(variables)} variables and {len(coefficients)} coefficients")
    sums: dict[int, int] = {}
    for v, coefficient in zip(variables, coefficients, strict=True):
        if not -count <= v < count:
            raise InputError(f"{source}: an expression refers to variable {v}, which the model does not have")
        if v < 0:
            v, coefficient, constant = -v - 1, -coefficient, constant + coefficient
        sums[v] = sums.get(v, 0) + coefficient
    return Affine(tuple((v, c) for v, c in sums.items() if c), constant)


def _objective(proto: Any, count: int, source: str) -> Affine:
    if proto.scaling_factor not in (0.0, 1.0):
        what = "maximising is not understood; minimise the negative" if proto.scaling_factor < 0 else "scaling is not understood"
        raise InputError(f"{source}: objective: {what}")
    if proto.domain:
        raise InputError(f"{source}: objective: a domain is not understood")
    if not float(proto.offset).is_integer() or abs(proto.offset) >= 2**53:
        raise InputError(f"{source}: objective: the constant {proto.offset} is not a whole number")
    return _affine(proto.vars, proto.coeffs, int(proto.offset), count, source)
