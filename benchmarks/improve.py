"""Regenerates the tables of docs/improve.md: plain policies on improvement, its speed, and its agreement with the referee.

    python benchmarks/improve.py makespans   # after 100, 500 and 5000 moves, on generated shops and on ta01-10
    python benchmarks/improve.py speed       # moves per CPU-second in batches
    python benchmarks/improve.py walks       # 10,000 random walks: every best makespan is the referee's
    python benchmarks/improve.py learned --policy runs/mine    # a trained policy against plain ones at equal moves

Writes benchmarks/results/improve-PART.md and replaces what stands between the comments of that name in docs/improve.md.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import numpy.typing as npt
import tyro

from benchmarks.command import run_command
from benchmarks.markdown_blocks import fill
from benchmarks.results_file import describe_header, header
from benchmarks.timing import best_window
from dispatchgym import families
from dispatchgym.agents.rollout import Rollout
from dispatchgym.baselines.jobshop.methods import solve
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.jobshop.check import check
from dispatchgym.envs.jobshop.improve.env import ImproveKeywords
from dispatchgym.envs.jobshop.improve.policies import POLICIES, MovePolicy, play, random_choice
from dispatchgym.envs.jobshop.improve.problem import NEIGHBOURHOODS, ImproveProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import write_text
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound
from dispatchgym.policies import load
from dispatchgym.statistics import half_width

ROOT = Path(__file__).resolve().parent.parent
Gaps = list[npt.NDArray[np.float64]]  # after each number of moves, percent, by instance
MOVES = (100, 500, 5000)
SPEED_SIZES = ((10, 10), (20, 20), (100, 20))
SPEED_COPIES = (64, 256, 1024)
KINDS = (  # of the shops of the walks
    {},
    {"routing": "two-set", "duration": (1, 200)},
    {"operations": 6, "recirculation": True, "release": (0, 30)},
    {"operations": 4, "recirculation": True, "duration": (0, 6)},
)


@dataclasses.dataclass(frozen=True)
class Options:
    part: tyro.conf.Positional[Literal["makespans", "speed", "walks", "learned"]]
    """Which table."""
    policy: Path | None = None
    """The run whose policy is played, for `learned`."""
    instances: int = 10
    """Generated shops of each size; 0 = none."""
    ta: int = 10
    """Instances of Taillard, from the first on."""
    copies: int = 4
    """Walks on each instance, of which the mean is shown."""
    moves: tuple[int, ...] = MOVES
    """Moves after which the best makespan is shown, ascending."""
    walks: int = 10_000
    """Random walks that the referee checks."""
    seconds: float = 0.02
    """Of a timing: short ones find the moments in which other programs leave the caches alone."""
    repeats: int = 80
    """Timings, of which the fastest counts."""
    seed: int = 0
    """Of the random choices."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where improve-PART.md goes."""
    page: Annotated[Path, tyro.conf.arg(metavar="FILE")] = ROOT / "docs" / "improve.md"
    """The file whose table is replaced."""


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Measure, then write the table and the page."""
    about = header(options.seed)
    body = {"makespans": makespans, "speed": speed, "walks": walks, "learned": learned}[options.part](options)
    words = f"{options.part} --policy FOLDER" if options.policy else options.part
    text = f"{describe_header(about)}\n\n{body}\n\nRegenerate with `python benchmarks/improve.py {words}`."
    options.tables.mkdir(parents=True, exist_ok=True)
    write_text(options.tables / f"improve-{options.part}.md", text + "\n")
    fill(options.page, f"improve-{options.part}", text)
    print(text)


def sets(options: Options) -> dict[str, list[JobShop]]:
    """Column -> its instances. The generated ones are none of those that training draws."""
    seeds = range(10**6, 10**6 + options.instances)
    drawn = {f"{n}x{n}": [generate(n, n, seed=s) for s in seeds] for n in (10, 20) if seeds}
    return {**drawn, f"ta01-{options.ta}": [catalogue.load(f"ta{n:02}") for n in range(1, options.ta + 1)]}


def reference(instance: JobShop) -> int:
    """What gaps are above: the best known makespan, or the lower bound of a generated shop."""
    return instance.best_known or simple_lower_bound(instance)


def makespans(options: Options) -> str:
    """Mean gaps after some moves, of each neighbourhood and policy."""
    columns = sets(options)
    lines = head(columns, options)
    for name in sorted(NEIGHBOURHOODS):
        for title, policy in POLICIES.items():
            lines.append(row(name, title, [walked(name, policy, pool, options) for pool in columns.values()]))
    searched = [[gap_of(f"tabu:moves={n}", pool, options) for n in options.moves] for pool in columns.values()]
    return "\n".join([*lines, row("n7", "the solver `tabu`", searched)])


def head(columns: dict[str, list[JobShop]], options: Options) -> list[str]:
    """What the numbers are, the head of the table, and the row of the start."""
    return [
        f"Percent above the lower bound ({options.instances} generated shops of each size; it is loose) or the best known "
        f"makespan (ta) after {' / '.join(map(str, options.moves))} moves from `fdd-mwkr`; the mean of {options.copies} "
        "walks an instance.\n",
        f"| neighbourhood | policy | {' | '.join(columns)} |",
        f"| --- | --- | {' | '.join(['--:'] * len(columns))} |",
        row("", "none: the start", [[gap_of("fdd-mwkr", pool, options)] for pool in columns.values()]),
    ]


def learned(options: Options) -> str:
    """Mean gaps of a trained policy, greedy and drawn, beside those of the plain ones on its neighbourhood."""
    if options.policy is None:
        raise InputError("learned: give the run of a policy, --policy FOLDER")
    policy, about = load(str(options.policy), families.load("jobshop"))
    training = families.load("jobshop").trained_by().of_run(about["config"])
    if not isinstance(training.problem, ImproveProblem):
        raise InputError(f"{options.policy}: was not trained to improve (--task improve)")
    name, columns = training.problem.neighbourhood, sets(options)
    lines = head(columns, options)
    found: dict[str, list[Gaps]] = {}
    for title in ("first", "best", "tabu"):
        found[title] = [walked(name, POLICIES[title], pool, options) for pool in columns.values()]
    for title, heat in (("learned, greedy", 0.0), ("learned, drawn", 1.0)):
        found[title] = [played(name, policy, pool, heat, options) for pool in columns.values()]
    lines += [row(name, title, gaps) for title, gaps in found.items()]
    paired = [f"- less `{plain}`: {differences(found['learned, drawn'], found[plain], options)}" for plain in ("best", "tabu")]
    clock = "CPU-minutes" if about["config"].get("clock") == "cpu" else "minutes"
    trained = (
        f"{about['minutes']} {clock}, {about['iterations']} iterations, {about['trained_on']}, {training.problem.moves} moves"
    )
    return "\n".join(
        [
            *lines,
            "\nThe drawn policy's gap, mean over all instances with its 95 % interval,\n",
            *paired,
            f"\nThe policy: {trained}.",
        ]
    )


def differences(left: list[Gaps], right: list[Gaps], options: Options) -> str:
    """Mean paired difference over the instances of all columns with its 95 % interval, after each of options.moves."""
    found = []
    for n in range(len(options.moves)):
        difference = np.concatenate([a[n] - b[n] for a, b in zip(left, right, strict=True)]).tolist()
        half = half_width(difference)  # None without scipy
        found.append(f"{fmean(difference):.1f}" + ("" if half is None else f" ±{half:.1f}"))
    return " / ".join(found)


def played(name: str, policy: Any, pool: list[JobShop], temperature: float, options: Options) -> Gaps:
    """The gaps of a policy's episodes of each of options.moves."""
    rows = np.repeat(np.arange(len(pool)), options.copies)
    floor = np.array([reference(x) for x in pool])[rows]
    gaps = []
    for moves in options.moves:
        problem = ImproveProblem(name, moves=moves)  # type: ignore[arg-type]
        rollout = Rollout(problem, problem.sizes(pool), len(rows), policy.config.hidden)
        rollout.load(pool)
        objective = rollout.play(policy, rows, options.seed + np.arange(len(rows)), temperature).objective.numpy()
        for copy in range(len(rows)):
            agrees(pool[rows[copy]], rollout.state, copy, int(objective[copy]))
        gaps.append(by_instance(objective / floor, pool))
    return gaps


