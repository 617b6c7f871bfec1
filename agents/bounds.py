"""Which values the settings of a training may have: one table, by name."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dispatchgym.agents.checkpoint import MOST
from dispatchgym.agents.settings import TrainConfig, parts
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown


@dataclass(frozen=True)
class Between:
    """A closed interval; with `open` the lower end is left out."""

    low: float
    high: float
    open: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.open else self.low <= value) and value <= self.high

    def schema(self) -> dict[str, Any]:
        """The interval in a JSON Schema."""
        return {"exclusiveMinimum" if self.open else "minimum": self.low, "maximum": self.high}

    def __str__(self) -> str:
        return f"above {self.low:g} and at most {self.high:g}" if self.open else f"between {self.low:g} and {self.high:g}"


BOUNDS = {
    "minutes": Between(0, 1e6, open=True),
    "steps": Between(1, 1e9),
    "seed": Between(0, 2**63 - 1),
    "hard": Between(0, 1),
    "instances": Between(1, 4096),
    "samples": Between(2, 65536),  # episodes are compared with each other
    "reuse": Between(1, 1000),
    "rate": Between(0, 10, open=True),
    "weight_decay": Between(0, 10),
    "average": Between(0, 0.999999),
    "width": Between(1, MOST["width"]),
    "layers": Between(1, MOST["layers"]),
    "hidden": Between(1, MOST["hidden"]),
    "attention": Between(0, MOST["hidden"]),
    "encode_every": Between(0, 1e6),
    "imitate_steps": Between(0, 1e9),
    "imitate_repeats": Between(1, 1e4),
    "log_every": Between(0, 1e9, open=True),
    "save_every": Between(0, 1e9),
    "keep": Between(0, 65536),
    "epochs": Between(1, 1000),
    "minibatches": Between(1, 1e4),
    "clip": Between(0, 10, open=True),
    "value_clip": Between(0, 1e6),
    "value_weight": Between(0, 1e6),
    "entropy": Between(0, 1e3),
    "gae_decay": Between(0, 1),
    "kl_stop": Between(0, 1e6),
    "pairs": Between(1, 65535),
    "rounds": Between(1, 65536),
    "shift": Between(0, 100),
}
MOST_EPISODES = 2**20  # of an iteration


def validate(config: TrainConfig) -> None:
    """InputError for settings that cannot be trained with."""
    if (config.minutes is None) == (config.steps is None):
        raise InputError("give either --minutes or --steps")
    for part in parts(config):
        for field in fields(part):
            value: Any = getattr(part, field.name)
            bound = BOUNDS.get(field.name)
            if bound is not None and value is not None and value not in bound:  # nan is in no interval
                raise InputError(f"{option(field.name)} must be {bound}, not {value}")
    if config.attention and config.hidden % config.attention:
        raise InputError(f"--attention {config.attention} does not divide --hidden {config.hidden}")
    if config.instances * config.samples > MOST_EPISODES:
        raise InputError(f"--instances {config.instances} times --samples {config.samples} is more than {MOST_EPISODES} episodes")
    for part in parts(config):
        for name, kind in get_type_hints(type(part)).items():
            names = get_args(kind) if get_origin(kind) is Literal else (getattr(part, name),)
            if getattr(part, name) not in names:
                raise InputError(f"{option(name)} must be {' or '.join(names)}, not {shown(getattr(part, name))}")


_KINDS = {int: "integer", float: "number", bool: "boolean", str: "string"}


def schema(config: Any) -> dict[str, Any]:
    """The JSON Schema of the settings in `config` and in its parts, as policy.json holds them."""
    properties = {}
    for name, kind in get_type_hints(type(config)).items():
        value = getattr(config, name)
        properties[name] = schema(value) if is_dataclass(value) else _schema(kind, BOUNDS.get(name))
    return {"type": "object", "properties": properties}


def _schema(kind: Any, bound: Between | None) -> dict[str, Any]:
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": {"type": _KINDS[get_args(kind)[0]]}}
    choices = [one for one in get_args(kind) or (kind,) if one is not NoneType]
    own = {"type": _KINDS[choices[0]]} | (bound.schema() if bound is not None else {})
    return {"anyOf": [own, {"type": "null"}]} if NoneType in get_args(kind) else own


def option(name: str) -> str:
    """How the command line calls a setting."""
    return f"--{name.replace('_', '-')}"


def bounded() -> set[str]:
    """The names of all settings that are numbers."""
    numbers = ("int", "float", "int | None", "float | None")
    return {field.name for part in parts(TrainConfig()) for field in fields(part) if field.type in numbers}
