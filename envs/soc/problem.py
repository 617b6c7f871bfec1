"""The SoC family's side of the contract: sizes, array layout and packing of streams and static graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.soc import choices, features, rules
from dispatchgym.envs.soc.layout import (
    NEVER,
    REDRAW,
    App,
    Candidate,
    Chosen,
    Claim,
    Clock,
    Context,
    Element,
    Finish,
    Instances,
    Live,
    Outlook,
    Pe,
    Pred,
    ResourceNode,
    Rule,
    RunsOn,
    Slot,
    Soon,
    State,
    TaskData,
    TaskNode,
    Worth,
)
from dispatchgym.envs.soc.tables import Tables, tables_of
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.soc.instance import WHEN_FULL, StaticDag, Stream, StreamLog

Mode = Literal["start", "assign", "task", "pe"]
MODES: tuple[str, ...] = get_args(Mode)
Goal = Literal["latency", "energy", "edp", "flow"]
GOALS: tuple[str, ...] = get_args(Goal)

Instance = Stream | StaticDag


@dataclass(frozen=True)
class SocSizes(Sizes):
    """Further sizes that the arrays are padded to."""

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


@dataclass(frozen=True)
class SocProblem:
    """Streaming jobs on a chip, or one static task graph.

    `mode` says what a choice is (see rules.py). `goal` is minimised: mean latency (static: makespan), energy, their product,
    or flow, the time that jobs spend in the system divided by jobs done; its optimum starves no job. `dvfs` makes the
    frequency part of the choice; otherwise every task runs at the highest. `hidden_speeds`: of a task's execution times only
    the order of the PEs is known. `online`: a task is seen when its predecessors are done.
    """

    mode: Mode = "start"
    goal: Goal = "latency"
    dvfs: bool = False
    hidden_speeds: bool = False
    online: bool = False

    kernel: ClassVar[Kernel] = Kernel((rules, choices, features))
    features: ClassVar[Features] = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def __post_init__(self) -> None:
        for name, value, valid in (("mode", self.mode, MODES), ("goal", self.goal, GOALS)):
            if value not in valid:
                raise InputError(f"{name}={shown(value)} is not one of {', '.join(valid)}")
        if self.dvfs and self.mode == "task":
            raise InputError("dvfs=True needs a mode in which the PE is chosen, not mode='task'")

    def sizes(self, instances: Sequence[Instance]) -> SocSizes:
        tables: dict[int, Tables] = {}
        for x in instances:
            tables.setdefault(id(_source(x)), self._tables(x))
        kinds = list(tables.values())
        templates = max(len(t.duration) for t in kinds)
        pes = max(t.bandwidth.shape[0] for t in kinds)
        slots = max(t.cap for t in kinds)
        width = max(int(t.tasks.max()) for t in kinds)
        ready = max(t.cap * t.breadth for t in kinds)
        levels = max(t.mhz.shape[1] for t in kinds) if self.dvfs else 1
        edges = max(len(t.edges) for t in kinds)
        waits = 1 if self.mode == "start" else 0
        jobs = max(len(x.application) if isinstance(x, Stream) else 1 for x in instances)
        steps = max(_decisions(x, tables[id(_source(x))], waits) for x in instances)
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
        stretch = np.ones((n, sizes.jobs, sizes.width) if noisy else (1, 1, 1))
        for i, x in enumerate(instances):
            if isinstance(x, Stream):
                gap[i, : len(x.gap)] = x.gap
                application[i, : len(x.application)] = x.application
                if noisy and x.deviation.size:
                    stretch[i, : x.deviation.shape[0], : x.deviation.shape[1]] += x.workload.noise * x.deviation
        kinds = [self._tables(x) for x in sources]
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
            stretch=stretch,
            rule=np.array([_rule(x) for x in sources], np.int32),
            noise=np.array([x.workload.noise if isinstance(x, Stream) else 0.0 for x in sources]),
            **_stack(kinds, sizes),
        )

    def _tables(self, instance: Instance) -> Tables:
        return tables_of(_source(instance), self.hidden_speeds, self.online)

    def state(self, sizes: Sizes, copies: int) -> State:
        assert isinstance(sizes, SocSizes)
        z = sizes

        def zeros(*shape: int, dtype: Any = np.int32) -> Array:
            return np.zeros((copies, *shape), dtype)

        return State(
            row=zeros(),
            clock=zeros(len(Clock)),
            latency=zeros(dtype=np.int64),
            present=zeros(dtype=np.int64),
            energy=zeros(dtype=np.float64),
            paid=zeros(dtype=np.float64),
            slot=zeros(z.slots, len(Slot)),
            live=zeros(z.slots * z.width, len(Live)),
            arrive=zeros(z.slots * z.width, z.pes),
            ready=zeros(z.ready + 1),
            line=zeros(z.slots * z.width),
            eft=zeros(z.ready, len(Finish)),
            choice=zeros(z.actions, len(Chosen), dtype=np.int16),
            outlook=zeros(z.ready, len(Outlook), dtype=np.float64),
            claim=zeros(z.pes, len(Claim), dtype=np.float64),
            soon=zeros(z.pes, len(Soon), dtype=np.float64),
            rest=zeros(z.slots, dtype=np.float64),
            element=zeros(z.pes, len(Element)),
            arrival=zeros(z.jobs),
            done=zeros(z.jobs),
            start=zeros(z.jobs, z.width),
            pe=zeros(z.jobs, z.width, dtype=np.int16),
            level=zeros(z.jobs, z.width, dtype=np.int8),
        )


def log_of(state: State, instance: Stream, copy: int) -> StreamLog:
    """The log of a copy so far. The state's arrays may be NumPy arrays, or tensors on any device."""
    jobs = int(state.clock[copy, Clock.LET_IN])
    width = max(len(a.tasks) for a in instance.workload.applications)

    def table(name: str) -> npt.NDArray[np.int64]:
        rows = getattr(state, name)[copy, :jobs]
        return np.array(on_host(rows), np.int64)

    return StreamLog(table("arrival"), *(table(name)[:, :width] for name in ("pe", "start", "level")))


