"""SoC instances by name: static graphs and streams of jobs.

Static graphs: the bundled ones (`top-01`, `topcuoglu-10`, `wifi-rx@wireless-16`), an application on a platform where each is a
bundled name or a file (`my_job.json@wireless-16`), generated ones (`topcuoglu/v40/ccr1/alpha1/out3/beta0.5/p8/s7`,
`gauss/n6/ccr1/p4/s1`, `fft/n8/ccr1/p4/s1`, `cholesky/n4/p2+2`, `lu/n4/p2+2`, `qr/n4/p2+2/c5`: see `soc_generate`), and files.

Streams: a preset or a `soc-workload/1` file, then options, then the number of the stream: `gym-ds3-5,queue=4,noise=0.3/s3`.
The n-th streams of a preset at any queue, noise or way of admission have the same gaps (at another scale the same up to
that factor), so comparisons are paired.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc import generate as soc_generate
from dispatchgym.instances.soc.instance import Application, Platform, StaticDag, Stream, Workload, on_platform, stream

_OWN = ("wifi-tx", "wifi-rx", "range-detection", "single-carrier-tx", "single-carrier-rx", "temporal-mitigation")
_TOP_OPTIMA = (73, 81, 80, 87, 85, 80, 72, 65, 72, 74)  # of top-01 to top-10, proved by CP-SAT
_TOP = tuple(f"top-{i:02d}" for i in range(1, len(_TOP_OPTIMA) + 1))
_APPLICATIONS = {
    **{name: f"own/jobs/{name.replace('-', '_')}.json" for name in _OWN},
    **{name: f"mit-gym-ds3/jobs/{name.replace('-', '_')}.json" for name in _TOP},
}
_PLATFORMS = {
    "wireless-16": "own/platforms/soc_16pe_wireless.json",
    "matrix-16": "own/platforms/soc_16pe_matrix.json",
    "wireless-8": "own/platforms/soc_8pe.json",
    "gym-ds3": "mit-gym-ds3/platforms/top_3pe.json",
}
_STATIC = {"topcuoglu-10": "static/topcuoglu_10.json", "peft-10": "static/peft_10.json"}

SETS: dict[str, tuple[str, ...]] = {
    "worked": tuple(_STATIC),
    "top": _TOP,
    "own": tuple(f"{job}@{chip}" for chip in _PLATFORMS if chip != "gym-ds3" for job in _OWN),
}

_GYM_DS3: dict[str, Any] = {"scale": 25.0, "cap": 3, "when_full": "redraw", "prefill": True, "horizon": 5000}
_DS3: dict[str, Any] = {
    "scale": 200.0,
    "cap": 12,
    "when_full": "retry",
    "prefill": False,
    "horizon": 50_000,
    "warmup": 10_000,
}
_PRESETS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {  # platform, applications, other fields of the workload
    **{f"gym-ds3-{n}": ("gym-ds3", _TOP[:n], _GYM_DS3) for n in (1, 5, 10)},
    "wireless-16-tx": ("wireless-16", _OWN[:2], {**_DS3, "probabilities": (0.8, 0.2)}),
    "wireless-16-rx": ("wireless-16", _OWN[:2], {**_DS3, "probabilities": (0.2, 0.8)}),
    "wireless-16-six": ("wireless-16", _OWN, _DS3),
    "wireless-8-six": ("wireless-8", _OWN, _DS3),
}
PRESETS: tuple[str, ...] = tuple(_PRESETS)
_NAMES = tuple(name for members in SETS.values() for name in members) + PRESETS

_NUMBERS: dict[str, tuple[str, type]] = {  # what users type -> field of the workload
    "queue": ("cap", int),
    "scale": ("scale", float),
    "noise": ("noise", float),
    "horizon": ("horizon", int),
    "warmup": ("warmup", int),
    "jobs": ("max_jobs", int),
}
_WORDS: dict[str, tuple[str, object]] = {
    "uncapped": ("when_full", "queue"),
    "redraw": ("when_full", "redraw"),
    "retry": ("when_full", "retry"),
    "prefill": ("prefill", True),
    "empty": ("prefill", False),
    "exponential": ("arrival", "exponential"),
    "fixed": ("arrival", "fixed"),
}


class _Parameter(NamedTuple):
    argument: str
    kind: type
    default: float | None = None  # None = must be given
    named: bool = True  # also where it is the default


_COSTS = {"p": _Parameter("pes", int, 4), "w": _Parameter("mean_cost", float, 50.0, False), "s": _Parameter("seed", int, 0)}
_REGULAR = {
    "n": _Parameter("n", int),
    "ccr": _Parameter("ccr", float, 1.0),
    "beta": _Parameter("beta", float, 0.5, False),
    **_COSTS,
}
_TILED = {"n": _Parameter("n", int), "p": _Parameter("pes", str), "c": _Parameter("transfer", int, 0, False)}
_GENERATED: dict[str, tuple[Callable[..., StaticDag], dict[str, _Parameter]]] = {
    "topcuoglu": (
        soc_generate.topcuoglu,
        {
            "v": _Parameter("v", int),
            "ccr": _Parameter("ccr", float, 1.0),
            "alpha": _Parameter("alpha", float, 1.0),
            "out": _Parameter("out_degree", int, 3),
            "beta": _Parameter("beta", float, 0.5),
            **_COSTS,
            "p": _Parameter("pes", int, 8),
        },
    ),
    "gauss": (soc_generate.gauss, _REGULAR),
    "fft": (soc_generate.fft, _REGULAR),
    **{kind: (partial(soc_generate.tiled, kind), _TILED) for kind in ("cholesky", "lu", "qr")},
}


_EXAMPLES = {"topcuoglu": "v40/s0", "gauss": "n6/s0", "fft": "n8/s0"} | dict.fromkeys(soc_generate.FACTORISATIONS, "n4/p2+2")


def names() -> tuple[str, ...]:
    """The bundled static graphs, then the presets of streams."""
    return _NAMES


def application(what: str) -> Application:
    """The bundled application called `what`, or else the one in a file."""
    return _part(what, _APPLICATIONS) if what in _APPLICATIONS else soc_files.read_application(what)


def platform(what: str) -> Platform:
    """The bundled platform called `what`, or else the one in a file."""
    return _part(what, _PLATFORMS) if what in _PLATFORMS else soc_files.read_platform(what)


def _part(name: str, where: Mapping[str, str]) -> Any:
    return dataclasses.replace(_bundled(where[name]), name=name)


@lru_cache(maxsize=64)
def _bundled(file: str) -> soc_files.Readable:
    return soc_files.parse(_data(file), file)


def _data(file: str) -> str:
    return (files("dispatchgym.instances") / "data" / "soc" / file).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def optima() -> dict[str, int]:
    """Proved optimal makespans of the bundled graphs of applications on platforms (microseconds)."""
    rows = json.loads(_data("own/reference_results.json"))["single_job_us"]
    found = dict(zip(_TOP, _TOP_OPTIMA, strict=True))
    for chip, file in _PLATFORMS.items():
        for job, row in rows.get(Path(file).stem, {}).items():
            if row["proved"]:
                found[f"{job.replace('_', '-')}@{chip}"] = row["optimum"]
    return found


def load(what: str | Path) -> StaticDag | Stream:
    """The static graph or stream called `what`, or else the one in the file `what` (of a workload: stream 0).

    A `Path` is always a file. Raises InputError for an unknown name, with near ones, and for a bad file.
    """
    text = str(what)
    if not isinstance(what, Path):
        if text in _STATIC:
            return _bundled(_STATIC[text])  # type: ignore[return-value]
        if text in _TOP:
            return _pair(f"{text}@gym-ds3")
        if _family(text):
            return _generate(text)
        if not os.path.isfile(text) and "@" in text:
            return _pair(text)
    if os.path.isfile(text):
        found = soc_files.read(text)
        if isinstance(found, Application | Platform):
            raise InputError(f"{Path(text).name}: an application runs on a platform: name them as APPLICATION@PLATFORM")
        if isinstance(found, StaticDag):
            return found
    return load_stream(what)


def load_static(what: str | Path) -> StaticDag:
    """As `load`, but nothing else than a static graph."""
    found = load(what)
    if not isinstance(found, StaticDag):
        raise InputError(f"{str(what)[:80]}: is a stream, not a static graph")
    return found


def load_stream(what: str | Path) -> Stream:
    """The stream called `what`; without a number, stream 0. Raises InputError, also for a static graph."""
    base, fields, number = _split(what)
    found = _with(base, fields)
    seed = zlib.crc32(str(number).encode())  # of nothing else, so that streams are paired
    return stream(found, seed, f"{found.name}/s{number}")


def workload(what: str | Path) -> Workload:
    """The workload of a preset or file with options: `gym-ds3-5,queue=4`. A number of a stream is passed over."""
    base, fields, _ = _split(what)
    return _with(base, fields)


def name_of(base: str, number: int = 0, **fields: Any) -> str:
    """What `load` takes: stream `number` of a preset or file with fields of the workload changed, as `cap=4, noise=0.3`."""
    plain = _with(base, {})
    return f"{base}{_options(plain, dataclasses.replace(plain, **fields))}/s{number}"


def _with(base: str, fields: Mapping[str, Any]) -> Workload:
    plain = _preset(base) if base in _PRESETS else soc_files.read_workload(base)
    try:
        found = dataclasses.replace(plain, **fields)
    except InputError as error:
        raise InputError(str(error).replace(plain.name, base, 1)) from None
    return dataclasses.replace(found, name=plain.name + _options(plain, found))


@lru_cache(maxsize=16)
def _preset(name: str) -> Workload:
    chip, jobs, fields = _PRESETS[name]
    return Workload(platform(chip), tuple(application(x) for x in jobs), name=name, **fields)


def _options(plain: Workload, changed: Workload) -> str:
    """The options by which `changed` differs from `plain`."""
    words = []
    for word, (field, _) in _NUMBERS.items():
        value = getattr(changed, field)
        if value != getattr(plain, field):
            words.append(f"{word}={value:.12g}" if isinstance(value, float) else f"{word}={value}")
    for word, (field, meant) in _WORDS.items():
        if getattr(changed, field) == meant != getattr(plain, field):
            words.append(word)
    return "".join(f",{word}" for word in words)


def _split(what: str | Path) -> tuple[str, dict[str, Any], int]:
    """(preset or file, fields of the workload, number) of the name of a stream."""
    text = str(what)
    if isinstance(what, Path) or os.path.isfile(text):
        return text, {}, 0
    found = re.fullmatch(r"(?P<base>[^,]+?)(?:,(?P<options>[^/]*))?(?:/s(?P<number>\d{1,9}))?", text, re.ASCII)
    if found is None or not (found["base"] in _PRESETS or os.path.isfile(found["base"])):
        raise _unknown(text)
    fields = {}
    for option in (found["options"] or "").split(",") if found["options"] is not None else ():
        field, value = _option(text, option)
        if field in fields:
            raise InputError(f"{text[:80]}: option {option!r} speaks of {field} a second time")
        fields[field] = value
    return found["base"], fields, int(found["number"] or 0)


def _option(what: str, option: str) -> tuple[str, Any]:
    word, equals, value = option.partition("=")
    if not equals and word in _WORDS:
        return _WORDS[word]
    if not equals or word not in _NUMBERS:
        known = [f"{x}=N" for x in _NUMBERS] + list(_WORDS)
        raise InputError(f"{what[:80]}: unknown option {option[:40]!r}; known are {', '.join(known)}")
    field, kind = _NUMBERS[word]
    return field, _number(what, option, value, kind)


def _number(what: str, part: str, value: str, kind: type) -> Any:
    plain = re.fullmatch(r"\d{1,9}" if kind is int else r"\d{1,9}(\.\d{1,9})?(e-?\d{1,2})?", value, re.ASCII)
    if plain is None:
        raise InputError(f"{what[:80]}: {part[:40]!r} needs a {'whole ' if kind is int else ''}number that is not negative")
    return kind(value)


def _unknown(text: str) -> InputError:
    """About a name that is not a stream's, or a file that is not there."""
    if text in _NAMES or _family(text) or "@" in text:
        return InputError(f"{text[:80]}: is a static graph, not a stream")
    if os.path.isdir(text):
        return InputError(f"{text[:200]}: is a folder, not a file")
    if Path(text).suffix == ".json":
        return InputError(f"{text[:200]}: no such file")
    if text in _GENERATED:
        return InputError(f"{text}: parameters are missing, as in {text}/{_EXAMPLES[text]}")
    stem = re.split(r"[,/]", text.lower())[0]
    near = difflib.get_close_matches(text.lower(), (*_NAMES, *SETS), n=3)
    near = near or difflib.get_close_matches(stem, (*_NAMES, *SETS, *_GENERATED), n=3)
    known = f"sets are {', '.join(SETS)}; streams are {', '.join(PRESETS)}; generated are {', '.join(_GENERATED)}"
    hint = f"did you mean {' or '.join(repr(x) for x in near)}?" if near else known
    return InputError(f"unknown instance {text[:80]!r}; {hint}")


