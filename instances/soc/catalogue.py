"""SoC instances by name: static graphs and streams of jobs.

Static graphs: the bundled ones (`top-01`, `topcuoglu-10`, `wifi-rx@wireless-16`), an application on a platform where each is a
bundled name or a file (`my_job.json@wireless-16`), generated ones (`topcuoglu/v40/ccr1/alpha1/out3/beta0.5/p8/s7`,
`gauss/n6/ccr1/p4/s1`, `fft/n8/ccr1/p4/s1`, `cholesky/n4/p2+2`, `lu/n4/p2+2`, `qr/n4/p2+2/c5`: see `generate.py`;
`fork-join/v60/ccr0.5/p4/s1` and other workflows: see `shapes.py`), and files.

Streams: a preset, a random chip (`chips/n7`, `chips/n7/load0.8`: see `chips.py`) or a `soc-workload/1` file, then options, then
the number of the stream: `gym-ds3-5,queue=4,noise=0.3/s3`.
The n-th streams of a preset at any queue, noise or way of admission have the same gaps (at another scale the same up to
that factor), so comparisons are paired.
"""

from __future__ import annotations

import dataclasses
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import (
    Generator,
    Option,
    Parameter,
    did_you_mean,
    each_once,
    generator_of,
    name_range,
    number_range,
    printable,
    read_options,
    read_parameters,
    split_number,
    split_numbers,
    split_options,
    unknown,
    write_options,
)
from dispatchgym.instances.soc import chips as soc_chips
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc import generate as soc_generate
from dispatchgym.instances.soc.bundled import (
    APPLICATIONS,
    PLATFORMS,
    PRESETS,
    SETS,
    STATIC,
    TOP,
    application,
    optima,
    platform,
    preset,
    static,
)
from dispatchgym.instances.soc.instance import Application, Platform, StaticDag, Stream, Workload, on_platform, stream
from dispatchgym.instances.soc.shapes import SHAPES, shaped

_NAMES = tuple(name for members in SETS.values() for name in members) + PRESETS

_OPTIONS = {  # what users type -> field of the workload
    "queue": Option("cap", int),
    "scale": Option("scale", float),
    "noise": Option("noise", float),
    "horizon": Option("horizon", int),
    "warmup": Option("warmup", int),
    "jobs": Option("max_jobs", int),
    "uncapped": Option("when_full", value="queue"),
    "redraw": Option("when_full", value="redraw"),
    "retry": Option("when_full", value="retry"),
    "prefill": Option("prefill", value=True),
    "empty": Option("prefill", value=False),
    "exponential": Option("arrival", value="exponential"),
    "fixed": Option("arrival", value="fixed"),
}

_COUNT, _CCR = Parameter("n", int, required=True), Parameter("ccr", float, 1.0)
_COST, _SEED = Parameter("mean_cost", float, 50.0, named=False), Parameter("seed", int, 0)
_RANDOM = {
    "v": Parameter("v", int, required=True),
    "ccr": _CCR,
    "alpha": Parameter("alpha", float, 1.0),
    "out": Parameter("out_degree", int, 3),
    "beta": Parameter("beta", float, 0.5),
    "p": Parameter("pes", int, 8),
    "w": _COST,
    "s": _SEED,
}
_REGULAR = {
    "n": _COUNT,
    "ccr": _CCR,
    "beta": Parameter("beta", float, 0.5, named=False),
    "p": Parameter("pes", int, 4),
    "w": _COST,
    "s": _SEED,
}
_TILED = {"n": _COUNT, "p": Parameter("pes", str, required=True), "c": Parameter("transfer", int, 0, named=False)}
_SHAPED = {
    "v": Parameter("v", int, required=True),
    "ccr": Parameter("ccr", float, 0.5),
    "beta": Parameter("beta", float, 0.5),
    "con": Parameter("consistent", float, 1.0),
    "fast": Parameter("fast", int, 0),
    "p": Parameter("pes", int, 4),
    "w": Parameter("mean_cost", float, 100.0, named=False),
    "s": _SEED,
}
GENERATORS: dict[str, Generator] = {
    "topcuoglu": Generator(soc_generate.topcuoglu, _RANDOM, "v40/s0"),
    "gauss": Generator(soc_generate.gauss, _REGULAR, "n6/s0"),
    "fft": Generator(soc_generate.fft, _REGULAR, "n8/s0"),
    **{x: Generator(partial(soc_generate.tiled, x), _TILED, "n4/p2+2") for x in ("cholesky", "lu", "qr")},
    **{x: Generator(partial(shaped, x), _SHAPED, "v40/s0") for x in SHAPES},
}
CHIPS: dict[str, Generator] = {
    "chips": Generator(soc_chips.named, {"n": _COUNT, "load": Parameter("load", float)}, "n0"),
}
WORKLOAD_SETS = soc_chips.SETS