def by_instance(ratio: npt.NDArray[np.float64], pool: Sequence[JobShop]) -> npt.NDArray[np.float64]:
    """Percent above 1 of each instance: the mean of its walks, which follow one another."""
    return 100 * (ratio.reshape(len(pool), -1).mean(axis=1) - 1)


def row(neighbourhood: str, title: str, columns: Sequence[Gaps]) -> str:
    """A row of means over the instances of each column."""
    cells = (" / ".join(f"{gaps.mean():.1f}" for gaps in column) for column in columns)
    return f"| {neighbourhood} | {title} | {' | '.join(cells)} |"


def gap_of(method: str, pool: Sequence[JobShop], options: Options) -> npt.NDArray[np.float64]:
    """The gaps of a method of `evaluate.py`."""
    found = [(solve(x, method, seed=options.seed), x) for x in pool]
    return np.array([100 * (check(x, result.schedule) / reference(x) - 1) for result, x in found])  # type: ignore[arg-type]


def walked(name: str, policy: MovePolicy, pool: list[JobShop], options: Options) -> Gaps:
    """The gaps after each of options.moves; InputError if the referee finds another makespan at the end."""
    rows = np.repeat(np.arange(len(pool)), options.copies)
    engine = Engine(ImproveProblem(name, moves=max(options.moves)), pool, len(rows), graph=False)  # type: ignore[arg-type]
    engine.assign_rows(rows)
    engine.reset()
    rng = np.random.default_rng(options.seed)
    floor = np.array([reference(x) for x in pool])[rows]
    gaps, made = [], 0
    for moves in options.moves:
        play(engine, policy, moves - made, rng)
        made = moves
        gaps.append(by_instance(engine.placed("state").best / floor, pool))
    referee_agrees(engine)
    return gaps