def _pair(what: str) -> StaticDag:
    """`APPLICATION@PLATFORM`, with its optimum if it is known."""
    job, _, chip = what.rpartition("@")
    for side, known in ((job, _APPLICATIONS), (chip, _PLATFORMS)):
        if side not in known and not os.path.isfile(side):
            near = difflib.get_close_matches(side.lower(), known, n=3)
            hint = f"did you mean {' or '.join(repr(x) for x in near)}?" if near else f"known are {', '.join(known)}"
            kind = "application" if known is _APPLICATIONS else "platform"
            raise InputError(f"{what[:80]!r}: unknown {kind} {side[:80]!r}, and no such file; {hint}")
    dag = on_platform(application(job), platform(chip))
    bundled = job in _APPLICATIONS and chip in _PLATFORMS  # a file may be called like a bundled one
    name = job if job in _TOP and chip == "gym-ds3" else dag.name
    optimum = optima().get(name) if bundled else None
    return dataclasses.replace(dag, name=name, lower_bound=optimum, best_known=optimum)


def _family(text: str) -> str | None:
    family = text.split("/", 1)[0]
    return family if family in _GENERATED and "/" in text else None


def _generate(what: str) -> StaticDag:
    arguments, name = _arguments(what)
    seed = arguments.pop("seed", None)
    make = _GENERATED[str(_family(what))][0]
    try:
        if seed is None:
            return make(**arguments, name=name)
        return make(np.random.default_rng((zlib.crc32(b"static-dag"), seed)), **arguments, name=name)
    except InputError as error:
        raise InputError(f"{what[:80]}: {error}") from None


