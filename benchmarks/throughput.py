"""How fast environments and policies are on this machine, and how much memory a copy takes.

python benchmarks/throughput.py [--quick] [--out benchmarks/results/throughput] [--compare OLD.json]
python benchmarks/throughput.py --compare TREE [--families soc ...] [--passes 3] [--floor 0.97]

With a folder, `--compare` times this checkout and the other one (with its own .venv) in turns: see paired.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import torch
from rich.console import Console
from rich.markup import escape

from benchmarks import paired, workloads
from benchmarks import results_file as results
from benchmarks.results_file import Figure, Grid
from benchmarks.workloads import describe
from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.training import parse_pair
from dispatchgym.instances.errors import InputError

OPERATIONS, SCHEDULES, BYTES = "operations/CPU-s", "schedules/CPU-s", "bytes"
OBSERVATIONS = ("candidates", "graph")
SHIPPED = checkpoint.PRETRAINED / "jobshop"
KERNEL_COPIES = 4096
EVEN_MACHINES = 10  # with more, the search for deadlocks (bns) is so uneven that only whole episodes say what a step costs
WHOLE_COPIES = 8  # copies that play them
HELD = 3  # observations alive at once behind a vector face: the engine's, the caller's old one, the new one


class Shape(NamedTuple):
    """How many episodes a policy plays at once."""

    instances: int
    samples: int


@dataclass(frozen=True)
class Plan:
    """What to measure and how long."""

    sizes: tuple[str, ...] = ("6x6", "10x10", "20x20", "100x20")
    batches: tuple[int, ...] = (64, 1024, 4096, 16384, 65536)
    engine_batches: tuple[int, ...] = (64, 4096)
    policy_sizes: tuple[str, ...] = ("6x6", "10x10", "20x20", "100x20")
    blocking_sizes: tuple[str, ...] = ("6x6", "10x10", "15x15")
    blocking_batches: tuple[int, ...] = (256, 4096)
    streams: tuple[str, ...] = ("gym-ds3-5", "wireless-16-six")
    graph_sizes: tuple[str, ...] = ("40x8",)  # tasks x PEs
    chip_batches: tuple[int, ...] = (64, 1024)
    packing_sizes: tuple[int, ...] = (200,)  # buffers
    program_sizes: tuple[int, ...] = (40,)  # instructions
    memory_batches: tuple[int, ...] = (64, 1024)
    flexible_sizes: tuple[str, ...] = ("10x5",)
    project_sizes: tuple[int, ...] = (60,)  # activities
    model_batches: tuple[int, ...] = (64, 256, 1024)
    seconds: float = 0.3  # CPU time of one timing
    repeats: int = 3  # of which the best counts
    passes: int = 1  # over everything: on a shared machine a slow minute is longer than all repeats of a timing
    memory: int = 2 * 2**30  # bytes that the copies of one measurement may take
    seed: int = 0


QUICK = Plan(
    sizes=("6x6", "10x10"),
    batches=(64, 4096),
    engine_batches=(4096,),
    policy_sizes=("10x10",),
    blocking_sizes=("10x10",),
    blocking_batches=(256,),
    streams=("gym-ds3-5",),
    chip_batches=(64,),
    memory_batches=(64,),
    model_batches=(64,),
    seconds=0.1,
    memory=2**30,
)
# Which fields of a plan say what is measured of a family.
FAMILIES: dict[str, tuple[str, ...]] = {
    "jobshop": ("sizes",),
    "blocking": ("blocking_sizes",),
    "soc": ("streams", "graph_sizes"),
    "memory": ("packing_sizes", "program_sizes"),
    "cpmodel": ("flexible_sizes", "project_sizes"),
    "policy": ("policy_sizes",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 if a figure fell below 0.7 of the compared one (of another checkout's: below --floor); 2 for bad input."""
    options = parse(arguments)
    try:
        return run_paired(options) if options.compare and options.compare.is_dir() else run(options)
    except InputError as error:
        print(f"throughput.py: {error}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer sizes and copies, under a minute")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FILE|TREE",
        help="print ratios to an older result, exit 1 if one is below 0.7; or to another checkout, timed in turns",
    )
    parser.add_argument(
        "--floor", type=float, default=0.97, help="with another checkout: exit 1 if a ratio is below (default 0.97; 0 = never)"
    )
    parser.add_argument("--families", nargs="+", choices=FAMILIES, help="these alone: " + ", ".join(FAMILIES), metavar="FAMILY")
    parser.add_argument("--sizes", nargs="+", metavar="JOBSxMACHINES", help="shops of these sizes alone")
    parser.add_argument("--batches", nargs="+", type=int, metavar="COPIES", help="instead of the usual ones")
    parser.add_argument("--seconds", type=float, help="CPU time of one timing")
    parser.add_argument(
        "--passes", type=int, help="measure everything so many times, minutes apart; the best counts", metavar="N"
    )
    parser.add_argument("--memory", type=float, metavar="GIB", help="memory that the copies of one measurement may take")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the command line asks for; InputError for sizes and numbers that cannot be measured."""
    plan = replace(QUICK if options.quick else Plan(), seed=options.seed)
    left_out = set(FAMILIES) - set(options.families or FAMILIES)
    if options.sizes:
        left_out |= {"soc", "memory"}
        sizes = tuple(options.sizes)
        plan = replace(plan, sizes=sizes, policy_sizes=sizes, blocking_sizes=sizes, flexible_sizes=sizes, project_sizes=())
    plan = replace(plan, **{field: () for family in left_out for field in FAMILIES[family]})
    if options.batches:
        batches = tuple(options.batches)
        plan = replace(plan, batches=batches, engine_batches=batches, blocking_batches=batches)
        plan = replace(plan, chip_batches=batches, memory_batches=batches, model_batches=batches)
    if options.seconds is not None:
        plan = replace(plan, seconds=options.seconds)
    if options.passes is not None:
        plan = replace(plan, passes=options.passes)
    if options.memory is not None:
        plan = replace(plan, memory=int(options.memory * 2**30))
    for size in plan.sizes:
        parse_pair(size)
    if min(plan.batches) < 1 or plan.seconds <= 0 or plan.passes < 1 or plan.memory <= 0 or plan.seed < 0:
        raise InputError("--batches, --seconds, --passes and --memory must be positive, --seed not negative")
    return plan


def run(options: argparse.Namespace) -> int:
    plan, console = plan_of(options), results.console()
    old = results.load_figures(options.compare) if options.compare else None
    about = results.header(plan.seed)
    best: dict[str, Figure] = {}
    with console.status("measuring") as status:
        for number in range(1, plan.passes + 1):
            for figure in measure(plan):
                known = best.setdefault(figure.key, figure)
                if (figure.value or 0) > (known.value or 0):
                    best[figure.key] = figure
                turn = f"pass {number} of {plan.passes}, " if plan.passes > 1 else ""
                status.update(f"{turn}{figure.key}: {describe(figure.value) if figure.value else figure.note}")
    figures = list(best.values())
    grids = tables(figures)
    console.print(results.describe_header(about), style="dim", highlight=False)
    for grid in grids:
        grid.show(console)
    if options.out:
        results.save_figures(options.out, about, figures, page(about, grids, figures, plan))
    return 0 if old is None else report_changes(console, about, old, figures)


def run_paired(options: argparse.Namespace) -> int:
    """Ratios to another checkout; 1 if one is below the floor."""
    plan, console = plan_of(options), results.console()
    about = results.header(plan.seed)
    with console.status("measuring") as status:
        pairs = paired.measure(options.compare, shared(options), options.passes or paired.PASSES, options.floor, status.update)
    console.print(results.describe_header(about), style="dim", highlight=False)
    grid, low = paired.table(pairs, options.floor)
    grid.show(console)
    if options.out:
        figures = [pair.figures[paired.HERE] for pair in pairs.values()]
        text = f"# Throughput of two checkouts\n\n{results.describe_header(about)}\n\n{grid.markdown()}"
        results.save_figures(options.out, about, figures, text)
    if low:
        console.print(f"{len(low)} of {len(pairs)} figures are below {options.floor:g}", style="red")
    return 1 if low else 0


def shared(options: argparse.Namespace) -> list[str]:
    """The part of the command line that says what is measured, for both checkouts."""
    seconds = options.seconds if options.seconds is not None else paired.SECONDS
    words = ["--quick"] * options.quick + ["--seed", str(options.seed), "--seconds", str(seconds)]
    for name in ("families", "sizes", "batches"):
        given = getattr(options, name)
        words += [f"--{name}", *map(str, given)] if given else []
    return words + (["--memory", str(options.memory)] if options.memory is not None else [])


def measure(plan: Plan) -> Iterator[Figure]:
    """All figures of `plan`, one after another."""
    for size in plan.sizes:
        yield from environment_figures(plan, size)
    for size in plan.blocking_sizes:
        yield from blocking_figures(plan, size)
    for preset in plan.streams:
        pool = workloads.draw_streams(preset, plan.seed)
        yield from mode_figures(plan, preset, pool, workloads.STREAMS, plan.chip_batches)
    for size in plan.graph_sizes:
        pool = workloads.draw_graphs(*parse_pair(size), plan.seed)
        yield from mode_figures(plan, f"graphs {size}", pool, workloads.GRAPHS, plan.chip_batches)
    for buffers in plan.packing_sizes:
        pool = workloads.draw_packings(buffers, plan.seed)
        yield from mode_figures(plan, f"packings of {buffers}", pool, workloads.PACKINGS, plan.memory_batches)
    for instructions in plan.program_sizes:
        pool = workloads.draw_programs(instructions, plan.seed)
        yield from mode_figures(plan, f"programs of {instructions}", pool, workloads.PROGRAMS, plan.memory_batches)
    for size in plan.flexible_sizes:
        pool = workloads.draw_flexible(*parse_pair(size), plan.seed)
        yield from mode_figures(plan, f"flexible {size}", pool, workloads.FLEXIBLE, plan.model_batches)
    for activities in plan.project_sizes:
        pool = workloads.draw_projects(activities, plan.seed)
        yield from mode_figures(plan, f"projects of {activities}", pool, workloads.PROJECTS, plan.model_batches)
    for size in plan.policy_sizes:
        yield from policy_figures(plan, size)


def environment_figures(plan: Plan, size: str) -> Iterator[Figure]:
    """Memory and speed of every way into the environment at one size."""
    pool = workloads.draw_pool(*parse_pair(size), plan.seed)
    timing = (plan.seed, plan.seconds, plan.repeats)
    yield Figure("kernel", size, "-", KERNEL_COPIES, workloads.kernel_rate(pool, KERNEL_COPIES, *timing), OPERATIONS)
    for observation in OBSERVATIONS:
        graph = observation == "graph"
        weight = workloads.bytes_per_copy(pool, graph)
        yield Figure("memory", size, observation, 1, weight, BYTES)
        yield Figure("make", size, observation, 1, workloads.single_rate(pool, observation, *timing), OPERATIONS)
        for copies in plan.engine_batches:
            note = too_much(plan, copies * weight)
            value = None if note else workloads.batch_rate(pool, copies, observation, *timing, face=False)
            yield Figure("engine", size, observation, copies, value, OPERATIONS, note)
        yield from vector_figures(plan, "", size, observation, pool, workloads.JOBSHOP, plan.batches, weight)


def vector_figures(
    plan: Plan,
    mode: str,
    size: str,
    observation: str,
    pool: Sequence[Any],
    shop: workloads.Shop,
    batches: Sequence[int],
    weight: int,
) -> Iterator[Figure]:
    """Speed through `gymnasium.make_vec`: every observation is the user's to keep, or (copy=False) shared until the next step."""
    for words, held in (({}, HELD), ({"copy": False}, 1)):
        face = " ".join(["make_vec", *[mode] * bool(mode), *["copy=False"] * bool(words)])
        for copies in batches:
            note = too_much(plan, copies * weight * held)
            way = shop._replace(words={**shop.words, **words})
            value = None if note else workloads.batch_rate(pool, copies, observation, plan.seed, plan.seconds, plan.repeats, way)
            yield Figure(face, size, observation, copies, value, OPERATIONS, note)


