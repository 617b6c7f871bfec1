"""The settings that a tuning may choose from: a small declared space, ours or that of a TOML file.

rate = { low = 1e-4, high = 3e-3, log = true }    any number between them, here with even logarithms
keep = { low = 2, high = 16 }                     a whole number, as the setting is one
samples = [16, 32, 64]                            one of these
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym import settings_file
from dispatchgym.agents.bounds import BOUNDS, validate
from dispatchgym.agents.settings import TrainConfig, parts
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.names import did_you_mean, printable

# What is no matter of choice: budget, seed and task, and what the others are compared by.
NOT_TUNED = (
    *("minutes", "steps", "clock", "seed", "device", "sizes", "precision", "compile"),
    *("imitate_steps", "imitate_repeats", "log_every", "save_every"),
)
MOST_CHOICES = 1000
ATTEMPTS = 1000  # at settings that can be together


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; with `log` their logarithms are even."""

    low: float
    high: float
    log: bool
    whole: bool

    def draw(self, rng: np.random.Generator) -> float:
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole and not self.log else (self.low, self.high)
        x = math.exp(rng.uniform(math.log(low), math.log(high))) if self.log else rng.uniform(low, high)
        return min(max(round(x), int(self.low)), int(self.high)) if self.whole else float(f"{x:.3g}")


@dataclass(frozen=True)
class Choices:
    """One of these values."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]


Space = Mapping[str, Range | Choices]
Settings = dict[str, Any]  # name of a setting -> its value
STANDARD: Space = {
    "rate": Range(2e-4, 5e-3, log=True, whole=False),
    "samples": Choices((16, 32, 64)),
    "average": Choices((0.9, 0.98, 0.995)),
    "width": Choices((32, 64, 128)),
    "hidden": Choices((32, 64, 128)),
}
STANDARD_OF: dict[str, Space] = {
    "ppo": {
        "entropy": Range(1e-3, 0.1, log=True, whole=False),
        "keep": Choices((4, 8, 16)),
        "epochs": Choices((1, 2, 4)),
    },
    "self-label": {"reuse": Choices((1, 2, 4))},
    "preference": {"pairs": Choices((4, 8, 15)), "reuse": Choices((1, 2, 4))},
    "without-replacement": {"rounds": Choices((2, 4, 8)), "reuse": Choices((1, 2, 4))},
}


def standard(learner: str) -> Space:
    """What is tuned where no file says it."""
    return {**STANDARD, **STANDARD_OF.get(learner, {})}


def read(path: Path) -> Space:
    """The space in a TOML file. Raises InputError, with file and setting, for what is no setting or out of its bounds."""
    where = printable(path, 200)
    known = dict(_settings(TrainConfig()))
    space = {}
    for key, value in settings_file.parsed(read_text(path), where).items():
        name = key.replace("-", "_")
        if name not in known:
            hint = did_you_mean(name, list(known), most=1)
            raise InputError(f"{where}: {printable(key)!r} is not a setting that can be tuned" + (f"; {hint}" if hint else ""))
        space[name] = _dimension(f"{where}: {printable(key)}", name, value, known[name])
    if not space:
        raise InputError(f"{where}: names no setting, as in rate = {{ low = 1e-4, high = 1e-2, log = true }}")
    return space


def _settings(config: TrainConfig) -> Iterator[tuple[str, Any]]:
    """The settings that can be tuned, with their defaults."""
    for part in parts(config):
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name not in NOT_TUNED and not dataclasses.is_dataclass(value):
                yield field.name, value


def _dimension(where: str, name: str, value: Any, default: Any) -> Range | Choices:
    if isinstance(value, list):
        if not 0 < len(value) <= MOST_CHOICES:
            raise InputError(f"{where}: {len(value)} choices; there must be 1 to {MOST_CHOICES}")
        return Choices(tuple(_one(where, name, x, default) for x in value))
    if not isinstance(value, dict) or not {"low", "high"} <= value.keys() <= {"low", "high", "log"}:
        raise InputError(f"{where}: {shown(value)} is neither a list of choices nor {{ low = ..., high = ..., log = true }}")
    low, high, log = value["low"], value["high"], value.get("log", False)
    if isinstance(default, bool | str) or not isinstance(log, bool):
        raise InputError(f"{where}: a range is of numbers, and log is true or false")
    low, high = (_one(where, name, x, default) for x in (low, high))
    if not low < high or (log and low <= 0):
        raise InputError(f"{where}: low {low} must be below high {high}" + (" and above 0" if log else ""))
    return Range(low, high, log, isinstance(default, int))


def _one(where: str, name: str, value: Any, default: Any) -> Any:
    """A value as the setting has it."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        kind = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[type(default)]
        raise InputError(f"{where}: {shown(value)} is not {kind}")
    bound = BOUNDS.get(name)
    if bound is not None and value not in bound:
        raise InputError(f"{where}: {value} is not {bound}")
    if isinstance(value, str):
        try:
            validate(applied(TrainConfig(steps=1), {name: value}))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return value


def applied(config: TrainConfig, settings: Settings) -> TrainConfig:
    """The settings of a training with these in their place."""
    own = {name: value for name, value in settings.items() if hasattr(config, name)}
    for field in fields(config):
        part = getattr(config, field.name)
        if dataclasses.is_dataclass(part) and not isinstance(part, type):
            inner = {name: value for name, value in settings.items() if hasattr(part, name)}
            own[field.name] = dataclasses.replace(part, **inner)
    return dataclasses.replace(config, **own)


def draw(space: Space, config: TrainConfig, count: int, seed: int) -> list[Settings]:
    """`count` settings of the space, the first of them those that `config` has already. InputError if none can be trained."""
    rng = np.random.default_rng(seed)
    known = dict(_settings(config))
    found = [{name: known[name] for name in space}]
    for _ in range(ATTEMPTS * count):
        if len(found) == count:
            break
        settings = {name: dimension.draw(rng) for name, dimension in space.items()}
        try:
            validate(applied(config, settings))
        except InputError as error:
            problem = error
            continue
        if settings not in found:
            found.append(settings)
    else:
        if len(found) == 1:
            raise InputError(f"no other settings of the space can be trained with: {problem}")
    return found