def _arguments(what: str) -> tuple[dict[str, Any], str]:
    """The generator's arguments that a name stands for, and the name in full."""
    family, *parts = what.split("/")
    known = _GENERATED[family][1]
    given: dict[str, Any] = {}
    for part in parts:
        found = re.fullmatch(r"([a-z]+)(.+)", part)
        if found is None or found[1] not in known or found[1] in given:
            raise InputError(f"{what[:80]}: {part[:40]!r} is not one of {', '.join(f'{x}N' for x in known)}, each once")
        kind = known[found[1]].kind
        given[found[1]] = found[2] if kind is str else _number(what, part, found[2], kind)
    arguments: dict[str, Any] = {}
    full = [family]
    for key, parameter in known.items():
        if key not in given and parameter.default is None:
            raise InputError(f"{what[:80]}: {key!r} is missing, as in {family}/{_EXAMPLES[family]}")
        value = given.get(key, parameter.default)
        arguments[parameter.argument] = value
        if parameter.named or value != parameter.default:
            full.append(f"{key}{value:.12g}" if isinstance(value, float) else f"{key}{value}")
    if family in soc_generate.FACTORISATIONS:
        arguments |= _units(what, arguments.pop("pes"))
    return arguments, "/".join(full)


def _units(what: str, text: str) -> dict[str, int]:
    """`2+3` as two CPUs and three GPUs."""
    found = re.fullmatch(r"(\d{1,4})\+(\d{1,4})", text, re.ASCII)
    if found is None:
        raise InputError(f"{what[:80]}: 'p{text[:40]}' must be CPUs and GPUs, as in p2+2")
    return {"cpus": int(found[1]), "gpus": int(found[2])}


