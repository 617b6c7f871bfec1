"""Packing and memory mapping, as the agent sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from dispatchgym.agents.records import Demonstration
from dispatchgym.agents.training import Agent, Training, Way, parse_count, starts_only
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.memory.map.env import MapKeywords
from dispatchgym.envs.memory.map.layout import CHOICES
from dispatchgym.envs.memory.map.problem import Actions, MapProblem, MapSizes
from dispatchgym.envs.memory.pack.env import PackKeywords
from dispatchgym.envs.memory.pack.problem import PackProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.generate import guillotine, layered
from dispatchgym.instances.memory.instance import END, OF, SERVES, MemoryPlan, MemoryProgram, Packing, PackingPlan


def draw_packings(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[Packing]:
    """Rectangles cut into one number of buffers out of `sizes`; with probability `hard` one is filled without a hole."""
    buffers = parse_count(sizes[int(rng.integers(len(sizes)))])
    found = []
    for _ in range(count):
        full = rng.random() < hard
        stretch = float(np.exp(rng.uniform(np.log(0.5), np.log(6.0))))
        removed = 0.0 if full else float(rng.choice((0.0, 0.05, 0.15, 0.35)))
        found.append(guillotine(rng, buffers, stretch=stretch, variety=float(rng.uniform(0.0, 0.8)), removed=removed))
    return found


def packing_demonstration(instance: Packing, plan: PackingPlan, sizes: Sizes) -> Demonstration:
    start = np.zeros(sizes.tasks, np.int64)
    start[: instance.buffers] = plan.offset
    return starts_only(start)


MEMORY_PACK = Training(
    name="memory-pack",
    problem=PackProblem(),
    gymnasium_id="dispatchgym:dispatchgym/MemoryPack-v0",
    draw=draw_packings,
    schedule=PackKeywords().schedule,
    demonstration=packing_demonstration,
    default_sizes=("60", "100", "100", "150", "150", "200"),
    pretrained="memory-pack",
    size=parse_count,
)


KNOWN_INSTRUCTIONS = 160  # real programs in training are not longer
CAPACITIES = (4, 8, 16, 16, 32)  # MiB


@lru_cache(maxsize=1)
def known_programs() -> list[MemoryProgram]:
    """The shorter bundled programs of the families to train on."""
    names = memory_catalogue.expand_programs(["programs-train"])
    return [x for x in map(memory_catalogue.load_program, names) if x.instructions <= KNOWN_INSTRUCTIONS]


def draw_programs(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[MemoryProgram]:
    """Random layered programs of one number of instructions; with probability `hard` all are one real network's, for training.

    Their capacities vary, so that some have tensors that take most of it. Which networks are for testing is in the catalogue.
    """
    if rng.random() < hard:
        known = known_programs()
        drawn = [known[int(rng.integers(len(known)))]] * count
    else:
        instructions = parse_count(sizes[int(rng.integers(len(sizes)))])
        drawn = [layered(rng, instructions) for _ in range(count)]
    return [
        dataclasses.replace(x, capacity=int(rng.choice(CAPACITIES)) * 2**20, lower_bound=None, best_known=None) for x in drawn
    ]


# Ranks of the choices for an access that the plan serves from slow memory, within a stay, or as the first access of a stay; 0 is
# the choice nearest to the plan. Of the ways to bring a buffer in, an early fetch to a gap that others do not want comes first.
AS_SLOW = (0, 9, *[9] * 9)
AS_KEPT = (8, 0, 4, 6, 7, 1, 3, 5, 2, 3, 4)
AS_BROUGHT = (9, 8, 1, 4, 6, 0, 3, 5, 2, 4, 6)


def program_demonstration(instance: MemoryProgram, plan: MemoryPlan, sizes: Sizes) -> Demonstration:
    """Every access and choice has a place of its own, with an earlier start the nearer it is to the plan."""
    assert isinstance(sizes, MapSizes)
    due = np.zeros((sizes.accesses, CHOICES), np.int64)
    stays: dict[int, list[list[int]]] = {}
    for stay in plan.stay.tolist():
        stays.setdefault(stay[OF], []).append(stay)
    for a, (buffer, slot, _, _) in enumerate(instance.access.tolist()):
        found = next((x for x in stays.get(buffer, ()) if x[SERVES] <= slot < x[END]), None)
        due[a] = AS_SLOW if found is None else AS_BROUGHT if found[SERVES] == slot else AS_KEPT
    return starts_only(due.ravel())


def memory_map(actions: Actions = "map") -> Training:
    """Mapping with the decisions of MapProblem's `actions`."""
    return Training(
        name="memory-map",
        problem=MapProblem(actions),
        gymnasium_id="dispatchgym:dispatchgym/MemoryMap-v0",
        draw=draw_programs,
        schedule=MapKeywords().schedule,
        demonstration=program_demonstration
        if actions == "map"
        else None,  # a plan does not say in what order its buffers were served
        default_sizes=("15", "30", "50", "50", "80"),
        pretrained="memory-map" if actions == "map" else f"memory-map-{actions}",
        run_name="memory-map" if actions == "map" else f"memory-map-{actions}",
        keywords={"actions": actions},
        options={"actions": actions},
        size=parse_count,
    )


def both_actions(training: Training, instance: MemoryProgram, options: Mapping[str, str]) -> list[Way]:
    """The decisions of a trained run, or of the shipped policies: both share the samples."""
    asked = options["actions"]
    orders: tuple[Actions, ...] = ("order", "map")
    return [Way(memory_map(actions), instance) for actions in orders if asked in (actions, "both")]


def refuse_other_actions(options: Mapping[str, str], trained: bool) -> None:
    if trained and "actions" in options:
        raise InputError("a run decides as it was trained; give a target or actions, not both")


PACK = Agent(training=lambda: MEMORY_PACK, of_instance=lambda instance: MEMORY_PACK)
MAP = Agent(
    training=memory_map,
    of_instance=lambda instance: memory_map(),
    ways=both_actions,
    method_options={"actions": ("both", "order", "map")},
    options_of_run=("actions",),
    refuse=refuse_other_actions,
)