def _source(instance: Instance) -> Any:
    """The part of an instance that its tables depend on: streams of one workload share it."""
    if isinstance(instance, Stream):
        return instance.workload
    if isinstance(instance, StaticDag):
        return instance
    raise InputError(f"instance {shown(instance)} is neither a Stream nor a StaticDag")


def _rule(x: Instance) -> npt.NDArray[np.int64]:
    if isinstance(x, StaticDag):
        values = {
            Rule.HORIZON: NEVER,
            Rule.CAP: 1,
            Rule.WHEN_FULL: REDRAW,
            Rule.PREFILL: 1,
            Rule.MAX_JOBS: 1,
            Rule.WARMUP: 0,
            Rule.FIXED: 1,
        }
    else:
        load = x.workload
        values = {
            Rule.HORIZON: load.horizon,
            Rule.CAP: load.cap,
            Rule.WHEN_FULL: WHEN_FULL.index(load.when_full),
            Rule.PREFILL: int(load.prefill),
            Rule.MAX_JOBS: load.max_jobs or NEVER,
            Rule.WARMUP: load.warmup,
            Rule.FIXED: 0,
        }
    return stacked(Rule, values)


def _decisions(x: Instance, kind: Tables, waits: int) -> int:
    """An upper bound on decisions: each task is chosen once, and WAIT follows a completion, an arrival or incoming data."""
    tasks = kind.tasks if isinstance(x, StaticDag) else kind.tasks[x.application]
    jobs = 1 if isinstance(x, StaticDag) else len(x.application)
    return int(tasks.sum()) * (1 + waits * (1 + kind.trips)) + waits * jobs + 1


def _stack(kinds: Sequence[Tables], z: SocSizes) -> dict[str, Array]:
    """The tables by field of Instances, padded, with a first axis of W."""
    count, most = len(kinds), max(k.mhz.shape[1] for k in kinds)
    shapes: dict[str, tuple[tuple[int, ...], Any, float]] = {
        "rate": ((), np.float64, 1.0),
        "worth": ((len(Worth),), np.float64, 0.0),
        "load": ((), np.float64, 0.0),
        "spread": ((), np.float64, 0.0),
        "elements": ((), np.int32, 0),
        "app": ((z.applications, len(App)), np.int32, 0),
        "chain": ((z.applications,), np.float64, 1.0),
        "task": ((z.templates, len(TaskData)), np.int32, 0),
        "work": ((z.templates,), np.float64, 0.0),
        "rank": ((z.templates,), np.float64, 0.0),
        "sends": ((z.templates,), np.float64, 0.0),
        "seen": ((z.templates, z.pes), np.int32, -1),
        "mean": ((z.templates, z.pes), np.int32, -1),
        "oct": ((z.templates, z.pes), np.float64, 0.0),
        "pred": ((z.edges, len(Pred)), np.int32, 0),
        "succ": ((z.edges,), np.int32, 0),
        "bandwidth": ((z.pes, z.pes), np.float64, 1.0),
        "pe": ((z.pes, len(Pe)), np.int32, 0),
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