def blocking_figures(plan: Plan, size: str) -> Iterator[Figure]:
    """Memory of the blocking shops at one size, and their speed through `gymnasium.make_vec`.

    Counted are decisions: a wait is one, a circle of swaps, which happens by itself, is none.
    """
    jobs, machines = parse_pair(size)
    pool = workloads.draw_pool(jobs, machines, plan.seed)
    for name, shop in workloads.BLOCKING.items():
        weight = workloads.bytes_per_copy(pool, False, shop)
        yield Figure(f"memory {name}", size, "candidates", 1, weight, BYTES)
        whole = name == "bns" and machines > EVEN_MACHINES
        for copies in (WHOLE_COPIES,) if whole else plan.blocking_batches:
            value, note = None, too_much(plan, copies * weight * HELD)
            if not note and whole:
                value = workloads.episodes_rate(pool, copies, "candidates", plan.seed, shop)
            elif not note:
                value = workloads.batch_rate(pool, copies, "candidates", plan.seed, plan.seconds, plan.repeats, shop)
            yield Figure(f"make_vec {name}", size, "candidates", copies, value, OPERATIONS, note)


def mode_figures(
    plan: Plan, name: str, pool: Sequence[Any], modes: Mapping[str, workloads.Shop], batches: Sequence[int]
) -> Iterator[Figure]:
    """Memory and speed of an environment in each of its modes, through `gymnasium.make`, the engine and `gymnasium.make_vec`.

    Counted are decisions, on chips tasks that are given to a PE: a wait is none.
    """
    timing = (plan.seed, plan.seconds, plan.repeats)
    for mode, shop in modes.items():
        weight = workloads.bytes_per_copy(pool, False, shop)
        yield Figure(f"memory {mode}", name, "candidates", 1, weight, BYTES)
        rate = workloads.single_rate(pool, "candidates", *timing, shop)
        yield Figure(f"make {mode}", name, "candidates", 1, rate, OPERATIONS)
        for copies in batches:
            note = too_much(plan, copies * weight)
            value = None if note else workloads.batch_rate(pool, copies, "candidates", *timing, shop, face=False)
            yield Figure(f"engine {mode}", name, "candidates", copies, value, OPERATIONS, note)
        yield from vector_figures(plan, mode, name, "candidates", pool, shop, batches, weight)


