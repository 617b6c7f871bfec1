"""The grammar of instance names, in one place. The catalogue of a family is a table for it and a function that loads.

NAME                          a bundled instance: `ta01`, `resnet50-b8`
SET                           several of them: `classic`, `programs-train`
FIRST..LAST                   consecutive members of one set: `ta01..ta10`
FILE, FILE#N                  a file, or the N-th instance in it: `my/shop.txt`, `tai.txt#3`
GENERATOR/KEY1/KEY2           a generated instance, each parameter once and in any order: `topcuoglu/v40/ccr1/s7`
BASE,OPTION,OPTION=VALUE      the instance BASE with changes: `gym-ds3-5,queue=4,uncapped`
STEM/sN, STEM/sN..sM          the instances of STEM with these numbers: `gym-ds3-5/s0..s9`

A file that exists is taken as a file, whatever else its name could mean. Every number is bounded before it is converted,
every range before its list is built. Errors are InputErrors of one line that quote the name.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dispatchgym.instances.errors import InputError

MAX_DIGITS = 9  # before the point
MAX_DECIMALS = 16  # after it: as many as `written` gives
MAX_MEMBERS = 100_000  # of a range
SHOWN = 80  # characters of a name in an error

Kind = type[int] | type[float] | type[bool] | type[str]
Value = int | float | bool | str

_DIGITS = rf"[0-9]{{1,{MAX_DIGITS}}}"
_WRITTEN: dict[Kind, tuple[str, str]] = {  # how a number is written, and what an error asks for
    int: (_DIGITS, f"needs a whole number that is not negative, of at most {MAX_DIGITS} digits"),
    float: (
        rf"({_DIGITS}(\.[0-9]{{0,{MAX_DECIMALS}}})?|\.[0-9]{{1,{MAX_DECIMALS}}})(e[+-]?[0-9]{{1,2}})?",
        f"needs a number that is not negative, of at most {MAX_DIGITS} digits before the point and {MAX_DECIMALS} after it",
    ),
    bool: ("[01]", "needs 0 or 1"),
}
_UNITS = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_NUMBERED = re.compile(r"(?P<stem>.+)/s(?P<first>[0-9]+)(?:\.\.s?(?P<last>[0-9]+))?", re.DOTALL)


def printable(text: str | Path, most: int = SHOWN) -> str:
    """`text` as errors show it without quotes: cut short, on one line, control characters escaped."""
    cut = str(text)[:most]
    return "".join(x if x.isprintable() else x.encode("unicode_escape").decode("ascii") for x in cut)


def did_you_mean(text: str, known: Iterable[str], most: int = 3) -> str:
    """`did you mean 'ta01' or 'ta10'?`, or "" if nothing in `known` is like `text`. Upper and lower case are alike."""
    if len(text) > 200:  # the search takes long, and no known name is so long
        return ""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(text.lower(), lower, n=most)
    plain = _without_zeros(text.lower())
    padded = [name for name in lower if _without_zeros(name) == plain]
    near = list(dict.fromkeys([*padded, *near]))[:most]  # for ta1 first ta01, then ta71
    return f"did you mean {' or '.join(repr(lower[name]) for name in near)}?" if near else ""


def _without_zeros(name: str) -> str:
    """`ta01` as `ta1`."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", name)


def unknown(
    text: str,
    known: Iterable[str],
    otherwise: str,
    generators: Mapping[str, Generator] | None = None,
    suffixes: Collection[str] = (),
) -> InputError:
    """The error about a `text` that names nothing. `suffixes` are those of the family's files.

    Its hint is the known names that are near, or else what `otherwise` lists.
    """
    generators = generators or {}
    if os.path.isdir(text):
        return InputError(f"{printable(text, 200)}: is a folder, not a file")
    if Path(text).suffix in suffixes:
        return InputError(f"{printable(text, 200)}: no such file")
    if text in generators:
        return InputError(f"{text}: parameters are missing, as in {text}/{generators[text].example}")
    known = (*known, *generators)
    hint = did_you_mean(text, known) or did_you_mean(re.split(r"[,/]", text)[0], known) or otherwise
    return InputError(f"unknown instance {text[:SHOWN]!r}; {hint}")


