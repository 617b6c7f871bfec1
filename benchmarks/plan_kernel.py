"""The latency of given plans, as a kernel function on the simulator of memory mapping."""

from __future__ import annotations

from typing import Any

from dispatchgym.envs.memory.map.layout import Access, Instances, State, Stay
from dispatchgym.envs.memory.map.simulator import latency_now, make_fast
from dispatchgym.envs.memory.map.space import add_stay


def evaluate_plan(b: int, inst: Instances, s: State, r: Any) -> None:
    """Write plan b from nothing, then simulate it: r.objective[b] of the first r.stays[b] rows of r.stay[b].

    Rows of r.stay are rows of MemoryPlan.stay, which are the first columns of Stay.
    """
    i = s.row[b]
    for t in range(inst.slots[i]):
        s.sigma[b, t] = inst.sigma[i, t]
        s.phi[b, t] = 0
    s.stays[b] = 0
    for n in range(r.stays[b]):
        row = r.stay[b, n]
        j = row[Stay.OF]
        added = add_stay(inst, s, b, j, row[Stay.BEGIN], row[Stay.END], row[Stay.OFFSET], row[Stay.SERVES])
        s.stay[b, added, Stay.WRITTEN] = row[Stay.WRITTEN]
        a = inst.entry[i, j]
        while a >= 0 and inst.access[i, a, Access.SLOT] < row[Stay.END]:
            if inst.access[i, a, Access.SLOT] >= row[Stay.SERVES]:
                make_fast(inst, s, b, a)
            a = inst.access[i, a, Access.FOLLOWS]
    r.objective[b] = latency_now(inst, s, b)
