"""What a tuning writes: tune.json for programs, best.toml for `train.py --config`, and a table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dispatchgym import settings_file
from dispatchgym.instances import json_fields
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.json_shapes import Key, Number, Object, OneOf, Plain, Rows, Table, Text, Whole
from dispatchgym.instances.names import printable
from dispatchgym.tuning.budget import RUNGS
from dispatchgym.tuning.search import Trial
from dispatchgym.tuning.space import Settings, applied
from dispatchgym.tuning.trial import Plan

FILE, BEST, PLAN = "tune.json", "best.toml", "plan.json"
FORMAT = "dispatchgym-tune/1"
SEEDS = Rows(Whole(0, 2**63))
GAPS = Rows(Number())
TRIAL = Object(
    {
        "number": Key(Whole(0, 2**31), "0 is the settings that the command was given"),
        "settings": Key(Table(Plain())),
        "gaps": Key(Rows(Object({"rung": Key(Whole(1, RUNGS[-1] + 1), "ninths of the budget"), "gaps": Key(GAPS)}))),
        "state": Key(OneOf(("finished", "stopped"))),
    }
)
TESTED = Object({"number": Key(Whole(0, 2**31)), "gaps": Key(GAPS, "of each seed, percent above the lower bound")})
RESULT = Object(
    {
        "format": Key(OneOf((FORMAT,))),
        "problem": Key(Text(), "the family"),
        "tuning": Key(Object({"seeds": Key(SEEDS), "trials": Key(Rows(TRIAL))})),
        "test": Key(Object({"seeds": Key(SEEDS), "settings": Key(Rows(TESTED))}), "no seed or instance of the tuning"),
        "best": Key(Whole(0, 2**31), "number of the trial that was best on the instances of the tuning"),
    }
)


@dataclass(frozen=True)
class Found:
    """What a tuning has found."""

    trials: Sequence[Trial]
    seeds: Sequence[int]
    best: Trial
    tested: Sequence[Trial]
    test_seeds: Sequence[int]
    gaps: Sequence[Sequence[float]]  # of each that was tested, with each seed


def planned(plan: Plan, candidates: Sequence[Settings], resume: bool) -> str:
    """What is tuned, for the file PLAN. InputError if the folder holds a tuning already, or another one than is to go on."""
    path = plan.out / PLAN
    about = {"problem": plan.family, "config": asdict(plan.config), "options": plan.options, "candidates": list(candidates)}
    text = json.dumps(about) + "\n"
    shown = printable(plan.out, 200)
    if path.exists() and not resume:
        raise InputError(f"{shown} holds a tuning already: add --resume to go on with it, or choose another --out")
    if path.exists() and json_fields.parse(read_text(path), str(path)).value != json.loads(text):
        raise InputError(f"{shown}: its tuning has another family, space, number of trials or setting")
    return text


def write(out: Path, plan: Plan, options: Any, found: Found) -> None:
    """tune.json and best.toml; `options` are the family's own, as the command line gave them."""
    trials = [
        {
            "number": x.number,
            "settings": x.settings,
            "gaps": [{"rung": rung, "gaps": gaps} for rung, gaps in sorted(x.gaps.items())],
            "state": "finished" if x.finished else "stopped",
        }
        for x in found.trials
    ]
    tested = [{"number": x.number, "gaps": list(gaps)} for x, gaps in zip(found.tested, found.gaps, strict=True)]
    result = {
        "format": FORMAT,
        "problem": plan.family,
        "tuning": {"seeds": list(found.seeds), "trials": trials},
        "test": {"seeds": list(found.test_seeds), "settings": tested},
        "best": found.best.number,
    }
    write_text(out / FILE, json.dumps(result, indent=1) + "\n")
    write_text(out / BEST, settings_file.write(plan.family, options, applied(plan.config, found.best.settings)))


def table(found: Found) -> str:
    """A line for each of the settings that were tested."""
    lines = []
    for trial, gaps in zip(found.tested, found.gaps, strict=True):
        spread = f" ± {statistics.stdev(gaps):.2f}" if len(gaps) > 1 else ""
        name = f"trial {trial.number}" if trial.number else "as given"
        lines.append(f"  {name:9} {statistics.mean(gaps):7.2f}{spread} % above bound, {len(gaps)} seeds: {said(trial)}")
    return "\n".join(lines)


def said(trial: Trial) -> str:
    """The settings of a trial in words of the command line."""
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in trial.settings.items())