def expand(specs: Iterable[str]) -> list[str]:
    """The instances that `specs` stand for, in order, each once: what `load` takes.

    A spec is a name, a set (`top`, `own`, `worked`), a range within one set (`top-01..top-10`), a range of numbers
    (`gym-ds3-5/s0..s19`, `topcuoglu/v40/s0..s9`) or a file. Raises InputError for whatever `load` would not know.
    """
    found: dict[str, None] = {}
    for spec in specs:
        found.update(dict.fromkeys(_expand_one(spec)))
    return list(found)


def _expand_one(spec: str) -> list[str]:
    if spec in SETS:
        return list(SETS[spec])
    if os.path.isfile(spec):
        return [spec]
    numbered = re.fullmatch(r"(.+/s)(\d{1,9})\.\.s?(\d{1,9})", spec)
    if numbered is not None:
        first, last = int(numbered[2]), int(numbered[3])
        if not 0 <= last - first < 100_000:
            raise InputError(f"range {spec[:80]!r}: {last} comes before {first}, or is too far from it")
        return [_full(f"{numbered[1]}{i}") for i in range(first, last + 1)]
    ends = spec.split("..")
    if len(ends) == 2 and "/" not in spec:
        return _range(spec, *ends)
    return [_full(spec)]


def _range(spec: str, first: str, last: str) -> list[str]:
    for end in (first, last):
        if end not in _NAMES:
            near = difflib.get_close_matches(end.lower(), _NAMES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"range {spec[:80]!r}: unknown instance {end[:80]!r}{hint}")
    members = next((x for x in SETS.values() if first in x and last in x), None)
    if members is None:
        raise InputError(f"range {spec!r}: {first} and {last} are not in one set")
    if members.index(first) > members.index(last):
        raise InputError(f"range {spec!r}: {last} comes before {first}")
    return list(members[members.index(first) : members.index(last) + 1])


def _full(spec: str) -> str:
    """The name in full, so that two ways to write an instance are one."""
    if spec in _NAMES and spec not in PRESETS:
        return spec
    if _family(spec):
        return _arguments(spec)[1]
    if "@" in spec:
        found = _pair(spec)
        return spec if found.best_known is None else found.name
    base, fields, number = _split(spec)
    return name_of(base, number, **fields)
