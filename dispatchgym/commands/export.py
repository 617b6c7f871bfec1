"""`dispatchgym export`: schedules as CSV or JSON rows, or episodes as a Minari data set for offline learners."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from dispatchgym import minari_files, plays, program
from dispatchgym.commands import schedules
from dispatchgym.commands.finding import find_instance
from dispatchgym.instances.errors import InputError, InvalidSchedule
from dispatchgym.instances.files import write_text
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.names import printable
from dispatchgym.options import Metavar, Positional

SUMMARY = "schedules as CSV or JSON rows; episodes as a Minari data set"

MOST_EPISODES = 10**6  # of a data set, which is kept in memory until it is whole


@dataclasses.dataclass(frozen=True)
class Request:
    """Write schedules as rows: which job and operation occupies which machine from start to end (in other families: task and PE,
    buffer and offset). `end` is the first moment at which the resource is free again.

    Every schedule is judged first. Rows of several files are told apart by the columns `instance` and `method`.

    With --minari the words are instances, and what is written are episodes: random legal play, and the schedules of methods and
    policies as the actions that build them, for offline reinforcement learning.

    For example:
      dispatchgym export results/first/schedules/ta01--tabu_1s.json --out ta01.csv
      dispatchgym export results/first --to json --out all.json
      dispatchgym export "uniform/j6/m6/s0..s99" --minari mine/shops-6x6-v0 --methods random tabu:0.1s --out data
    """

    files: Annotated[tuple[str, ...], Positional(), Metavar("SCHEDULE|FOLDER|INSTANCE ...")]
    """Schedule files, or folders of results; with --minari instances."""
    to: Literal["csv", "json"] | None = None
    """The format; default: what --out ends with, else csv."""
    out: Annotated[Path | None, Metavar("FILE")] = None
    """Default: standard output. With --minari the folder of all data sets; default: Minari's own."""
    instance: Annotated[str | None, Metavar("INSTANCE")] = None
    """The instance, where a file does not name it."""
    family: Annotated[str | None, Metavar("FAMILY")] = None
    """The family, where a file does not name it."""
    minari: Annotated[str | None, Metavar("GROUP/NAME-v0")] = None
    """Write a Minari data set of this name (extra `minari`)."""
    methods: Annotated[tuple[str, ...], Metavar("METHOD ...")] = (plays.RANDOM,)
    """With --minari: who plays. random takes any legal action; all others are those of `evaluate`."""
    episodes: Annotated[int, Metavar("N")] = 1
    """With --minari: of each method on each instance."""
    seed: Annotated[int, Metavar("N")] = 0
    """With --minari: of the first episode; further ones count up."""
    observation: Literal["flat", "candidates", "graph"] = "flat"
    """With --minari: what is observed. flat: one row of numbers, whose last ones are the mask of legal actions."""


def grammar() -> Any:
    return program.taking(Request)


def main(words: Sequence[str]) -> int:
    request = program.parse_one("export", Request, words)
    return export_episodes(request) if request.minari is not None else export_rows(request)


def export_rows(request: Request) -> int:
    ending = request.out.suffix if request.out else ""
    if request.to is None and ending not in ("", ".csv", ".json"):
        raise InputError(f"--out {request.out}: ends neither with .csv nor with .json; give --to")
    rows = [row for path in schedules.files_in([Path(file) for file in request.files]) for row in rows_of(path, request)]
    as_json = request.to == "json" or (request.to is None and ending == ".json")
    text = _json(rows) if as_json else _csv(rows)
    if request.out is None:
        sys.stdout.write(text)
    else:
        write_text(request.out, text)
        print(f"{printable(request.out, 200)}: {len(rows)} rows")
    return 0


def export_episodes(request: Request) -> int:
    """Play, then write all episodes at once, so that a data set is complete or not there."""
    assert request.minari is not None
    minari_files.check(request.minari, request.out)
    if not request.files:
        raise InputError("--minari: which instances? Give names or files; `dispatchgym list` shows what there is")
    if not 1 <= request.episodes <= MOST_EPISODES or not 0 <= request.seed < 2**62:
        asked = f"--episodes {shown(request.episodes)} --seed {shown(request.seed)}"
        raise InputError(f"{asked}: 1 to {MOST_EPISODES} episodes, and a seed from 0 to 2**62")
    if request.to is not None or request.instance is not None:
        raise InputError(f"{'--to' if request.to else '--instance'} means nothing beside --minari")
    card = find_instance(request.files[0], request.family)[0]
    for method in request.methods:
        if method != plays.RANDOM:
            card.validate(method)
    names = card.expand(request.files, None)
    count = request.episodes * len(names) * len(request.methods)
    if count > MOST_EPISODES:
        raise InputError(f"--episodes {request.episodes}: of each method on each instance are {count}, more than {MOST_EPISODES}")
    stage = plays.Stage(card, [card.load(name) for name in names], request.observation)
    played = list(stage.plays(request.methods, request.episodes, request.seed))
    folder = minari_files.write(request.minari, request.out, stage, names, request.methods, played)
    print("\n".join([*minari_files.summary(played, card), f"{printable(folder, 200)}: {len(played)} episodes"]))
    return 0


def rows_of(path: Path, request: Request) -> list[dict[str, Any]]:
    """The rows of one schedule. InputError if the referee refuses it."""
    stored = schedules.read(path, request.instance, request.family)
    try:
        stored.judge()
    except InvalidSchedule as error:
        raise InputError(f"{printable(path, 200)}: refused by the referee: {error}") from None
    table = stored.table()
    whose = {"instance": stored.instance.name, "method": stored.body.get("method", path.stem)}
    return [whose | dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def _json(rows: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
