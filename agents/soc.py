"""Streams of jobs on a chip and static task graphs, as the agent sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from dispatchgym.agents import checkpoint
from dispatchgym.agents.records import Demonstration
from dispatchgym.agents.soc_draws import draw_chips, draw_graphs, draw_streams, fixed_chips, fixed_graphs
from dispatchgym.agents.training import Agent, Training, parse_pair
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.soc.env import StaticKeywords, StreamKeywords
from dispatchgym.envs.soc.layout import NEVER
from dispatchgym.envs.soc.problem import SocProblem, SocSizes
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc.chips import MOST_PES
from dispatchgym.instances.soc.graph import topological
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog

DEFAULT_PRESET = "gym-ds3-5"
ANY_CHIP = "chips"  # as a preset: random chips, drawn again for every batch
CHIPS_DOMAIN = "streams of random chips of 2 to 24 PEs, and of gym-ds3"
ANY_STREAM = "soc-chips"  # shipped folder of the policy that plays the presets without one of their own


def demonstration(instance: Stream | StaticDag, schedule: StreamLog | StaticSchedule, sizes: Sizes) -> Demonstration:
    assert isinstance(sizes, SocSizes)
    start = np.full((sizes.jobs, sizes.width), NEVER, np.int64)
    resource = np.full((sizes.jobs, sizes.width), -1, np.int64)
    if isinstance(instance, StaticDag):
        assert isinstance(schedule, StaticSchedule)
        schedule = left_shifted(instance, schedule)
    begun, on = np.atleast_2d(schedule.start), np.atleast_2d(schedule.pe)
    rows, columns = begun.shape
    start[:rows, :columns] = np.where(begun >= 0, begun, NEVER)
    resource[:rows, :columns] = on
    return Demonstration(np.append(start.ravel(), -1), np.append(resource.ravel(), -1))


def left_shifted(dag: StaticDag, schedule: StaticSchedule) -> StaticSchedule:
    """The same orders on the same PEs, every task as early as they allow: choices are made only when something happens."""
    start, pe = schedule.start.copy(), schedule.pe
    run = dag.duration[np.arange(len(pe)), pe]
    into: list[list[tuple[int, int]]] = [[] for _ in pe]
    for e, (a, b, _) in enumerate(dag.edges.tolist()):
        into[b].append((e, a))
    rank = np.argsort(topological(len(pe), dag.edges))
    free = np.zeros(dag.pes, np.int64)
    for t in np.lexsort((rank, schedule.start + run, schedule.start)).tolist():
        data = [start[a] + run[a] + dag.transfer[e, pe[a], pe[t]] for e, a in into[t]]
        start[t] = max([free[pe[t]], *data])
        free[pe[t]] = start[t] + run[t]
    return StaticSchedule(pe, start)


@lru_cache(maxsize=8)
def streams(preset: str = DEFAULT_PRESET) -> Training:
    """Streams of a preset's workload (its gaps, caps and noise vary, so that one policy serves them all), or of random chips."""
    base = None if preset == ANY_CHIP else soc_catalogue.workload(preset)

    def draw(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[Stream]:
        return draw_chips(rng, count) if base is None else draw_streams(rng, count, base)

    return Training(
        name="soc",
        problem=SocProblem("start", "flow"),
        gymnasium_id="dispatchgym:dispatchgym/SoC-v0",
        draw=draw,
        schedule=StreamKeywords().schedule,
        demonstration=demonstration,
        default_sizes=(),
        pretrained=f"soc-{preset}",
        run_name=preset,
        keywords={"instance": preset},
        options={"preset": preset},
        domain=CHIPS_DOMAIN if base is None else f"streams of {preset} with other gaps, caps and noise",
        fixed=fixed_chips if preset == ANY_CHIP else None,
        geometric=preset == ANY_CHIP,
        kept_shapes=2 if preset == ANY_CHIP else 24,
    )


STATIC_DAG = Training(
    name="static-dag",
    problem=SocProblem("start"),
    gymnasium_id="dispatchgym:dispatchgym/StaticDag-v0",
    draw=draw_graphs,
    schedule=StaticKeywords().schedule,
    demonstration=demonstration,
    default_sizes=("20x8", "40x8", "60x8", "40x4", "30x3"),
    pretrained="static-dag",
    domain="Topcuoglu's random graphs and workflows",
    fixed=fixed_graphs,
)


def of_stream(instance: Stream) -> Training:
    """Trained for the flow of jobs, which starves none; judged by what the referee says: the mean latency."""
    own = f"soc-{soc_catalogue.preset_of(instance.name)}"
    flow = streams()
    judged = dataclasses.replace(flow.problem, goal="latency")  # type: ignore[type-var]
    shipped = own if (checkpoint.PRETRAINED / own).is_dir() else ANY_STREAM
    return dataclasses.replace(flow, problem=judged, pretrained=shipped)


def outside_streams(about: Mapping[str, Any], instance: Stream) -> bool:
    """Whether the stream's chip is another one than those that the policy was trained on."""
    preset, chip = about.get("config", {}).get("preset", DEFAULT_PRESET), instance.workload.platform
    if preset == ANY_CHIP:
        return chip.pes > MOST_PES
    try:
        own = soc_catalogue.workload(preset).platform
    except InputError:  # a file that is not here
        return True
    same = [(x.pes, dict(x.duration)) for x in chip.clusters] == [(x.pes, dict(x.duration)) for x in own.clusters]
    return not (same and np.array_equal(chip.bandwidth, own.bandwidth))


def outside_graphs(about: Mapping[str, Any], instance: StaticDag) -> bool:
    """Whether the graph has more than twice as many tasks as the largest, or other numbers of PEs than those trained on."""
    sizes = [parse_pair(x) for x in about.get("config", {}).get("sizes") or STATIC_DAG.default_sizes]
    tasks, pes = (sorted(x) for x in zip(*sizes, strict=True))
    return len(instance.duration) > 2 * tasks[-1] or not pes[0] <= instance.pes <= pes[-1]


STREAMS = Agent(
    training=streams,
    of_instance=of_stream,
    outside=outside_streams,
    greedy_only="streams are played once, greedily: picking the best of several runs would use knowledge of the future",
)
STATIC = Agent(training=lambda: STATIC_DAG, of_instance=lambda instance: STATIC_DAG, outside=outside_graphs)
