"""Any scheduling model as a problem of the engine: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.envs.cpmodel import features, rules
from dispatchgym.envs.cpmodel.layout import (
    About,
    Arc,
    Candidate,
    ChainData,
    Clock,
    Context,
    Demand,
    Instances,
    Part,
    Plan,
    ResourceData,
    ResourceNode,
    Row,
    RowData,
    RunsOn,
    State,
    Step,
    Task,
    TaskData,
    TaskNode,
    Weight,
)
from dispatchgym.envs.cpmodel.packing import arrays_of
from dispatchgym.instances.cpmodel.instance import CPInstance
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

Actions = Literal["serial", "parallel"]
ACTIONS: tuple[str, ...] = get_args(Actions)
Tables = dict[str, Array]


@dataclass(frozen=True)
class CPSizes(Sizes):
    """The padded sizes of one batch; `tasks` and `resources` count a node for waiting each."""

    chains: int
    width: int  # modes of a task
    rows: int  # modes of all tasks
    demands: int
    arcs: int
    excluded: int
    profile: int  # steps of all profiles
    opening: int  # steps of all profiles before anything is placed


@dataclass(frozen=True)
class CPProblem:
    """Tasks with modes, resources, lags and any regular objective; `actions` names the scheme (see rules.py)."""

    actions: Actions = "serial"

    kernel: ClassVar[Kernel] = Kernel((rules, features), graph_keeps="rows")
    features: ClassVar[Features] = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def __post_init__(self) -> None:
        if self.actions not in ACTIONS:
            raise InputError(f"actions {shown(self.actions)} is not one of {', '.join(ACTIONS)}")

    def sizes(self, instances: Sequence[CPInstance]) -> CPSizes:
        # Rounded up for several instances, so that draws of like instances mostly share their padding.
        return self._sizes([arrays_of(x, 0) for x in instances], 8 if len(instances) > 1 else 1)

    def _sizes(self, tables: Sequence[Tables], step: int) -> CPSizes:
        def most(name: str, least: int = 0) -> int:
            return max([least, *(len(t[name]) for t in tables)])

        chains, width = most("chain"), max(int(t["task"][:, TaskData.MODES].max()) for t in tables)
        tasks = _up(most("task"), step)
        waits = self.actions == "parallel"
        rows = _up(most("row"), step)
        return CPSizes(
            actions=chains * width + waits,
            tasks=tasks + 1,
            resources=most("resource", 1) + 1,
            precedes=_up(most("arc"), step),
            runs_on=_up(max(int(np.maximum(t["row"][:, RowData.DEMANDS], 1).sum()) for t in tables), step),
            steps=_up(max(len(t["task"]) + waits * _waits(t) for t in tables), step),
            chains=chains,
            width=width,
            rows=rows,
            demands=_up(most("demand", 1), step),
            arcs=_up(most("arc", 1), step),
            excluded=most("excluded", 1),
            profile=_up(max(max(int(t["profile"]) for t in tables), 1), step),
            opening=most("opening", 1),
        )

    def pack(self, instances: Sequence[CPInstance], sizes: Sizes) -> Instances:
        assert isinstance(sizes, CPSizes)
        z = sizes
        tables = [arrays_of(x, z.resources - 1) for x in instances]
        need = self._sizes(tables, 1)
        for field in fields(CPSizes):
            asked, room = getattr(need, field.name), getattr(z, field.name)
            if asked > room:
                raise InputError(f"an instance needs {asked} {field.name}, this environment was made for {room}")
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "bound": ((), np.int64),
            "plan": ((len(Plan),), np.int64),
            "about": ((len(About),), np.float64),
            "order": ((z.tasks - 1,), np.int32),
            "task": ((z.tasks - 1, len(TaskData)), np.int32),
            "weight": ((z.tasks - 1, len(Weight)), np.int64),
            "row": ((z.rows, len(RowData)), np.int32),
            "work": ((z.rows,), np.int64),
            "demand": ((z.demands, len(Demand)), np.int32),
            "load": ((z.demands,), np.float64),
            "arc": ((z.arcs, len(Arc)), np.int32),
            "excluded": ((z.excluded,), np.int32),
            "resource": ((z.resources - 1, len(ResourceData)), np.int32),
            "visitor": ((z.demands,), np.int32),
            "opening": ((z.opening, len(Step)), np.int32),
            "chain": ((z.chains, len(ChainData)), np.int32),
            "link": ((z.tasks - 1,), np.int32),
        }
        packed = {}
        for name, (shape, dtype) in shapes.items():
            array = np.zeros((len(tables), *shape), dtype)
            for i, table in enumerate(tables):
                part = table[name]
                place: Any = (i, *(slice(0, n) for n in part.shape))
                array[place] = part
            packed[name] = array
        return Instances(pool=len(tables), width=z.width, parallel=int(self.actions == "parallel"), **packed)

    def state(self, sizes: Sizes, copies: int) -> State:
        assert isinstance(sizes, CPSizes)
        z = sizes
        tasks, resources = z.tasks - 1, z.resources - 1

        def zeros(*shape: int, dtype: Any = np.int32) -> Array:
            return np.zeros((copies, *shape), dtype)

        return State(
            row=zeros(),
            bound=zeros(dtype=np.int64),
            clock=zeros(len(Clock)),
            part=zeros(len(Part), dtype=np.int64),
            task=zeros(tasks, len(Task)),
            mode=zeros(z.rows, len(Row)),
            next=zeros(z.chains),
            steps=zeros(resources),
            profile=zeros(z.profile, len(Step)),
            changed=zeros(tasks, dtype=np.int8),
            touched=zeros(resources, dtype=np.int8),
            load=zeros(resources, dtype=np.float64),
            waiting=zeros(z.demands),
            place=zeros(z.demands),
            left=zeros(resources),
        )


def _up(count: int, step: int) -> int:
    """`count`, rounded up to a multiple of `step`."""
    return -(-count // step) * step


def _waits(t: Tables) -> int:
    """How often one can wait at most: every time leads to a later start, that of a release, a break, a task's end or a lag."""
    to_ends = int(t["task"][:, TaskData.MODES].max()) if (t["arc"][:, Arc.TO_END] == 1).any() else 1
    return 3 * len(t["task"]) + len(t["arc"]) * to_ends + len(t["opening"])