def too_much(plan: Plan, size: int) -> str:
    """`size` bytes in words if they are more than a measurement may take."""
    return f"{size / 2**30:.1f} GiB" if size > plan.memory else ""


def policy_figures(plan: Plan, size: str) -> Iterator[Figure]:
    """Speed of whole episodes under an untrained policy of the default shape, and under the shipped one if there is one."""
    jobs, machines = parse_pair(size)
    shape = Shape(16, 16) if jobs * machines <= 100 else Shape(4, 8)
    pool = workloads.draw_pool(jobs, machines, plan.seed)[: shape.instances]
    torch.manual_seed(plan.seed)
    torch.set_num_threads(1)  # waiting threads would be counted as CPU time
    policies = {"untrained": Policy(PolicyConfig(workloads.PROBLEM.features))}
    if (SHIPPED / "policy.safetensors").exists():
        policies["shipped"], _ = checkpoint.load_policy(SHIPPED, "jobshop")
    for name, policy in policies.items():
        for mode, samples, temperature in (("greedy", 1, 0.0), ("sampled", shape.samples, 1.0)):
            rate = workloads.policy_rate(policy, pool, samples, plan.seed, plan.seconds, plan.repeats, temperature=temperature)
            yield Figure(f"{name} policy, {mode}", size, "-", len(pool) * samples, rate, SCHEDULES)


