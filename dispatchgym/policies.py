"""Policies as methods: `policy`, `policy:x128`, `policy:beam=8`, `policy@runs/mine:x64`.

A method solves one instance on one core and returns what every baseline returns.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.agents import checkpoint
from dispatchgym.agents.decoding import beam, sample
from dispatchgym.agents.families import Family, family
from dispatchgym.agents.network import Policy
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.blocking.instance import BlockingShop
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop, Schedule
from dispatchgym.instances.memory.instance import MemoryProgram, Packing, PackingPlan
from dispatchgym.instances.soc.instance import StaticDag, Stream

Instance = JobShop | BlockingShop | Stream | StaticDag | Packing | MemoryProgram
ANY_STREAM = "soc-gym-ds3-5"  # shipped folder of the policy that plays the presets without one of their own
DIRECTIONS = ("forward", "backward", "both")
ACTIONS = ("both", "order", "map")


def prepare(text: str, problem: str = "jobshop") -> Method:
    """Parse a policy method and load its checkpoint, if it names one; InputError if either cannot be used."""
    method = parse_method(text)
    if method.name != "policy":
        raise InputError(f"method '{text}': '{method.name}' is not a policy")
    if problem == "soc":
        if method.samples or "beam" in method.options:
            raise method.error(
                "the best of several runs of a stream would know what arrives later; a policy plays it once, greedily"
            )
        method.accept(target=True)
    own = {"jobshop": ("direction",), "memory-pack": ("branch",), "memory-map": ("actions",)}.get(problem, ())
    method.accept(samples=True, keys=("beam", "temperature", *own), target=True)
    method.integer("beam", 1)
    method.integer("branch", 1)
    method.choice("direction", DIRECTIONS)
    method.choice("actions", ACTIONS)
    if method.target and "actions" in method.options:
        raise method.error("a run decides as it was trained; give a target or actions, not both")
    if method.samples is not None and "beam" in method.options:
        raise method.error("give a number of samples or a beam, not both")
    _temperature(method)
    if method.target:
        load(method.target, problem)
    return method


def solve(instance: Instance, text: str, *, seed: int = 0, workers: int = 1) -> Result:
    """Run a policy method on one instance. `seed` fixes the samples; greedy and beam need none. `workers` is not used.

    Without a target the shipped policy for the instance's problem, variant and interruptions, or preset, plays. Loading it is
    not counted in the seconds, and compiling only in the first call of a process.
    """
    kind = kind_of(instance)
    method = prepare(text, kind.name)
    ways = ways_of(instance, kind, method)
    began = time.perf_counter()
    count = method.samples or 1
    shares = [(count + i) // len(ways) for i in reversed(range(len(ways)))]  # the first way has the odd one
    turns = [turn for turn in zip(ways, shares, range(seed, seed + len(ways)), strict=True) if turn[1]]
    played = [_play(way, instance, method, share, own) for way, share, own in turns]
    objective, schedule = min(played, key=lambda pair: pair[0])
    if "branch" in method.options:
        assert isinstance(instance, Packing)
        return guided(instance, schedule, method, seed, began)
    used = [way for way, *_ in turns]
    notes: dict[str, Any] = {
        "builder": ", ".join(dict.fromkeys(way.builder for way in used)),
        "decoding": f"beam {method.integer('beam', 1)}" if "beam" in method.options else ("greedy" if count == 1 else "sampling"),
        "samples": count,
        **({"direction": method.choice("direction", DIRECTIONS)} if isinstance(instance, JobShop) else {}),
        "checkpoint": ", ".join(dict.fromkeys(way.checkpoint for way in used)),
        "trained": {k: used[0].about.get(k) for k in ("minutes", "episodes", "iterations")},
    }
    return Result(objective, schedule, "feasible", time.perf_counter() - began, notes=notes)


@dataclasses.dataclass(frozen=True)
class Way:
    """One of the ways in which a method plays an instance; they share its samples."""

    kind: Family
    policy: Policy
    about: dict[str, Any]
    checkpoint: str
    backward: bool = False

    @property
    def builder(self) -> str:
        problem = self.kind.problem
        return str(getattr(problem, "actions", None) or getattr(problem, "mode", "events"))


def ways_of(instance: Instance, kind: Family, method: Method) -> list[Way]:
    """Both directions of time of a job shop, both kinds of decisions of memory mapping, or the one way there is."""
    if isinstance(instance, MemoryProgram):
        asked = method.choice("actions", ACTIONS)
        if method.target:
            asked = decided(load(method.target, kind.name)[1])
        return [_way(family(kind.name, actions=x), method) for x in ACTIONS[1:] if asked in (x, "both")]
    way = _way(kind, method)
    if not isinstance(instance, JobShop):
        return [way]
    direction = method.choice("direction", DIRECTIONS)
    if direction != "forward" and instance.release.any():
        raise method.error("an instance with release dates has no time-reversed twin; use direction=forward")
    both = {"forward": way, "backward": dataclasses.replace(way, backward=True)}
    return [x for name, x in both.items() if direction in (name, "both")]


def _way(kind: Family, method: Method) -> Way:
    policy, about = load(method.target or str(checkpoint.PRETRAINED / kind.pretrained), kind.name)
    return Way(kind, policy, about, method.target or f"pretrained/{kind.pretrained}")


def guided(packing: Packing, first: PackingPlan, method: Method, seed: int, began: float) -> Result:
    """Branch and bound for the lowest packing, that tries buffers in the order of their offsets in the policy's packing."""
    from dispatchgym.baselines.memory.pack.branch_and_bound import search

    seconds = method.integer("branch", 1)
    spent = time.perf_counter() - began
    answer = search(packing, seconds=seconds, seed=seed, priority=-first.offset)
    assert answer.offset is not None
    curve = tuple((spent + at, height, bound) for at, height, bound in answer.curve)
    notes = {"samples": method.samples or 1, "nodes": answer.nodes}
    status: Status = "optimal" if answer.proved else "feasible"
    plan, total = PackingPlan(answer.offset), time.perf_counter() - began
    return Result(answer.height, plan, status, total, answer.lower_bound, curve, notes)