def number(name: str, part: str, text: str, kind: Kind) -> Value:
    """The number `text` as a `kind`; a str is taken as it is. Errors quote `part`, the part of `name` that the number is in."""
    if kind is str:
        return text
    pattern, needed = _WRITTEN[kind]
    if re.fullmatch(pattern, text) is None:
        raise InputError(f"{printable(name)}: {part[:40]!r} {needed}")
    return bool(int(text)) if kind is bool else kind(text)


def written(value: object, digits: int = 12) -> str:
    """A number as names write it."""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(int(value) if isinstance(value, bool) else value)


def parse_size(text: str) -> int | None:
    """A size in bytes, as in 1048576, 512KiB or 4MiB; None for a text that is none."""
    parts = re.fullmatch(r"([0-9]{1,16})(KiB|MiB|GiB)?", text)
    return int(parts[1]) * _UNITS.get(parts[2], 1) if parts is not None else None


def format_size(size: int) -> str:
    """A size in bytes as `parse_size` reads it, in the largest unit that divides it."""
    unit = next((x for x, each in _UNITS.items() if size and size % each == 0), None)
    return f"{size // _UNITS[unit]}{unit}" if unit else str(size)


def split_selector(path: str | Path) -> tuple[Path, int | None]:
    """`FILE#3` as (FILE, 3). Any other path, or a file whose own name ends so, as (path, None)."""
    selected = re.fullmatch(r"(.+)#([0-9]{1,6})", str(path), re.DOTALL)
    if selected is None or os.path.isfile(path):
        return Path(path), None
    return Path(selected[1]), int(selected[2])


def each_once(specs: Iterable[str], members: Callable[[str], Iterable[str]]) -> list[str]:
    """The members of all `specs` in order, each once."""
    return list(dict.fromkeys(name for spec in specs for name in members(spec)))


def split_range(text: str) -> tuple[str, str] | None:
    """`FIRST..LAST` as (FIRST, LAST), None for any other text: ends have neither dots nor strokes, and one is not empty."""
    ends = re.fullmatch(r"([^./\\]*)\.\.([^./\\]*)", text)
    return (ends[1], ends[2]) if ends is not None and text != ".." else None


def name_range(
    spec: str, known: Collection[str], sets: Iterable[Sequence[str]], apart: str = "are not in one set"
) -> Sequence[str] | None:
    """The members of a set that the range `spec` stands for, None if it has not the form of a range.

    It belongs to the first of `sets` that has both ends. Raises InputError for an end that is not `known`, for ends of two
    sets (these `apart`), and for a range that is reversed.
    """
    ends = split_range(spec)
    if ends is None:
        return None
    first, last = ends
    quoted = repr(spec[:SHOWN])
    for end in ends:
        if end not in known:
            hint = did_you_mean(end, known, most=1)
            raise InputError(f"range {quoted}: unknown instance {end[:SHOWN]!r}{'; ' if hint else ''}{hint}")
    members = next((each for each in sets if first in each and last in each), None)
    if members is None:
        raise InputError(f"range {quoted}: {first} and {last} {apart}")
    begin, end_at = members.index(first), members.index(last)
    if begin > end_at:
        raise InputError(f"range {quoted}: {last} comes before {first}")
    return members[begin : end_at + 1]


def split_numbers(text: str) -> tuple[str, str]:
    """`STEM/s3` as (STEM, "/s3"), `STEM/s3..s5` as (STEM, "/s3..s5"), any other text as (text, "")."""
    parts = _NUMBERED.fullmatch(text)
    return (text, "") if parts is None else (parts["stem"], text[len(parts["stem"]) :])


def split_number(text: str) -> tuple[str, int | None]:
    """`STEM/s3` as (STEM, 3), any other text as (text, None). Raises InputError for more digits than numbers may have."""
    parts = _NUMBERED.fullmatch(text)
    if parts is None or parts["last"] is not None:
        return text, None
    return parts["stem"], int(number(text, f"s{parts['first']}", parts["first"], int))


