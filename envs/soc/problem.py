"""The SoC family's side of the contract: sizes, array layout and packing of streams and static graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.contract import Array, Features, Sizes
from dispatchgym.envs.soc.tables import Template, template
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc.instance import WHEN_FULL, StaticDag, Stream, StreamLog

KERNEL = tuple(Path(__file__).with_name(name) for name in ("rules.py", "choices.py", "features.py"))
Mode = Literal["start", "assign", "task", "pe"]
MODES: tuple[str, ...] = get_args(Mode)
Goal = Literal["latency", "energy", "edp", "flow"]
GOALS: tuple[str, ...] = get_args(Goal)
NEVER = 2**30
LET_IN = 4  # column of State.clock

Instance = Stream | StaticDag


@dataclass(frozen=True)
class SocSizes(Sizes):
    """What else the arrays are padded to."""

    ready: int  # R tasks that can be ready at once
    pes: int  # P
    levels: int  # L choices of a frequency
    slots: int  # S jobs in the system
    width: int  # T tasks of a job
    templates: int  # Z tasks of all applications
    edges: int  # of all applications
    applications: int  # A
    jobs: int  # J jobs that can arrive
    gaps: int  # G


class Instances(NamedTuple):
    """A pool of N streams of W workloads (a static graph is both at once); rules.py names the columns."""

    pool: int  # N
    width: int  # T
    mode: int
    goal: int
    levels: int  # L
    known: int  # 1 = successors are known before they are ready
    chip: Array  # (N,) int32 workload
    bound: Array  # (N,) int32 lower bound on the objective (mean latency in ns, makespan)
    gap: Array  # (N, G) int32
    application: Array  # (N, J) int32
    deviation: Array  # (N, J, T) float64, empty without noise
    rule: Array  # (W, 8) int32
    noise: Array  # (W,) float64
    rate: Array  # (W,) float64 1 / mean execution time
    worth: Array  # (W, 2) float64 what a us of a job in the system and a nanojoule cost in rewards
    load: Array  # (W,) float64 work that arrives, as a share of what all PEs can do at their fastest
    spread: Array  # (W,) float64 how much slower than its fastest PE a task runs in the mean
    elements: Array  # (W,) int32 PEs
    app: Array  # (W, A, 3) int32
    chain: Array  # (W, A) float64 longest chain of mean executions, at least 1
    task: Array  # (W, Z, 5) int32
    work: Array  # (W, Z) float64 mean execution time over the PEs that can run a task
    rank: Array  # (W, Z) float64 upward rank
    sends: Array  # (W, Z) float64 longest mean transfer to a successor
    seen: Array  # (W, Z, P) int32 execution times as the scheduler knows them, -1 = cannot run
    mean: Array  # (W, Z, P) int32 execution times as they are
    oct: Array  # (W, Z, P) float64 least time from the task's end on this PE to the job's end
    pred: Array  # (W, E, 2) int32 task of the application, volume
    succ: Array  # (W, E) int32 task of the application
    bandwidth: Array  # (W, P, P) float64
    pe: Array  # (W, P, 3) int32
    mhz: Array  # (W, P, Lmax) int32
    power: Array  # (W, P, Lmax) int32 milliwatts


class State(NamedTuple):
    """One chip at one moment a copy; times in microseconds; rules.py names the columns."""

    row: Array  # (B,) int32 instance in the pool
    clock: Array  # (B, 16) int32
    latency: Array  # (B,) int64 sum over counted jobs
    present: Array  # (B,) int64 jobs in the system, integrated over time
    energy: Array  # (B,) float64 nanojoules of begun tasks, above idling; once over: all that was spent
    paid: Array  # (B,) float64 what the rewards so far add up to, negative
    slot: Array  # (B, S, 4) int32
    live: Array  # (B, S * T, 7) int32
    arrive: Array  # (B, S * T, P) int32 when a ready task's data is at each PE
    ready: Array  # (B, R) int32 live tasks, in the order in which they became ready
    line: Array  # (B, S * T) int32 assigned tasks that have not begun, in that order
    eft: Array  # (B, R, 3) int32
    choice: Array  # (B, K, 3) int16
    outlook: Array  # (B, R, 4) float64
    claim: Array  # (B, P, 5) float64
    soon: Array  # (B, P, 3) float64
    rest: Array  # (B, S) float64 what each job needs from now on along its longest chain, as far as its active tasks tell
    element: Array  # (B, P, 5) int32
    arrival: Array  # (B, J) int32 of each job
    done: Array  # (B, J) int32 when it was completed, -1 = not yet
    start: Array  # (B, J, T) int32 -1 = not yet
    pe: Array  # (B, J, T) int16
    level: Array  # (B, J, T) int8


@dataclass(frozen=True)
class SocProblem:
    """Streaming jobs on a chip, or one static task graph.

    `mode` says what a choice is (see rules.py), `goal` what is minimised: mean latency (static: makespan), energy, their
    product, or flow: the time that jobs spend in the system by jobs done, whose optimum starves no job. `dvfs` makes the
    frequency part of the choice; otherwise everything runs at the highest. `hidden_speeds`: of execution times only the
    order of the PEs is known, for each task. `online`: a task is seen when its predecessors are done.
    """

    mode: Mode = "start"
    goal: Goal = "latency"
    dvfs: bool = False
    hidden_speeds: bool = False
    online: bool = False

    name: ClassVar[str] = "soc"
    kernel: ClassVar[tuple[Path, ...]] = KERNEL
    features: ClassVar[Features] = Features(candidate=35, context=12, task=14, resource=7, runs_on=5)

    def __post_init__(self) -> None:
        for name, value, choices in (("mode", self.mode, MODES), ("goal", self.goal, GOALS)):
            if value not in choices:
                raise InputError(f"{name}={value!r} is not one of {', '.join(choices)}")
        if self.dvfs and self.mode == "task":
            raise InputError("dvfs=True needs a mode in which the PE is chosen, not mode='task'")

    def sizes(self, instances: Sequence[Instance]) -> SocSizes:
        found: dict[int, Template] = {}
        for x in instances:
            found.setdefault(id(_source(x)), self._template(x))
        kinds = list(found.values())
        templates = max(len(t.duration) for t in kinds)
        pes = max(t.bandwidth.shape[0] for t in kinds)
        slots = max(t.cap for t in kinds)
        width = max(int(t.tasks.max()) for t in kinds)
        ready = max(t.cap * t.breadth for t in kinds)
        levels = max(t.mhz.shape[1] for t in kinds) if self.dvfs else 1
        edges = max(len(t.edges) for t in kinds)
        waits = 1 if self.mode == "start" else 0
        jobs = max(len(x.application) if isinstance(x, Stream) else 1 for x in instances)
        steps = max(_decisions(x, found[id(_source(x))], waits) for x in instances)
        if any(isinstance(x, StaticDag) for x in instances):
            # Rounded up, so that graphs of one size mostly share their padding.
            ready, edges, steps = -(-ready // 8) * 8, -(-edges // 64) * 64, -(-steps // 256) * 256
        most = max(edges if t.cap == 1 else t.most_edges for t in kinds)
        actions = {"start": ready * pes * levels + 1, "assign": ready * pes * levels, "task": ready, "pe": pes * levels}
        return SocSizes(
            actions=actions[self.mode],
            tasks=templates + slots * width + 1,
            resources=pes + 1,
            precedes=edges + slots * most,
            runs_on=templates * pes + slots * width * pes,
            steps=steps,
            ready=ready,
            pes=pes,
            levels=levels,
            slots=slots,
            width=width,
            templates=templates,
            edges=max(edges, 1),
            applications=max(len(t.tasks) for t in kinds),
            jobs=jobs,
            gaps=max([1, *(len(x.gap) for x in instances if isinstance(x, Stream))]),
        )

    def pack(self, instances: Sequence[Instance], sizes: Sizes) -> Instances:
        assert isinstance(sizes, SocSizes)
        need = self.sizes(instances)
        for field in fields(SocSizes):
            asked, most = getattr(need, field.name), getattr(sizes, field.name)
            if asked > most:
                raise InputError(f"an instance needs {asked} {field.name}, the environment was built for {most}")
        sources = list({id(_source(x)): x for x in instances}.values())
        chips = {id(_source(x)): w for w, x in enumerate(sources)}
        n = len(instances)
        noisy = any(isinstance(x, Stream) and x.deviation.size for x in instances)
        gap = np.full((n, sizes.gaps), NEVER, np.int32)
        application = np.zeros((n, sizes.jobs), np.int32)
        deviation = np.zeros((n, sizes.jobs, sizes.width) if noisy else (1, 1, 1))
        for i, x in enumerate(instances):
            if isinstance(x, Stream):
                gap[i, : len(x.gap)] = x.gap
                application[i, : len(x.application)] = x.application
                if noisy and x.deviation.size:
                    deviation[i, : x.deviation.shape[0], : x.deviation.shape[1]] = x.deviation
        kinds = [self._template(x) for x in sources]
        chip = np.array([chips[id(_source(x))] for x in instances], np.int32)
        bound = np.array([k.bound for k in kinds], np.int32)[chip]
        return Instances(
            pool=n,
            width=sizes.width,
            mode=MODES.index(self.mode),
            goal=GOALS.index(self.goal),
            levels=sizes.levels,
            known=int(not self.online),
            chip=chip,
            bound=bound,
            gap=gap,
            application=application,
            deviation=deviation,
            rule=np.array([_rule(x) for x in sources], np.int32),
            noise=np.array([x.workload.noise if isinstance(x, Stream) else 0.0 for x in sources]),
            **_stack(kinds, sizes),
        )

    def _template(self, instance: Instance) -> Template:
        return template(_source(instance), self.hidden_speeds, self.online)

    def state(self, sizes: Sizes, copies: int) -> State:
        assert isinstance(sizes, SocSizes)
        z = sizes

        def zeros(*shape: int, dtype: Any = np.int32) -> Array:
            return np.zeros((copies, *shape), dtype)

        return State(
            row=zeros(),
            clock=zeros(16),
            latency=zeros(dtype=np.int64),
            present=zeros(dtype=np.int64),
            energy=zeros(dtype=np.float64),
            paid=zeros(dtype=np.float64),
            slot=zeros(z.slots, 4),
            live=zeros(z.slots * z.width, 7),
            arrive=zeros(z.slots * z.width, z.pes),
            ready=zeros(z.ready + 1),
            line=zeros(z.slots * z.width),
            eft=zeros(z.ready, 3),
            choice=zeros(z.actions, 3, dtype=np.int16),
            outlook=zeros(z.ready, 4, dtype=np.float64),
            claim=zeros(z.pes, 5, dtype=np.float64),
            soon=zeros(z.pes, 3, dtype=np.float64),
            rest=zeros(z.slots, dtype=np.float64),
            element=zeros(z.pes, 5),
            arrival=zeros(z.jobs),
            done=zeros(z.jobs),
            start=zeros(z.jobs, z.width),
            pe=zeros(z.jobs, z.width, dtype=np.int16),
            level=zeros(z.jobs, z.width, dtype=np.int8),
        )


def log_of(state: State, instance: Stream, copy: int) -> StreamLog:
    """What a copy has done with its stream so far. The state's arrays may be NumPy's, or tensors on any device."""
    jobs = int(state.clock[copy, LET_IN])
    width = max(len(a.tasks) for a in instance.workload.applications)

    def table(name: str) -> npt.NDArray[np.int64]:
        rows = getattr(state, name)[copy, :jobs]
        return np.array(rows if isinstance(rows, np.ndarray) else rows.cpu().numpy(), np.int64)

    return StreamLog(table("arrival"), *(table(name)[:, :width] for name in ("pe", "start", "level")))


def _source(instance: Instance) -> Any:
    """What the instance shares with others of its kind."""
    if isinstance(instance, Stream):
        return instance.workload
    if isinstance(instance, StaticDag):
        return instance
    raise InputError(f"instance {instance!r} is neither a Stream nor a StaticDag")


def _rule(x: Instance) -> list[int]:
    if isinstance(x, StaticDag):
        return [NEVER, 1, 0, 1, 1, 0, 1, 0]
    load = x.workload
    most = load.max_jobs or NEVER
    return [load.horizon, load.cap, WHEN_FULL.index(load.when_full), int(load.prefill), most, load.warmup, 0, 0]


def _decisions(x: Instance, kind: Template, waits: int) -> int:
    """More than an episode can have: each task is chosen once, and WAIT follows a completion, an arrival or incoming data."""
    tasks = kind.tasks if isinstance(x, StaticDag) else kind.tasks[x.application]
    jobs = 1 if isinstance(x, StaticDag) else len(x.application)
    return int(tasks.sum()) * (1 + waits * (1 + kind.trips)) + waits * jobs + 1


def _stack(kinds: Sequence[Template], z: SocSizes) -> dict[str, Array]:
    """The templates, padded, with a first axis of W."""
    count, most = len(kinds), max(k.mhz.shape[1] for k in kinds)
    shapes: dict[str, tuple[tuple[int, ...], Any, float]] = {
        "rate": ((), np.float64, 1.0),
        "worth": ((2,), np.float64, 0.0),
        "load": ((), np.float64, 0.0),
        "spread": ((), np.float64, 0.0),
        "elements": ((), np.int32, 0),
        "app": ((z.applications, 3), np.int32, 0),
        "chain": ((z.applications,), np.float64, 1.0),
        "task": ((z.templates, 5), np.int32, 0),
        "work": ((z.templates,), np.float64, 0.0),
        "rank": ((z.templates,), np.float64, 0.0),
        "sends": ((z.templates,), np.float64, 0.0),
        "seen": ((z.templates, z.pes), np.int32, -1),
        "mean": ((z.templates, z.pes), np.int32, -1),
        "oct": ((z.templates, z.pes), np.float64, 0.0),
        "pred": ((z.edges, 2), np.int32, 0),
        "succ": ((z.edges,), np.int32, 0),
        "bandwidth": ((z.pes, z.pes), np.float64, 1.0),
        "pe": ((z.pes, 3), np.int32, 0),
        "mhz": ((z.pes, most), np.int32, 1),
        "power": ((z.pes, most), np.int32, 0),
    }
    arrays = {}
    for name, (shape, dtype, blank) in shapes.items():
        array = np.full((count, *shape), blank, dtype)
        for w, kind in enumerate(kinds):
            value = np.asarray(getattr(kind, name))
            part: Any = (w, *(slice(0, n) for n in value.shape))
            array[part] = value
        arrays[name] = array
    return arrays