def tables(figures: Sequence[Figure]) -> list[Grid]:
    """Speed of the environments, memory, speed of the policies."""
    speed = [f for f in figures if f.unit == OPERATIONS]
    columns = sorted({f.copies for f in speed})
    rows = dict.fromkeys((f.size, f.face, f.observation) for f in speed)
    cell = {(f.size, f.face, f.observation, f.copies): f for f in speed}
    body = tuple((f"{r[0]} {r[1]}", r[2], *(show(cell.get((*r, copies))) for copies in columns)) for r in rows)
    heads = ("size, way in", "observation", *(f"x{copies}" for copies in columns))
    grids = [
        Grid("Random legal play: operations per CPU-second, by copies; (GiB) = left out for its memory", heads, body, words=2)
    ]
    memory = tuple(
        (f.size + f.face.removeprefix("memory"), f.observation, f"{int(f.value or 0):,}") for f in figures if f.unit == BYTES
    )
    grids.append(Grid("Memory: bytes per copy", ("size", "observation", "bytes"), memory, words=2))
    played = [f for f in figures if f.unit == SCHEDULES]
    if played:
        faces = tuple(dict.fromkeys(f.face for f in played))
        found = {(f.size, f.face): f for f in played}
        body = tuple((size, *(show(found.get((size, face))) for face in faces)) for size in dict.fromkeys(f.size for f in played))
        grids.append(Grid("Policy in the loop: schedules per CPU-second", ("size", *faces), body))
    return grids


def show(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return describe(figure.value) if figure.value is not None else f"({figure.note})"


def page(about: dict[str, Any], grids: Sequence[Grid], figures: Sequence[Figure], plan: Plan) -> str:
    """The result as markdown."""
    skipped = sum(f.value is None for f in figures)
    notes = (
        f"CPU time of all threads, the best of {plan.repeats * plan.passes} timings of {plan.seconds} CPU-seconds or more, once "
        f"compiled. "
        f"{skipped} measurements left out: their copies would take more than {plan.memory / 2**30:g} GiB."
    )
    return "\n".join(["# Throughput", "", results.describe_header(about), "", notes, "", *(g.markdown() for g in grids)])


def report_changes(
    console: Console, about: dict[str, Any], old: tuple[dict[str, Any], list[Figure]], figures: Sequence[Figure]
) -> int:
    """Print the ratios to an older result; 1 if a figure fell too far."""
    ratios = results.compare(old[1], figures)
    if not ratios:
        raise InputError("the compared result has no figure in common with this run")
    if old[0].get("machine") != about["machine"]:
        console.print(f"The older result is of another machine: {escape(str(old[0].get('machine')))}", style="yellow")
    if results.busy(about) or results.busy(old[0]):
        console.print(results.BUSY, style="yellow")
    worse = results.regressions(ratios)
    rows = tuple((f.key, describe(f.value), f"{ratio:.2f}", "worse" if (f, ratio) in worse else "") for f, ratio in ratios)
    Grid("Now against before (above 1 is better)", ("figure", "now", "ratio", ""), rows).show(console)
    if worse:
        console.print(f"{len(worse)} of {len(ratios)} figures fell below {results.WORSE} of what they were", style="red")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