def names() -> tuple[str, ...]:
    """The bundled static graphs, then the presets of streams."""
    return _NAMES


def load(what: str | Path) -> StaticDag | Stream:
    """The static graph or stream called `what`, or else the one in the file `what` (of a workload: stream 0).

    A `Path` is always a file. Raises InputError for an unknown name, with near ones, and for a bad file.
    """
    text = str(what)
    if not isinstance(what, Path):
        if text in STATIC:
            return static(text)
        if text in TOP:
            return _pair(f"{text}@gym-ds3")
        if generator_of(text, GENERATORS):
            return _generate(text)
        if not os.path.isfile(text) and "@" in text:
            return _pair(text)
    if os.path.isfile(text):
        instance = soc_files.read(text)
        if isinstance(instance, Application | Platform):
            raise InputError(f"{Path(text).name}: an application runs on a platform: name them as APPLICATION@PLATFORM")
        if isinstance(instance, StaticDag):
            return instance
    return load_stream(what)


def load_static(what: str | Path) -> StaticDag:
    """As `load`, but nothing else than a static graph."""
    instance = load(what)
    if not isinstance(instance, StaticDag):
        raise InputError(f"{printable(what)}: is a stream, not a static graph")
    return instance


def load_stream(what: str | Path) -> Stream:
    """The stream called `what`; without a number, stream 0. Raises InputError, also for a static graph."""
    base, fields, number = _split(what)
    load = _with(base, fields)
    seed = zlib.crc32(str(number).encode())  # of nothing else, so that streams are paired
    return stream(load, seed, f"{load.name}/s{number}")


def workload(what: str | Path) -> Workload:
    """The workload of a preset or file with options: `gym-ds3-5,queue=4`. The number of a stream makes no difference."""
    base, fields, _ = _split(what, streams_alone=True)
    return _with(base, fields)


def name_of(base: str, number: int = 0, **fields: Any) -> str:
    """What `load` takes: stream `number` of a preset or file with fields of the workload changed, as `cap=4, noise=0.3`."""
    plain = _with(base, {})
    return f"{base}{write_options(plain, dataclasses.replace(plain, **fields), _OPTIONS)}/s{number}"


def workloads(spec: str) -> tuple[str, ...]:
    """The workloads that a set of them stands for (`chips`, `chips-test`); any other text is one."""
    return WORKLOAD_SETS.get(spec, (spec,))


def split_stream(spec: str) -> tuple[str, str]:
    """The workload, and the numbers of its streams as `spec` says them: "/s3", "/s0..s9" or ""."""
    return split_numbers(spec)


def workload_of(name: str, without: str = "") -> str:
    """The workload of a stream, without the option of that name: `gym-ds3-5,queue=4` of `gym-ds3-5,queue=4/s3`."""
    base, options = split_options(split_number(name)[0])
    return ",".join([base, *(option for option in options if option.partition("=")[0] != without)])


def preset_of(name: str) -> str:
    """The preset or file of a stream: `gym-ds3-5` of `gym-ds3-5,queue=4/s3`."""
    return split_options(name.split("/")[0])[0]


def kind_of(name: str) -> tuple[str, str] | None:
    """The generator of a generated graph and its share of data as the name says it (`topcuoglu`, `ccr1`); None for another."""
    generator = generator_of(name, GENERATORS)
    if generator is None:
        return None
    return generator, next((part for part in name.split("/") if part.startswith("ccr")), "")


def _with(base: str, fields: Mapping[str, Any]) -> Workload:
    plain = _plain(base)
    try:
        changed = dataclasses.replace(plain, **fields)
    except InputError as error:
        raise InputError(str(error).replace(plain.name, base, 1)) from None
    return dataclasses.replace(changed, name=plain.name + write_options(plain, changed, _OPTIONS))


def _plain(base: str) -> Workload:
    """The workload of a preset, a random chip or a file as it is without options."""
    if base in PRESETS:
        return preset(base)
    return _chip(base) if generator_of(base, CHIPS) and not os.path.isfile(base) else soc_files.read_workload(base)


@lru_cache(maxsize=64)
def _chip(base: str) -> Workload:
    family, arguments, name = read_parameters(base, CHIPS)
    try:
        load: Workload = CHIPS[family].make(**arguments, name=name)
    except InputError as error:
        raise InputError(f"{printable(base)}: {error}") from None
    return load


