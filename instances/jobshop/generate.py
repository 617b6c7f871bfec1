"""Random job shops: one instance, arrays of many, and Taillard's published generator.

Routings, as in the benchmark literature: `uniform` is a random order of the machines for each job (Taillard 1993);
`two-set` visits a random order of the first half of the machines before the second half (Storer, Wu & Vaccari 1992;
Demirkol, Mehta & Uzsoy 1998), which is much harder; `flow` visits the machines in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import MAX_HORIZON, MAX_OPERATIONS, JobShop
from dispatchgym.instances.json_fields import shown

Routing = Literal["uniform", "two-set", "flow"]
IntArray = npt.NDArray[np.int32]

MAX_POOL = 2**28  # operations in one call of generate_arrays: two arrays of 1 GiB


def generate(
    jobs: int,
    machines: int,
    *,
    duration: tuple[int, int] = (1, 99),
    routing: Routing = "uniform",
    seed: int = 0,
    operations: int | None = None,
    recirculation: bool = False,
    release: tuple[int, int] = (0, 0),
    name: str | None = None,
) -> JobShop:
    """A random job shop; the same arguments give the same instance.

    `duration` and `release` are inclusive ranges of ticks, drawn uniformly. `operations` is the number of operations of
    each job (default: `machines`); with fewer, every job visits a random part of the machines. With `recirculation` a job
    may visit a machine again, though never twice in a row unless there is only one: `uniform` routes become random
    walks, `flow` routes cycle through the line. Raises InputError for arguments that make no instance.
    """
    length = machines if operations is None else operations
    _check(jobs, machines, duration, routing, length)
    _check_range("release", release)
    if seed < 0:
        raise InputError(f"seed {seed} is negative")
    if not isinstance(recirculation, bool):
        raise InputError(f"recirculation={recirculation!r} is neither True nor False")
    if recirculation and routing == "two-set":
        raise InputError("two-set routing has no recirculation; choose uniform or flow")
    if length > machines and not recirculation:
        raise InputError(f"{length} operations on {machines} machines need recirculation")
    rng = np.random.default_rng(seed)
    if recirculation:
        machine = _recirculating(rng, jobs, length, machines, routing)
    else:
        machine = _order(rng, (jobs,), machines, routing, length)
    ticks = rng.integers(duration[0], duration[1], (jobs, length), np.int32, endpoint=True)
    begin = rng.integers(release[0], release[1], jobs, np.int32, endpoint=True)
    return JobShop(machine, ticks, machines, begin, name=name or f"{routing}_{jobs}x{machines}_seed{seed}")


def generate_arrays(
    rng: np.random.Generator,
    count: int,
    jobs: int,
    machines: int,
    duration: tuple[int, int] = (1, 99),
    routing: Routing = "uniform",
) -> tuple[IntArray, IntArray]:
    """`count` random instances at once: machine and duration, two (N, J, M) int32 arrays, for training pools."""
    _check(jobs, machines, duration, routing, machines)
    if count < 1 or count * jobs * machines > MAX_POOL:
        raise InputError(f"{count} instances of {jobs}x{machines}: must be positive and at most {MAX_POOL} operations")
    machine = _order(rng, (count, jobs), machines, routing, machines)
    return machine, rng.integers(duration[0], duration[1], machine.shape, np.int32, endpoint=True)


def _check(jobs: int, machines: int, duration: tuple[int, int], routing: str, length: int) -> None:
    for what, value in (("jobs", jobs), ("machines", machines), ("operations", length)):
        if not isinstance(value, (int, np.integer)):
            raise InputError(f"{what}={value!r} is not a whole number")
        if value < 1:
            raise InputError(f"{what} must be positive, found {value}")
    if jobs * max(length, machines) > MAX_OPERATIONS:
        raise InputError(f"{jobs} jobs of {max(length, machines)} operations is more than {MAX_OPERATIONS}")
    if routing not in get_args(Routing):
        raise InputError(f"unknown routing {shown(routing)}; known are {', '.join(get_args(Routing))}")
    _check_range("duration", duration)
    if jobs * length * duration[1] >= MAX_HORIZON:
        raise InputError(f"{jobs * length} operations of up to {duration[1]} ticks may add up to 2**30 or more")


def _check_range(what: str, ticks: tuple[int, int]) -> None:
    whole = isinstance(ticks, (tuple, list)) and all(isinstance(x, (int, np.integer)) for x in ticks)
    if not whole or len(ticks) != 2:
        raise InputError(f"{what}={ticks!r} is not a range (low, high) of whole numbers")
    low, high = ticks
    if low < 0:
        raise InputError(f"{what} {low} is negative")
    if low > high:
        raise InputError(f"{what} range ({low}, {high}) is reversed")
    if high >= MAX_HORIZON:
        raise InputError(f"{what} {high} is not below 2**30")


def _order(rng: np.random.Generator, shape: tuple[int, ...], machines: int, routing: str, length: int) -> IntArray:
    """Routes without repetition, (*shape, length)."""
    machine = np.empty((*shape, machines), np.int32)
    machine[...] = np.arange(machines, dtype=np.int32)
    if routing == "two-set" and length == machines:
        for half in (machine[..., : machines // 2], machine[..., machines // 2 :]):
            rng.permuted(half, axis=-1, out=half)
        return machine
    if routing == "flow" and length == machines:
        return machine
    rng.permuted(machine, axis=-1, out=machine)
    chosen = machine[..., :length]
    rank = {"uniform": np.zeros_like(chosen), "two-set": chosen >= machines // 2, "flow": chosen}[routing]
    return np.take_along_axis(chosen, np.argsort(rank, axis=-1, kind="stable"), axis=-1)


def _recirculating(rng: np.random.Generator, jobs: int, length: int, machines: int, routing: str) -> IntArray:
    """Routes that may come back to a machine, (jobs, length), never to the one they are on unless it is the only one."""
    if routing == "flow":
        return np.broadcast_to(np.arange(length) % machines, (jobs, length)).astype(np.int32)
    first = rng.integers(0, machines, (jobs, 1))
    steps = rng.integers(1, max(machines, 2), (jobs, length - 1))
    return (np.cumsum(np.concatenate((first, steps), axis=1), axis=1) % machines).astype(np.int32)


def taillard(jobs: int, machines: int, time_seed: int, machine_seed: int) -> JobShop:
    """The instance that Taillard's generator makes of two seeds (EJOR 64, 1993, section 2): durations in 1 to 99.

    `taillard(15, 15, *TAILLARD_SEEDS["ta01"])` is ta01. Raises InputError for seeds outside 1 to 2**31 - 2.
    """
    _check(jobs, machines, (1, 99), "uniform", machines)
    for what, seed in (("time seed", time_seed), ("machine seed", machine_seed)):
        if not 0 < seed < 2**31 - 1:
            raise InputError(f"{what} {seed} is not between 1 and 2**31 - 2")
    times, draws = _minimal_standard(time_seed), _minimal_standard(machine_seed)
    duration = [[1 + int(next(times) * 99) for _ in range(machines)] for _ in range(jobs)]
    machine = [_swapped(draws, machines) for _ in range(jobs)]
    name = f"taillard_{jobs}x{machines}_{time_seed}_{machine_seed}"
    return JobShop(np.array(machine, np.int32), np.array(duration, np.int32), machines, name=name)


def _minimal_standard(seed: int) -> Iterator[float]:
    """Uniform numbers in (0, 1) by x <- 16807 x mod (2**31 - 1), in the form of Bratley, Fox & Schrage 1983."""
    while True:
        quotient, remainder = divmod(seed, 127773)
        seed = 16807 * remainder - 2836 * quotient
        if seed < 0:
            seed += 2**31 - 1
        yield seed / (2**31 - 1)


def _swapped(draws: Iterator[float], machines: int) -> list[int]:
    """A permutation: each position in turn is swapped with a random one from itself onwards."""
    order = list(range(machines))
    for i in range(machines):
        other = i + int(next(draws) * (machines - i))
        order[i], order[other] = order[other], order[i]
    return order


# fmt: off
_SEEDS = (  # time and machine seed of ta01 to ta80, ten instances of each size, from the same paper
    (840612802, 398197754), (1314640371, 386720536), (1227221349, 316176388), (342269428, 1806358582),
    (1603221416, 1501949241), (1357584978, 1734077082), (44531661, 1374316395), (302545136, 2092186050),
    (1153780144, 1393392374), (73896786, 1544979948), (533484900, 317419073), (1894307698, 1474268163),
    (874340513, 509669280), (1124986343, 1209573668), (1463788335, 529048107), (1056908795, 25321885),
    (195672285, 1717580117), (961965583, 1353003786), (1610169733, 1734469503), (532794656, 998486810),
    (1035939303, 773961798), (5997802, 1872541150), (1357503601, 722225039), (806159563, 1166962073),
    (1902815253, 1879990068), (1503184031, 1850351876), (1032645967, 99711329), (229894219, 1158117804),
    (823349822, 108033225), (1297900341, 489486403), (98640593, 1981283465), (1839268120, 248890888),
    (573875290, 2081512253), (1670898570, 788294565), (1118914567, 1074349202), (178750207, 294279708),
    (1549372605, 596993084), (798174738, 151685779), (553410952, 1329272528), (1661531649, 1173386294),
    (1841414609, 1357882888), (2116959593, 1546338557), (796392706, 1230864158), (532496463, 254174057),
    (2020525633, 978943053), (524444252, 185526083), (1569394691, 487269855), (1460267840, 1631446539),
    (198324822, 1937476577), (38071822, 1541985579), (17271, 718939), (660481279, 449650254),
    (352229765, 949737911), (1197518780, 166840558), (1376020303, 483922052), (2106639239, 955932362),
    (1765352082, 1209982549), (1105092880, 1349003108), (907248070, 919544535), (2011630757, 1845447001),
    (8493988, 2738939), (1991925010, 709517751), (342093237, 786960785), (1634043183, 973178279),
    (341706507, 286513148), (320167954, 1411193018), (1089696753, 298068750), (433032965, 1589656152),
    (615974477, 331205412), (236150141, 592292984), (302034063, 1203569070), (1437643198, 1692025209),
    (1792475497, 1039908559), (1647273132, 1012841433), (696480901, 1689682358), (1785569423, 1092647459),
    (117806902, 739059626), (1639154709, 1319962509), (2007423389, 749368241), (682761130, 262763021),
)
# fmt: on
TAILLARD_SEEDS: dict[str, tuple[int, int]] = {f"ta{i:02d}": seeds for i, seeds in enumerate(_SEEDS, 1)}