def referee_agrees(engine: Engine) -> None:
    """InputError unless the best makespan of every copy is that of its schedule."""
    state = engine.placed("state")
    for b, i in enumerate(engine.rows().tolist()):
        agrees(engine.pool[i], state, b, int(state.best[b]))


def agrees(instance: JobShop, state: Any, copy: int, best: int) -> None:
    """InputError unless the best schedule of a copy has this makespan."""
    makespan = check(instance, ImproveKeywords().schedule(instance, state, copy))
    if makespan != best:
        raise InputError(f"{instance.name}: the environment has makespan {best}, the referee {makespan}")


def speed(options: Options) -> str:
    """Moves per CPU-second by size, neighbourhood and copies, candidates' features included."""
    lines = [
        'Thousand moves per CPU-second, `observation="candidates"`, random legal choices (drawing them is not timed).\n',
        f"| size | neighbourhood | moves to choose from | {' | '.join(f'{n} copies' for n in SPEED_COPIES)} |",
        f"| --- | --- | --: | {' | '.join(['--:'] * len(SPEED_COPIES))} |",
    ]
    for jobs, machines in SPEED_SIZES:
        pool = [generate(jobs, machines, seed=s) for s in range(8)]
        for name in sorted(NEIGHBOURHOODS):
            rates = [rate(name, pool, copies, options) for copies in SPEED_COPIES]
            cells = " | ".join(f"{value / 1000:.0f}" for value, _ in rates)
            lines.append(f"| {jobs}x{machines} | {name} | {rates[-1][1]:.0f} | {cells} |")
    return "\n".join(lines)


def rate(name: str, pool: list[JobShop], copies: int, options: Options) -> tuple[float, float]:
    """Moves per CPU-second of so many copies, and the mean number of moves that they can choose from."""
    engine = Engine(ImproveProblem(name, moves=500), pool, copies, seed=options.seed, graph=False)  # type: ignore[arg-type]
    engine.reset()
    rng = np.random.default_rng(options.seed)
    seen, episodes = engine.arrays

    def choose() -> None:
        episodes.action[:] = random_choice(seen.mask, seen.candidates, rng)

    def step() -> int:
        engine.step()
        return copies

    best = best_window(choose, step, options.seconds, options.repeats)
    return best, float(engine.placed("state").found.mean())


def walks(options: Options) -> str:
    """Random walks on shops of every kind; InputError for the first one whose makespan is not the referee's."""
    done = moves = 0
    for name, pool in walked_pools(options.walks):
        engine = Engine(ImproveProblem(name, moves=60), pool, len(pool), graph=False)  # type: ignore[arg-type]
        engine.assign_rows(np.arange(len(pool)))
        engine.reset()
        play(engine, random_choice, 60, np.random.default_rng(options.seed + done))
        referee_agrees(engine)
        done += len(pool)
        moves += int(engine.placed("state").made.sum())
    return f"{done} random walks of {moves} moves in all: every best makespan is the one that the referee finds of the schedule."


def walked_pools(count: int) -> Iterator[tuple[str, list[JobShop]]]:
    """Neighbourhoods and shops, so many shops in all."""
    for first in range(0, count, 500):
        n = first // 500
        words = KINDS[n % len(KINDS)]
        seeds = range(first, min(first + 500, count))
        name = NEIGHBOURHOODS[n // len(KINDS) % len(NEIGHBOURHOODS)]
        yield name, [generate(4 + n % 5, 3 + n % 4, seed=s, **words) for s in seeds]  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