def _split(what: str | Path, streams_alone: bool = False) -> tuple[str, dict[str, Any], int]:
    """(preset or file, fields of the workload, number) of the name of a stream. Errors offer graphs, too, unless told not to."""
    text = str(what)
    if isinstance(what, Path) or os.path.isfile(text):
        return text, {}, 0
    stem, number = split_number(text)
    base, options = split_options(stem)
    if generator_of(base, CHIPS) and not os.path.isfile(base):
        base = read_parameters(base, CHIPS)[2]
    elif base not in PRESETS and not os.path.isfile(base):
        raise _unknown(text, streams_alone)
    return base, read_options(text, options, _OPTIONS), number or 0


def _unknown(text: str, streams_alone: bool) -> InputError:
    """The error about a name that is not a stream's, or about a file that is not there."""
    if text in _NAMES or generator_of(text, GENERATORS) or "@" in text:
        return InputError(f"{printable(text)}: is a static graph, not a stream")
    if streams_alone:
        known = f"streams are {', '.join((*PRESETS, *WORKLOAD_SETS))}; generated are {', '.join(CHIPS)}"
        return unknown(text, (*PRESETS, *WORKLOAD_SETS), known, CHIPS, suffixes=(".json",))
    generators = {**GENERATORS, **CHIPS}
    sets = (*SETS, *WORKLOAD_SETS)
    known = f"sets are {', '.join(sets)}; streams are {', '.join(PRESETS)}; generated are {', '.join(generators)}"
    return unknown(text, (*_NAMES, *sets), known, generators, suffixes=(".json", ".dot", ".gv", ".stg"))


def _pair(what: str) -> StaticDag:
    """`APPLICATION@PLATFORM`, with its optimum if it is known."""
    job, _, chip = what.rpartition("@")
    for side, known in ((job, APPLICATIONS), (chip, PLATFORMS)):
        if side not in known and not os.path.isfile(side):
            hint = did_you_mean(side, known) or f"known are {', '.join(known)}"
            kind = "application" if known is APPLICATIONS else "platform"
            raise InputError(f"{what[:80]!r}: unknown {kind} {side[:80]!r}, and no such file; {hint}")
    dag = on_platform(application(job), platform(chip))
    bundled = job in APPLICATIONS and chip in PLATFORMS  # a file may be called like a bundled one
    name = job if job in TOP and chip == "gym-ds3" else dag.name
    optimum = optima().get(name) if bundled else None
    return dataclasses.replace(dag, name=name, lower_bound=optimum, best_known=optimum)


def _generate(what: str) -> StaticDag:
    family, arguments, name = _parameters(what)
    seed = arguments.pop("seed", None)
    rng = () if seed is None else (np.random.default_rng((zlib.crc32(b"static-dag"), seed)),)
    try:
        dag: StaticDag = GENERATORS[family].make(*rng, **arguments, name=name)
    except InputError as error:
        raise InputError(f"{printable(what)}: {error}") from None
    return dag


def _parameters(what: str) -> tuple[str, dict[str, Any], str]:
    """The generator of a graph, its arguments and the name in full."""
    family, arguments, name = read_parameters(what, GENERATORS)
    if family in soc_generate.FACTORISATIONS:  # p2+3 is two CPUs and three GPUs
        pes = arguments.pop("pes")
        units = re.fullmatch(r"([0-9]{1,4})\+([0-9]{1,4})", pes)
        if units is None:
            raise InputError(f"{printable(what)}: {f'p{pes[:40]}'!r} must be CPUs and GPUs, as in p2+2")
        arguments |= {"cpus": int(units[1]), "gpus": int(units[2])}
    return family, arguments, name


def expand(specs: Iterable[str]) -> list[str]:
    """The instances that `specs` stand for, in order, each once: what `load` takes.

    A spec is a name, a set (`top`, `own`, `worked`), a range within one set (`top-01..top-10`), a range of numbers
    (`gym-ds3-5/s0..s19`, `topcuoglu/v40/s0..s9`) or a file. Raises InputError for whatever `load` would not know.
    """
    return each_once(specs, _members)


def _members(spec: str) -> Iterable[str]:
    if spec in SETS:
        return SETS[spec]
    if spec in WORKLOAD_SETS:
        return map(_full, WORKLOAD_SETS[spec])
    if os.path.isfile(spec):
        return (spec,)
    numbered = number_range(spec)
    if numbered is not None:
        return map(_full, numbered)
    members = name_range(spec, _NAMES, SETS.values())
    return (_full(spec),) if members is None else members


def _full(spec: str) -> str:
    """The name in full, so that two ways to write an instance are one."""
    if spec in _NAMES and spec not in PRESETS:
        return spec
    if generator_of(spec, GENERATORS):
        return _parameters(spec)[2]
    if "@" in spec:
        pair = _pair(spec)
        return spec if pair.best_known is None else pair.name
    base, fields, number = _split(spec)
    return name_of(base, number, **fields)