def number_range(text: str) -> list[str] | None:
    """`STEM/s3..s5` (or `STEM/s3..5`) as the names STEM/s3 to STEM/s5, None if `text` has not this form.

    Raises InputError for a range that is reversed or too long.
    """
    parts = _NUMBERED.fullmatch(text)
    if parts is None or parts["last"] is None:
        return None
    first, last = (int(number(text, f"s{end}", end, int)) for end in (parts["first"], parts["last"]))
    if not 0 <= last - first < MAX_MEMBERS:
        raise InputError(f"range {text[:SHOWN]!r}: {last} comes before {first}, or is too far from it")
    return [f"{parts['stem']}/s{i}" for i in range(first, last + 1)]


class Option(NamedTuple):
    """What an option of a name changes."""

    field: str
    kind: Kind | None = None  # of the number in OPTION=NUMBER; None = a word without a number
    value: object = None  # of the field, where the option is a word


def split_options(text: str) -> tuple[str, tuple[str, ...]]:
    """`BASE,a=1,b` as (BASE, ("a=1", "b"))."""
    base, *options = text.split(",")
    return base, tuple(options)


def read_options(name: str, options: Iterable[str], known: Mapping[str, Option]) -> dict[str, Any]:
    """The values of the fields that `options` set.

    Raises InputError for an option that is unknown and for a field that is set twice.
    """
    values: dict[str, Any] = {}
    setter: dict[str, str] = {}
    for text in options:
        word, equals, digits = text.partition("=")
        option = known.get(word)
        if option is None or bool(equals) != (option.kind is not None):
            forms = [f"{x}=N" if known[x].kind else x for x in known]
            hint = did_you_mean(f"{word}=N" if equals else word, forms, most=1)
            listed = f"known are {', '.join(forms)}{'; ' if hint else ''}{hint}"
            raise InputError(f"{printable(name)}: unknown option {text[:40]!r}; {listed}")
        if option.field in setter:
            raise InputError(
                f"{printable(name)}: options {setter[option.field][:40]!r} and {text[:40]!r} both set {option.field}"
            )
        setter[option.field] = text
        values[option.field] = option.value if option.kind is None else number(name, text, digits, option.kind)
    return values


def write_options(plain: object, changed: object, known: Mapping[str, Option], digits: int = 12) -> str:
    """The options by which `changed` differs from `plain`, each after a comma, in the order of `known`."""
    words = []
    for word, option in known.items():
        value = getattr(changed, option.field)
        if value == getattr(plain, option.field):
            continue
        if option.kind is not None:
            words.append(f",{word}={written(value, digits)}")
        elif value == option.value:
            words.append(f",{word}")
    return "".join(words)


class Parameter(NamedTuple):
    """A parameter of a generator, as `v` in `topcuoglu/v40`."""

    argument: str  # of the generator
    kind: Kind
    default: Value | None = None  # None = the generator's own
    required: bool = False
    named: bool = True  # whether the full name says it even where it is the default


class Generator(NamedTuple):
    """A generator and the parameters that its names have, in the order of the full name."""

    make: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    example: str  # what may follow the generator's name and a stroke


def generator_of(text: str, generators: Mapping[str, Generator]) -> str | None:
    """The generator that the name `text` begins with, None if it is another name."""
    family, stroke, _ = text.partition("/")
    return family if stroke and family in generators else None


def read_parameters(name: str, generators: Mapping[str, Generator]) -> tuple[str, dict[str, Any], str]:
    """The generator of a generated instance, its arguments, and the full name: two ways to write an instance are one.

    Raises InputError for a parameter that is unknown, given twice or missing.
    """
    family, *parts = name.split("/")
    known, example = generators[family].parameters, generators[family].example
    given: dict[str, Value] = {}
    for part in parts:
        split = re.fullmatch(r"([a-z]+)(.+)", part)
        if split is None or split[1] not in known or split[1] in given:
            listed = ", ".join(f"{key}N" for key in known)
            raise InputError(f"{printable(name)}: {part[:40]!r} is not one of {listed}, each once")
        given[split[1]] = number(name, part, split[2], known[split[1]].kind)
    arguments: dict[str, Any] = {}
    full = [family]
    for key, parameter in known.items():
        if parameter.required and key not in given:
            raise InputError(f"{printable(name)}: {key!r} is missing, as in {family}/{example}")
        value = given.get(key, parameter.default)
        if value is None:
            continue
        arguments[parameter.argument] = value
        if parameter.named or value != parameter.default:
            full.append(f"{key}{written(value)}")
    return family, arguments, "/".join(full)
