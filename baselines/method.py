"""The text that names a method: `name[@target][:option[,option]]`.

Options are seconds (`10s`, `0.5s`), a number of samples (`x128`) or `key=value`:
`spt`, `random:x128`, `tabu:1s`, `cpsat:10s,workers=2,hint=fdd-mwkr`, `policy@runs/mine:x64`. A search with a policy is an option
without a key: `policy:gumbel,10s`.

A user's own method is a function, `my.py:solve:10s` or `package.module:solve`; schedules in files, `file:solutions/*.json`; or a
model that plays, `policy@sb3:model.zip:x16` or `policy@my.py:model`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from dispatchgym.instances import extras
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

_SECONDS = re.compile(r"([+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))s")
# A function in a file or in a module of a package; after it the options.
_IN_FILE = re.compile(r"([^:@]+\.py:[A-Za-z_]\w*)(?::(.*))?", re.DOTALL)
_IN_MODULE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+:[A-Za-z_]\w*)(?::(.*))?", re.DOTALL)
SB3 = "sb3:"  # before the file of a model of Stable-Baselines3
FUNCTION, FILE = "function", "file"  # the names of own methods
_SAMPLES = re.compile(r"x([+-]?[0-9]{1,9})")
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
POLICY, SEARCH = "policy", "search"  # the method that may name a search, and the key under which its word is kept
FIRST = ("hint", "start")  # options that name a method in their turn
MAX_FIRST = 8  # methods within each other
MAX_SAMPLES = 2**20  # episodes that are played at once: memory is taken for all of them
MAX_WORKERS = 1024
MAX_COUNT = 10**12  # moves, evaluations, iterations
_MOST = {"workers": MAX_WORKERS, "beam": MAX_SAMPLES}  # of options; others may be up to MAX_COUNT


@dataclass(frozen=True)
class Method:
    """A parsed method text."""

    text: str  # as typed
    name: str
    target: str | None = None  # after '@': a checkpoint or run folder
    seconds: float | None = None
    samples: int | None = None
    options: Mapping[str, str] = field(default_factory=dict, hash=False)  # key=value, in the order typed

    def error(self, problem: str) -> InputError:
        return InputError(f"method '{printable(self.text, 100)}': {problem}")

    def among(self, names: Collection[str]) -> None:
        """Raise InputError unless the method is one of `names`."""
        if self.name not in names:
            raise self.error(f"'{self.name}' is not one of {', '.join(names)}")

    def integer(self, key: str, default: int) -> int:
        """The positive integer given for option `key`. Raises InputError for other values."""
        value = self.options.get(key)
        if value is None:
            return default
        most = _MOST.get(key, MAX_COUNT)
        if not re.fullmatch(r"[0-9]{1,13}", value) or int(value) < 1:
            raise self.error(f"option {key}={printable(value)} is not a positive whole number")
        if int(value) > most:
            raise self.error(f"option {key}={value} is more than {most}")
        return int(value)

    def budget(self, key: str, *others: str) -> int | None:
        """The number of steps given as option `key`, None if it is not given.

        Raises InputError if seconds are given too, and for options other than `key` and `others`.
        """
        self.accept(seconds=True, keys=(key, *others))
        moves = self.integer(key, 1) if key in self.options else None
        if moves and self.seconds is not None:
            raise self.error(f"give seconds or {key}, not both")
        return moves

    def needs(self, package: str) -> None:
        """Raise MissingExtra unless `package`, which the method runs on, is installed."""
        extras.need(package, what=f"method '{printable(self.text, 100)}'")

    def choice(self, key: str, choices: Collection[str]) -> str:
        """The value of option `key`, which must be one of `choices`; the first of them is the default."""
        value = self.options.get(key, next(iter(choices)))
        if value not in choices:
            raise self.error(f"option {key}={value} is not one of {', '.join(choices)}")
        return value

    def accept(self, *, seconds: bool = False, samples: bool = False, keys: Collection[str] = (), target: bool = False) -> None:
        """Raise InputError for an option that is not listed; the message names the valid ones."""
        given = [(f"option {k}={v}", k in keys) for k, v in self.options.items()]
        given += [(f"option {self.seconds}s", seconds)] if self.seconds is not None else []
        given += [(f"option x{self.samples}", samples)] if self.samples is not None else []
        given += [(f"target @{self.target}", target)] if self.target is not None else []
        valid = ["SECONDS as 10s"] * seconds + ["SAMPLES as x128"] * samples + [f"{k}=..." for k in keys] + ["@PATH"] * target
        for what, allowed in given:
            if not allowed:
                raise self.error(f"{what} does not apply to '{self.name}'; valid: {', '.join(valid) or 'no option'}")


def _parts(text: str) -> tuple[str, str | None, str, str]:
    """Name, target, the colon before the options if there is one, and the options."""
    if text.startswith(f"{FILE}:"):
        return FILE, text.removeprefix(f"{FILE}:"), "", ""
    if function := _IN_FILE.fullmatch(text) or _IN_MODULE.fullmatch(text):
        return FUNCTION, function[1], "" if function[2] is None else ":", function[2] or ""
    name, colon, rest = text.partition(":")
    if "@" not in name:
        return name, None, colon, rest
    name, _, tail = text.partition("@")
    if function := _IN_FILE.fullmatch(tail):  # a module's name could be a run folder's
        return name, function[1], "" if function[2] is None else ":", function[2] or ""
    prefix = SB3 if tail.startswith(SB3) else ""
    target, colon, rest = tail.removeprefix(prefix).rpartition(":")
    if not colon or "/" in rest or "\\" in rest:  # the colon, if any, belongs to the path
        target, colon, rest = tail.removeprefix(prefix), "", ""
    return name, prefix + target if target else "", colon, rest


def parse_method(text: str | Method) -> Method:
    """Split a method text into its parts; a parsed method is returned as it is.

    Raises InputError for an empty name and for a malformed, repeated or non-positive option.
    """
    if isinstance(text, Method):
        return text
    shown = printable(text, 100)
    if sum(text.count(f"{key}=") for key in FIRST) > MAX_FIRST:
        raise InputError(f"method '{shown}': more than {MAX_FIRST} methods within each other")
    name, target, colon, rest = _parts(text)
    if target == "":
        raise InputError(f"method '{shown}': nothing follows '{name}{':' if name == FILE else '@'}'")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise InputError(f"method '{shown}': '{printable(name)}' is not a method name")
    if colon and not rest:
        raise InputError(f"method '{shown}': nothing follows ':'")
    seconds: float | None = None
    samples: int | None = None
    options: dict[str, str] = {}
    for option in rest.split(",") if rest else ():
        key, equals, value = option.partition("=")
        if found := _SECONDS.fullmatch(option):
            repeated, seconds = seconds is not None, float(found[1])
            wrong = not (0 < seconds < math.inf)
        elif found := _SAMPLES.fullmatch(option):
            repeated, samples = samples is not None, int(found[1])
            wrong = samples < 1
            if samples > MAX_SAMPLES:
                raise InputError(f"method '{shown}': option '{printable(option)}' is more than x{MAX_SAMPLES}")
        elif name == POLICY and _WORD.fullmatch(option):
            repeated, wrong = SEARCH in options, False
            options[SEARCH] = option
        elif equals and re.fullmatch(r"[a-z][a-z0-9_-]*", key) and value:
            repeated, wrong = key in options, False
            options[key] = value
        else:
            raise InputError(f"method '{shown}': option '{printable(option)}' is not SECONDS (10s), SAMPLES (x128) or KEY=VALUE")
        if wrong:
            raise InputError(f"method '{shown}': option '{printable(option)}' must be positive")
        if repeated:
            raise InputError(f"method '{shown}': option '{printable(option)}' repeats an earlier one")
    return Method(text, name, target, seconds, samples, options)
