"""What an evaluation writes: one judged line for each instance and method, and the schedules behind them.

`results.jsonl` only ever grows by whole lines, each on disk before the next begins, so a run that is killed at any
moment loses at most the pairs that were being solved.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatchgym.baselines.method import Method
from dispatchgym.evaluation.row import Row, read_rows
from dispatchgym.family import Family, Group, fields
from dispatchgym.instances import json_fields
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import append, hold, read_bytes, read_text, remove_drafts, write_text
from dispatchgym.instances.names import printable

Key = tuple[str, str, str, str | None]  # instance, digest of its content, method, hash of the method's weights

ASIDE = "set-aside"
SETTINGS = "settings.toml"
FILES = ("results.jsonl", "run.json", "table.md", "report.html", SETTINGS)
FOLDERS = ("schedules", "plots", ASIDE)
MAX_RESULTS = 256 * 2**20  # bytes of results.jsonl: a million lines


@dataclass(frozen=True)
class Pair:
    """One instance and one method: the unit of work."""

    instance: Any
    digest: str
    group: Group
    method: Method
    weights: str | None = None  # hash of the weights that the method loads
    source: str = ""  # what was asked for
    renamed: bool = False  # whether the instance has another name than its file gives it

    @property
    def key(self) -> Key:
        return self.instance.name, self.digest, self.method.text, self.weights


def key(row: Row) -> Key:
    """The `Pair.key` of the pair that `row` answers."""
    return row["instance"], row["digest"], row["method"], row.get("weights")


def judge(
    problem: Family, pair: Pair, result: Any, *, cpu_seconds: float, seed: int, cores: int, version: str, clock: str = "cpu"
) -> Row:
    """The line of results.jsonl for a Result. Only what the referee has accepted gets an objective and a gap."""
    instance, notes = pair.instance, dict(result.notes)
    reason = notes.pop("reason", None)
    objective, referee, refusal = None, None, None
    metrics: dict[str, float | None] = {}
    status, bound = result.status, result.lower_bound
    if result.schedule is not None and status != "error":
        try:
            objective = int(problem.check(instance, result.schedule))
            referee = "ok"
            disturbed = problem.disturbance is not None and problem.disturbance.value.disturbed(instance)
            refusal = _contradiction(instance, result, objective, disturbed)
            metrics = problem.metrics(instance, result.schedule) if problem.metrics and refusal is None else {}
        except Exception as error:  # whatever a schedule does to the referee, it is refused
            referee = f"refused: {one_line(error)}"
            refusal = referee
    elif status in ("optimal", "feasible"):
        refusal = f"status {status} without a schedule"
    if refusal is not None:
        objective, bound, status, reason = None, None, "error", refusal
    if status == "optimal":
        bound = objective
    return {
        "problem": problem.name,
        "instance": instance.name,
        "method": pair.method.text,
        "objective": objective,
        "lower_bound": bound,
        "best_known": instance.best_known,
        "gap": gap(objective, instance.best_known),
        "seconds": round(result.seconds, 6),
        "status": status,
        "seed": seed,
        "workers": notes.pop("workers", cores),
        "cores": cores,
        "clock": clock,
        "cpu_seconds": round(cpu_seconds, 6),
        "referee": referee,
        "reason": reason,
        "record": objective is not None and instance.best_known is not None and objective < instance.best_known,
        "lower_bound_known": instance.lower_bound,
        "builder": notes.pop("builder", None),
        "metrics": metrics,
        "notes": notes,
        "group": list(pair.group),
        "digest": pair.digest,
        "weights": pair.weights,
        "version": version,
        "source": pair.source,
    }


def _contradiction(instance: Any, result: Any, objective: int, disturbed: bool) -> str | None:
    """Why an accepted schedule and what is said of it cannot all be true, or None.

    The published schedule of an instance need not be possible in a `disturbed` copy, so it contradicts no bound there.
    """
    lower, best = instance.lower_bound, instance.best_known
    if result.objective is not None and result.objective != objective:  # own methods need not count
        return f"the method says {result.objective}, the referee {objective}"
    if lower is not None and objective < lower:
        return f"{objective} undercuts the published bound {lower}: a wrong instance, bound or referee"
    claimed = objective if result.status == "optimal" else result.lower_bound
    if claimed is not None and claimed > objective:
        return f"claims the lower bound {claimed} above its own schedule of {objective}"
    if claimed is not None and best is not None and claimed > best and not disturbed:
        return f"claims the lower bound {claimed} above the published schedule of {best}"
    return None


def gap(objective: int | None, best_known: int | None) -> float | None:
    """100 * (objective / best_known - 1), the percentage above the best published objective; None where one is unknown."""
    if objective is None or best_known is None or (best_known == 0 and objective > 0):
        return None
    return round(100 * (objective / best_known - 1), 4) if best_known else 0.0


def one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:300]


class Results:
    """The folder OUT of one evaluation; `with Results(...)` holds it exclusively, as it must be while it is written."""

    def __init__(self, out: Path, problem: str, *, resume: bool) -> None:
        """Make the folder and read what it has.

        Raises InputError when it cannot be written, is in use, holds lines that are no results, or anything without `resume`.
        """
        self.out, self.problem = out, problem
        self.log = out / "results.jsonl"
        self.set_aside: list[str] = []  # what `keep` has to say
        self._make_folder(resume)
        self._lock = hold(out, f"--out {out}: another evaluation is writing to it")
        try:
            if (out / "schedules").is_dir():
                remove_drafts(out / "schedules")
            self.rows: list[Row] = self._read() if os.path.lexists(self.log) else []
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_folder(self, resume: bool) -> None:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            occupied = any(self.out.iterdir())
            probe = self.out / f".write-test.{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(f"--out {self.out}: cannot be written: {error.strerror}") from error
        self._refuse_other_kinds()
        if occupied and not resume:
            raise InputError(f"--out {self.out}: is not empty; add --resume to continue it, or choose another folder")

    def _refuse_other_kinds(self) -> None:
        """InputError for a name of ours that is a link, or a folder in the place of a file: found before the work, not after."""
        for name, folder in (
            ("results.jsonl", False),
            ("run.json", False),
            ("table.md", False),
            ("report.html", False),
            (SETTINGS, False),
            *((x, True) for x in FOLDERS),
        ):
            path = self.out / name
            if not os.path.lexists(path):
                continue
            if path.is_symlink():
                raise InputError(f"{path}: is a link; the results would be written elsewhere")
            if path.is_dir() != folder:
                raise InputError(f"{path}: is {'not a folder' if folder else 'a folder, not a file'}; remove it")

    def _read(self) -> list[Row]:
        data = read_bytes(self.log, MAX_RESULTS, follow=False)
        whole, _, torn = data.rpartition(b"\n")
        rows = read_rows(whole, str(self.log), self.problem)
        if torn:  # the process died while writing its last line
            self._rewrite(rows)
        return rows

    def _rewrite(self, rows: Iterable[Row]) -> None:
        write_text(self.log, "".join(_line(row) for row in rows))

    def keep(self, pairs: Sequence[Pair], *, seed: int, cores: int, clock: str = "cpu") -> set[Key]:
        """The keys of `pairs` that are finished; lines about errors and about instances or weights of old are dropped.

        Raises InputError when the folder was made with another seed, number of cores or clock, as means over both say nothing.
        """
        for row in self.rows:
            for name, asked, option in (
                ("seed", seed, "--seed"),
                ("cores", cores, "--solver-workers"),
                ("clock", clock, "--clock"),
            ):
                if row.get(name, asked) != asked:  # lines of before do not say by which clock they are
                    held = f"--out {self.out}: holds results with {option} {row[name]}"
                    raise InputError(f"{held}, not {asked}; choose another folder")
        self._follow(pairs)
        digests = {pair.instance.name: pair.digest for pair in pairs}
        weights = {pair.method.text: pair.weights for pair in pairs}
        wanted = {pair.key for pair in pairs}

        def stands(row: Row) -> bool:
            _, digest, method, loaded = key(row)
            same = digests.get(row["instance"], digest) == digest and weights.get(method, loaded) == loaded
            return same and not (row["status"] == "error" and key(row) in wanted)

        kept, gone = [row for row in self.rows if stands(row)], [row for row in self.rows if not stands(row)]
        if gone:
            self._set_aside([row for row in gone if row["status"] != "error"], digests)
            self._rewrite(kept)
            self.rows = kept
        return {key(row) for row in kept} & wanted

    def _follow(self, pairs: Iterable[Pair]) -> None:
        """Give the lines of an instance that has another name now, as another one has joined it, that name."""
        names = {(pair.source, pair.digest): pair.instance.name for pair in pairs if pair.source}
        moved = [
            row for row in self.rows if names.get((row.get("source", ""), row["digest"]), row["instance"]) != row["instance"]
        ]
        for row in moved:
            before = self.schedule_path(row)
            row["instance"] = names[row["source"], row["digest"]]
            if row.get("schedule") is not None and os.path.lexists(before):
                os.replace(before, self.schedule_path(row))
                row["schedule"] = self.schedule_path(row).relative_to(self.out).as_posix()
        if moved:
            self._rewrite(self.rows)

    def _set_aside(self, rows: list[Row], digests: dict[str, str]) -> None:
        """Move results of instances or weights that have changed, and their schedules, to a folder of their own."""
        folder = self.out / ASIDE
        for row in rows:
            (folder / "schedules").mkdir(parents=True, exist_ok=True)
            append(folder / "results.jsonl", _line(row).encode())
            if os.path.lexists(path := self.schedule_path(row)):
                os.replace(
                    path, folder / "schedules" / f"{file_name(row['digest'][:8] + '-' + (row['weights'] or ''))}-{path.name}"
                )
        for name in dict.fromkeys(row["instance"] for row in rows):
            own = [row for row in rows if row["instance"] == name]
            what = "the instance" if digests.get(name, own[0]["digest"]) != own[0]["digest"] else "the method"
            self.set_aside.append(f"{printable(name)}: {what} has changed; {len(own)} results are set aside in {folder}")

    def add(
        self,
        row: Row,
        schedule: Any,
        curve: Iterable[tuple[float, int | None, int | None]],
        table: dict[str, list[Any]] | None = None,
    ) -> None:
        """Store one answer: its schedule first, so that a line never names a file that is not there.

        `table` is the schedule as the family's card tells it, with resources and ends.
        """
        row["schedule"] = None
        if row["objective"] is not None:
            row["schedule"] = self.schedule_path(row).relative_to(self.out).as_posix()
            head = {name: row[name] for name in ("problem", "instance", "source", "digest", "method", "seed", "objective")}
            body = {**head, **fields(schedule), "table": table or {}, "curve": [list(point) for point in curve]}
            path = self.schedule_path(row)
            path.parent.mkdir(exist_ok=True)
            write_text(path, json.dumps(body) + "\n")
        append(self.log, _line(row).encode())
        self.rows.append(row)

    def schedule_path(self, row: Row) -> Path:
        return self.out / "schedules" / f"{file_name(row['instance'], row['method'])}.json"

    def read_schedule(self, row: Row) -> dict[str, Any] | None:
        """What `add` stored beside `row`; None if it is missing or is about something else."""
        try:
            data = json_fields.parse(read_text(self.schedule_path(row), MAX_RESULTS, follow=False), "").value
        except InputError:
            return None
        matches = all(data.get(name) == row[name] for name in ("digest", "method", "objective"))
        return data if matches else None


def _line(row: Row) -> str:
    return json.dumps(row, default=str) + "\n"


def file_name(instance: str, method: str | None = None) -> str:
    """`INSTANCE--METHOD`, or `INSTANCE`, with nothing in it that a file system minds; no two are given the same name."""
    full = instance if method is None else f"{instance}--{method}"
    plain = instance if method is None else f"{instance}--{method.replace(':', '_', 1)}"
    safe = re.sub(r"[^A-Za-z0-9.,=_#-]+", "_", plain)[:150]
    return safe if safe == plain else f"{safe}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"
