"""Random flexible job shops and projects; the same arguments give the same instance.

* `sd1`, `sd2`: the shops that learned dispatching is trained on (Song et al., IEEE Transactions on Industrial Informatics 19,
  2023; Wang et al., IEEE Transactions on Neural Networks and Learning Systems, 2023).
* `hurink`: options with equal times for a given job shop, as in the sets e, r and v (Hurink, Jurisch & Thole, OR Spektrum 15,
  1994).
* `project`: network complexity, resource factor and resource strength (Kolisch, Sprecher & Drexl, Management Science 41, 1995).
"""

from __future__ import annotations

import numpy as np

from dispatchgym.instances.cpmodel.instance import MAX_MODES, MAX_RESOURCES, MAX_TASKS, CPInstance, Lag, Mode, Resource, Task
from dispatchgym.instances.cpmodel.shops import Option, flexible_shop
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate as job_shop
from dispatchgym.instances.jobshop.instance import JobShop

KINDS = ("e", "r", "v")
LONGEST = 99  # ticks of an operation of sd2
LARGEST = 500  # activities of a project: its network is drawn arrow by arrow


def sd1(jobs: int, machines: int, seed: int = 0, name: str | None = None) -> CPInstance:
    """A shop of `jobs` jobs of 0.8 to 1.2 times `machines` operations, each with 1 to `machines` options.

    The mean time of an operation is drawn in 1 to 20 ticks, the times of its options within a fifth of that.
    """
    _check_sizes(jobs, machines)
    rng = np.random.default_rng(seed)
    count = rng.integers(max(1, -(-4 * machines // 5)), 6 * machines // 5, jobs, endpoint=True)
    found = []
    for operations in count.tolist():
        job: list[list[Option]] = []
        for _ in range(operations):
            mean = int(rng.integers(1, 20, endpoint=True))
            low, high = max(1, round(0.8 * mean)), max(1, round(1.2 * mean))
            job.append(_options(rng, machines, low, high))
        found.append(job)
    return flexible_shop(found, machines, name=name or f"sd1_{jobs}x{machines}_seed{seed}")


def sd2(jobs: int, machines: int, seed: int = 0, name: str | None = None) -> CPInstance:
    """A shop of `jobs` jobs of `machines` operations, each with 1 to `machines` options of 1 to 99 ticks."""
    _check_sizes(jobs, machines)
    rng = np.random.default_rng(seed)
    found = [[_options(rng, machines, 1, LONGEST) for _ in range(machines)] for _ in range(jobs)]
    return flexible_shop(found, machines, name=name or f"sd2_{jobs}x{machines}_seed{seed}")


def _options(rng: np.random.Generator, machines: int, low: int, high: int) -> list[Option]:
    count = int(rng.integers(1, machines, endpoint=True))
    chosen = np.sort(rng.choice(machines, count, replace=False))
    ticks = rng.integers(low, high, count, endpoint=True)
    return [(int(m), int(d)) for m, d in zip(chosen, ticks, strict=True)]


def _check_sizes(jobs: int, machines: int) -> None:
    if jobs < 1 or not 1 <= machines <= MAX_RESOURCES:
        raise InputError(f"{jobs} jobs and {machines} machines: both must be positive, machines at most {MAX_RESOURCES}")
    if jobs * (6 * machines // 5 + 1) > MAX_TASKS or jobs * (6 * machines // 5 + 1) * machines > MAX_MODES:
        raise InputError(f"{jobs} jobs on {machines} machines may be more than {MAX_TASKS} operations or {MAX_MODES} options")


def hurink(shop: JobShop, kind: str, seed: int = 0, name: str | None = None) -> CPInstance:
    """`shop` with options: every operation keeps its machine and may get others, all with the same time.

    kind "e": another machine with probability 0.15; "r": 1 to 3 machines; "v": half of the machines in the mean, each other
    machine independently.
    """
    if kind not in KINDS:
        raise InputError(f"kind {kind[:40]!r} is not one of {', '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    machines = shop.machines
    found = []
    for route, duration, count in zip(shop.machine.tolist(), shop.duration.tolist(), shop.operations.tolist(), strict=True):
        job = []
        for machine, ticks in zip(route[:count], duration[:count], strict=True):
            others = np.array([m for m in range(machines) if m != machine], np.int64)
            if kind == "v":
                share = max(0.0, machines / 2 - 1) / max(1, machines - 1)
                extra = others[rng.random(len(others)) < share]
            else:
                wanted = int(rng.random() < 0.15) if kind == "e" else int(rng.integers(0, 2, endpoint=True))
                extra = rng.choice(others, min(wanted, len(others)), replace=False)
            job.append([(int(m), int(ticks)) for m in sorted([machine, *extra.tolist()])])
        found.append(job)
    return flexible_shop(found, machines, name=name or f"{shop.name}_{kind}_seed{seed}"[:120])


def hurink_uniform(kind: str, jobs: int, machines: int, seed: int = 0, name: str | None = None) -> CPInstance:
    """Options of a kind for a job shop of random routes and times of 1 to 99 ticks, drawn from the same seed."""
    _check_sizes(jobs, machines)
    return hurink(job_shop(jobs, machines, seed=seed), kind, seed, name or f"hurink_{kind}_{jobs}x{machines}_seed{seed}")


def project(
    activities: int,
    complexity: float = 1.8,
    factor: float = 0.5,
    strength: float = 0.2,
    resources: int = 4,
    modes: int = 1,
    seed: int = 0,
    name: str | None = None,
) -> CPInstance:
    """A project of activities of 1 to 10 ticks that use 1 to 10 units of a resource.

    `complexity` is the number of arrows, none of which follows from others, for each activity and the two dummies that begin and
    end the project; `factor` the share of pairs of activity and resource with a demand; `strength` says how scarce
    resources are, from 0 (what the largest demand needs) to 1 (what the earliest starts need). With several `modes`, longer ones
    demand less.
    """
    if not 1 <= activities <= LARGEST or not 1 <= resources <= 100 or not 1 <= modes <= 100:
        raise InputError(
            f"{activities} activities, {resources} resources, {modes} modes: 1 to {LARGEST}, 100 and 100 are allowed"
        )
    for what, value, most in (("complexity", complexity, 10.0), ("factor", factor, 1.0), ("strength", strength, 1.0)):
        if not 0.0 <= value <= most:
            raise InputError(f"{what} {value} is not between 0 and {most}")
    rng = np.random.default_rng(seed)
    after = _network(rng, activities, complexity)
    duration = np.sort(rng.integers(1, 10, (activities, modes), endpoint=True), axis=1)
    demand = np.sort(rng.integers(1, 10, (activities, resources, modes), endpoint=True), axis=2)[:, :, ::-1]
    demand = demand * _demanded(rng, activities, resources, factor)[:, :, None]
    capacity = _capacities(duration, demand, after, strength)
    kept = [r for r in range(resources) if capacity[r] > 0]
    tasks = []
    for i in range(activities):
        each = [
            Mode(int(duration[i, m]), tuple((k, int(demand[i, r, m])) for k, r in enumerate(kept) if demand[i, r, m]))
            for m in range(modes)
        ]
        tasks.append(Task(f"activity {i}", tuple(each)))
    lags = tuple(Lag(i, j) for i, follow in enumerate(after) for j in sorted(follow))
    made = tuple(Resource(f"resource {r}", capacity[r]) for r in kept)
    return CPInstance(tuple(tasks), made, lags, name=name or f"project_{activities}_seed{seed}")


def _network(rng: np.random.Generator, count: int, complexity: float) -> list[set[int]]:
    """The successors of each activity, which have larger numbers. No arrow follows from others."""
    after: list[set[int]] = [set() for _ in range(count)]
    below, above = [0] * count, [0] * count  # bit sets of all that comes after and before

    def add(i: int, j: int) -> bool:
        """Add the arrow unless it follows from others or others would follow from it."""
        if below[i] >> j & 1:
            return False
        first, last = above[i] | 1 << i, below[j] | 1 << j
        if any(first >> p & 1 and any(last >> s & 1 for s in after[p]) for p in range(count)):
            return False
        after[i].add(j)
        for k in range(count):
            if first >> k & 1:
                below[k] |= last
            if last >> k & 1:
                above[k] |= first
        return True

    width = max(1, min(3, count // 3))  # so many begin, and so many end the project
    for j in range(width, count):
        add(int(rng.integers(max(0, j - 3 * width), j)), j)
    for i in range(count - width):
        if not after[i]:
            add(i, int(rng.integers(i + 1, min(count, i + 1 + 3 * width))))

    def arrows() -> int:
        return sum(len(x) for x in after) + sum(not x for x in after) + sum(not x for x in above)

    wanted = round(complexity * (count + 2))
    for _ in range(20 * wanted if count > 1 else 0):
        if arrows() >= wanted:
            break
        i = int(rng.integers(0, count - 1))
        add(i, int(rng.integers(i + 1, min(count, i + 1 + max(6, count // 3)))))
    return after


def _demanded(rng: np.random.Generator, activities: int, resources: int, factor: float) -> np.ndarray:
    """(A, R) which pairs have a demand: the share `factor` of them, and where it suffices one for each activity."""
    wanted = round(factor * activities * resources)
    asked = np.zeros((activities, resources), bool)
    first = rng.permutation(activities)[:wanted]
    asked[first, rng.integers(0, resources, len(first))] = True
    rest = rng.permutation(np.flatnonzero(~asked.ravel()))[: wanted - len(first)]
    asked.ravel()[rest] = True
    return asked


def _capacities(duration: np.ndarray, demand: np.ndarray, after: list[set[int]], strength: float) -> list[int]:
    """Between the largest smallest demand and the peak of the earliest schedule with the modes of largest demand."""
    start = [0] * len(after)
    for i, follow in enumerate(after):
        for j in follow:
            start[j] = max(start[j], start[i] + int(duration[i, 0]))
    end = [s + int(duration[i, 0]) for i, s in enumerate(start)]
    found = []
    for r in range(demand.shape[1]):
        least = int(demand[:, r].max()) if len(after) else 0
        peak = 0
        for t in set(start):
            peak = max(peak, sum(int(demand[i, r, 0]) for i in range(len(after)) if start[i] <= t < end[i]))
        found.append(round(least + strength * (max(peak, least) - least)))
    return found
