"""Malformed requests: options of the two commands and keywords of the environments, of every name that they have."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dispatchgym import families
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.envs.core.dotted import resolve
from dispatchgym.envs.core.face import FACE_WORDS
from dispatchgym.evaluate import Options
from dispatchgym.train import Run
from tests.corpus.originals import DIGITS, evaluating

# An instance and a method of each family, which are valid.
VALID = {
    "jobshop": ("ft06", "spt"), "blocking": ("ft06", "spt"), "soc": ("gym-ds3-5/s0", "etf"),
    "static-dag": ("worked", "heft"), "memory-pack": ("A", "size"), "memory-map": ("resnet50-b8", "xla"),
    "cpmodel": ("mk01", "spt"),
}  # fmt: skip
# Texts that no number is written as, and numbers that nothing has so many of.
NUMBERS = ("x", "", "²", "nan", "-7", DIGITS, "1e3000", "0x10", "\x1b[31m")
WORDS = ("\x1b[31m\u202e", "x" * 100_000, "\udcff")


def kinds(owner: type) -> Iterator[tuple[str, Any]]:
    """The options that a dataclass stands for, and the types of their values."""
    for name, hint in typing.get_type_hints(owner).items():
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from kinds(hint)
        elif name != "extra":
            yield f"--{name.rstrip('_').replace('_', '-')}", hint


def values(option: str, hint: Any) -> tuple[str, ...]:
    """What the option cannot be; of numbers six of all, which ones depends on the option's name."""
    inside = {hint, *typing.get_args(hint), *(x for part in typing.get_args(hint) for x in typing.get_args(part))}
    if hint is bool:
        return ()
    if inside & {int, float}:
        first = len(option)
        return tuple(NUMBERS[(first + i) % len(NUMBERS)] for i in range(6))
    if Path in inside:
        return ("file.txt", "loop")
    return WORDS


def train_requests() -> Iterator[tuple[str, ...]]:
    for name in families.NAMES:
        own = families.load(name).train_options
        owners = [own.value] if own is not None else []
        for owner in (*owners, *((TrainConfig, Run) if name == "jobshop" else ())):
            for option, hint in kinds(owner):
                budget = () if option in ("--minutes", "--steps") else ("--steps", "1")
                out = () if option == "--out" else ("--out", "run")
                for value in values(option, hint):
                    yield ("train", name, *budget, *out, option, value)
                if typing.get_origin(hint) is not tuple:  # without a value
                    yield ("train", name, *budget, *out, f"{option}=\x1b" if hint is bool else option)


def evaluate_requests() -> Iterator[tuple[str, ...]]:
    for name in families.NAMES:
        own = families.load(name).options
        valid = evaluating(name, *VALID[name])
        for option, hint in (*(kinds(own.value) if own else ()), *(kinds(Options) if name == "jobshop" else ())):
            given = list(valid)
            if option in given:
                place = given.index(option)
                del given[place : place + 2]
            for value in values(option, hint):
                yield (*given, option, value)
            if typing.get_origin(hint) is not tuple:
                yield (*given, f"{option}=\x1b" if hint is bool else option)


def other_requests() -> Iterator[tuple[str, ...]]:
    """Words that are no options, and names and methods that are none."""
    for command in ("train", "evaluate"):
        yield (command,)
        for words in (("x" * 100_000,), ("jobshop", "--no-such-option"), ("jobshop", "stray"), ("--steps", "3"), ("\udcff",)):
            yield (command, *words)
    methods = (
        "x", "", ":", "spt:", "spt:x0", f"spt:x{DIGITS}", "spt:x-3", "spt:x1048577", "tabu:nans", "tabu:infs", f"tabu:{DIGITS}s",
        "tabu:0s", f"tabu:moves={DIGITS}", "tabu:moves=²", "tabu:moves=0", "tabu:start=spt\x1b", "cpsat:workers=99999999",
        f"cpsat:workers={DIGITS}", "policy:beam=x", f"policy:beam={DIGITS}", "policy@", "policy@nowhere", "policy@file.txt",
        "policy@loop", "spt:builder=x", "spt:x4,x4", "spt:" + "x4," * 10_000, "\x1b[31m", "spt@file.txt", "policy:direction=up",
    )  # fmt: skip
    yield from (evaluating("jobshop", "ft06", method) for method in methods)
    names = (
        "", "x", "ta", "ft06..", "ft06..la01", "ta10..ta01", "..", "ta01.." + "9" * 5_000, "nowhere.txt", "loop", "file.txt#0",
        f"file.txt#{DIGITS}", "a\x1b[31mb", "\udcff", "x" * 100_000, "/dev/zero", "/dev/stdin", "pipe", "folder", ".",
    )  # fmt: skip
    yield from (evaluating("jobshop", name, "spt") for name in names if name != "ta")
    generated = {
        "blocking": ("ft06/xyz", "ft06/bws/p2/t0", f"ft06/bws/p0.1/t{DIGITS}", "ft06/bws/p0.1,x=3/t0"),
        "soc": ("gym-ds3-5/s", f"gym-ds3-5/s{DIGITS}", "gym-ds3-5/s5..s1", "gym-ds3-5,scale=-1", f"chips/n{DIGITS}"),
        "static-dag": ("topcuoglu/v0", f"topcuoglu/v{DIGITS}/s1", "topcuoglu/v40/v40", "topcuoglu", "topcuoglu/v999999999/s1"),
        "memory-pack": ("A,capacity=0", "A,capacity=x", f"A,capacity={DIGITS}", "A,capacity=16PiB"),
        "memory-map": ("resnet50-b8,capacity=-1", "resnet50", "resnet50-b8/s1"),
    }  # fmt: skip
    for family, given in generated.items():
        yield from (evaluating(family, name, VALID[family][1]) for name in given)


# Values that no keyword takes: neither a name, nor a number of anything, nor a truth value.
KEYWORDS: tuple[Any, ...] = (object(), 10**6_000, "\x1b[31m" * 1_000, math.nan, -7, [object()])
COUNTS = ("pool", "num_envs", "jobs", "machines", "tasks", "buffers", "instructions")
HUGE = {**dict.fromkeys(COUNTS, 10**12), "pool_seed": 10**25}


def keyword_requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """(environment, keywords)."""
    for name in families.NAMES:
        for environment, keywords in families.load(name).ids.items():
            # Gymnasium itself looks at the render mode.
            own = (*resolve(keywords).words, *(word for word in FACE_WORDS if word != "render_mode"))
            for i, word in enumerate((*own, "num_envs", "no_such_keyword")):
                values = KEYWORDS[i % 2 :: 2] if i > 8 else KEYWORDS
                huge = [HUGE[word]] if word in HUGE else []
                if word == "no_such_keyword":
                    values = (1,)  # Gymnasium itself shows the value
                yield from ((environment, {word: value}) for value in (*values, *huge))