def kind_of(instance: Instance) -> Family:
    """The family that plays an instance; InputError for no-wait shops, which have no policy."""
    if isinstance(instance, JobShop):
        return family("jobshop")
    for kind, name in ((StaticDag, "static-dag"), (Packing, "memory-pack"), (MemoryProgram, "memory-map")):
        if isinstance(instance, kind):
            return family(name)
    if isinstance(instance, Stream):
        own = f"soc-{re.split('[,/]', instance.name)[0]}"
        streams = family("soc")
        # Trained for the flow of jobs, which starves none, it is judged by what the referee says: the mean latency.
        judged = dataclasses.replace(streams.problem, goal="latency")  # type: ignore[type-var]
        shipped = own if (checkpoint.PRETRAINED / own).is_dir() else ANY_STREAM
        return dataclasses.replace(streams, problem=judged, pretrained=shipped)
    assert isinstance(instance, BlockingShop)
    if instance.variant == "nwt":
        raise InputError(f"{instance.name}: there is no policy for no-wait shops")
    return family("blocking", swap=instance.variant == "bws", down_shares=(instance.interruptions.down_share,))


def _play(way: Way, instance: Any, method: Method, count: int, seed: int) -> tuple[int, Any]:
    played, problem = reverse(instance) if way.backward else instance, way.kind.problem
    if "beam" in method.options:
        rollout, best = beam(problem, way.policy, played, method.integer("beam", 1))
    else:
        rollout, best = sample(problem, way.policy, played, count, seed, _temperature(method))
    schedule = way.kind.schedule(played, rollout.state, best)
    if way.backward:
        schedule = unreverse(instance, schedule)
        return int((schedule.start + instance.duration)[instance.machine >= 0].max()), schedule
    return int(rollout.record.objective[best]), schedule


def _temperature(method: Method) -> float:
    text = method.options.get("temperature", "1.0")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value < 100.0:
        raise method.error(f"option temperature={text} is not a number between 0 and 100")
    return value


@lru_cache(maxsize=8)
def load(target: str, problem: str) -> tuple[Policy, dict[str, Any]]:
    """The policy of a run folder; read once a process. InputError also if it was trained on other features than there are now."""
    policy, about = checkpoint.load_policy(Path(target), problem)
    if policy.config.features != family(problem, actions=decided(about)).problem.features:
        raise InputError(f"{target}: was trained on other features of {problem} than this version has; train it anew")
    return policy, about


def decided(about: dict[str, Any]) -> str:
    """The actions that a policy was trained for, by its metadata."""
    return str(about.get("config", {}).get("actions", "map"))


def fingerprint(text: str, problem: str) -> str:
    """A hash of the weights that a policy method may play: those of its target, or all that are shipped for the problem."""
    target = prepare(text, problem).target
    folders = [target] if target else sorted(str(x) for x in checkpoint.PRETRAINED.glob(f"{problem}*") if x.is_dir())
    if not folders:
        train = f"python train.py {problem} --out runs/mine"
        raise InputError(
            f"method '{text}': no policy for {problem} is shipped; train one by '{train}', then use policy@runs/mine"
        )
    state = hashlib.sha256()
    for folder in folders:
        for name, weights in load(folder, problem)[0].state_dict().items():
            state.update(name.encode() + weights.numpy().tobytes())
    return state.hexdigest()[:16]


def reverse(instance: JobShop) -> JobShop:
    """Every job backwards: a job shop with the same optimum."""
    machine, duration = np.full_like(instance.machine, -1), np.zeros_like(instance.duration)
    for j, length in enumerate(instance.operations):
        machine[j, :length] = instance.machine[j, :length][::-1]
        duration[j, :length] = instance.duration[j, :length][::-1]
    return JobShop(machine, duration, instance.machines, name=instance.name)


def unreverse(instance: JobShop, schedule: Schedule) -> Schedule:
    """A schedule of the reversed instance as one of `instance`, every operation as early as its machine order allows."""
    lengths = instance.operations
    end = int(max(schedule.start[j, n - 1] + instance.duration[j, 0] for j, n in enumerate(lengths)))
    mirrored = [
        (end - int(schedule.start[j, n - 1 - k]) - int(instance.duration[j, k]), int(instance.duration[j, k]), k, j)
        for j, n in enumerate(lengths)
        for k in range(n)
    ]
    start = np.full(instance.machine.shape, -1, np.int64)
    job_free, machine_free = np.zeros(instance.jobs, np.int64), np.zeros(instance.machines, np.int64)
    # Zero durations share their start with a neighbour: of equal starts the shorter, then the earlier index, goes first.
    for _, ticks, k, j in sorted(mirrored, key=lambda x: (x[0], x[0] + x[1], x[2])):
        m = instance.machine[j, k]
        start[j, k] = max(job_free[j], machine_free[m])
        job_free[j] = machine_free[m] = start[j, k] + ticks
    return Schedule(start)
