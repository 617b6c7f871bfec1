"""What is in use on a resource over time: steps, each from its time up to that of the next. The last one has nothing in use."""

from __future__ import annotations

from dispatchgym.envs.cpmodel.layout import Demand, Instances, ResourceData, RowData, State, Step


def step_at(inst: Instances, s: State, b: int, i: int, r: int, tick: int) -> int:
    """The step of resource r that holds `tick`. It looks from the end, where most of what is asked stands."""
    x = inst.resource[i, r, ResourceData.PROFILE] + s.steps[b, r] - 1
    while s.profile[b, x, Step.TIME] > tick:
        x -= 1
    return x


def first_fit(inst: Instances, s: State, b: int, i: int, x: int, begin: int) -> int:
    """The earliest start of row x from `begin` on at which its resources suffice for its whole duration, gaps included."""
    ticks = inst.row[i, x, RowData.DURATION]
    first = inst.row[i, x, RowData.DEMAND]
    demands = inst.row[i, x, RowData.DEMANDS] if ticks > 0 else 0
    settled = 0  # resources in a row that have room at `begin`
    q = 0
    while settled < demands:
        demand = inst.demand[i, first + q]
        tick = first_room(inst, s, b, i, demand[Demand.RESOURCE], demand[Demand.AMOUNT], begin, ticks)
        settled = settled + 1 if tick == begin else 1
        begin = tick
        q = q + 1 if q + 1 < demands else 0
    return begin


def first_room(inst: Instances, s: State, b: int, i: int, r: int, amount: int, begin: int, ticks: int) -> int:
    """The earliest time from `begin` on from which `amount` units of resource r are free for `ticks`."""
    most = inst.resource[i, r, ResourceData.CAPACITY] - amount
    last = inst.resource[i, r, ResourceData.PROFILE] + s.steps[b, r]
    x = step_at(inst, s, b, i, r, begin)
    while x < last and s.profile[b, x, Step.TIME] < begin + ticks:
        if s.profile[b, x, Step.USED] > most:
            begin = s.profile[b, x + 1, Step.TIME]
        x += 1
    return begin


def occupy(inst: Instances, s: State, b: int, i: int, r: int, begin: int, end: int, amount: int) -> None:
    """Use `amount` more units of resource r during [begin, end), which is not empty."""
    profile = s.profile[b]
    first = inst.resource[i, r, ResourceData.PROFILE]
    x = step_at(inst, s, b, i, r, begin)
    y = x  # the last step that begins before `end`
    while y + 1 < first + s.steps[b, r] and profile[y + 1, Step.TIME] < end:
        y += 1
    if y + 1 == first + s.steps[b, r] or profile[y + 1, Step.TIME] > end:
        insert(s, b, r, first, y + 1)
        profile[y + 1, Step.TIME] = end
        profile[y + 1, Step.USED] = profile[y, Step.USED]
    elif profile[y + 1, Step.USED] == profile[y, Step.USED] + amount:
        remove(s, b, r, first, y + 1)
    if profile[x, Step.TIME] < begin:
        insert(s, b, r, first, x + 1)
        profile[x + 1, Step.TIME] = begin
        profile[x + 1, Step.USED] = profile[x, Step.USED]
        x += 1
        y += 1
    elif x > first and profile[x - 1, Step.USED] == profile[x, Step.USED] + amount:
        remove(s, b, r, first, x)
        y -= 1
    for z in range(x, y + 1):
        profile[z, Step.USED] += amount


def insert(s: State, b: int, r: int, first: int, at: int) -> None:
    """Make room for a step of resource r at `at`."""
    profile = s.profile[b]
    last = first + s.steps[b, r]
    for n in range(last - at):
        z = last - n
        profile[z, Step.TIME] = profile[z - 1, Step.TIME]
        profile[z, Step.USED] = profile[z - 1, Step.USED]
    s.steps[b, r] += 1


def remove(s: State, b: int, r: int, first: int, at: int) -> None:
    """Take out the step of resource r at `at`."""
    profile = s.profile[b]
    s.steps[b, r] -= 1
    for z in range(at, first + s.steps[b, r]):
        profile[z, Step.TIME] = profile[z + 1, Step.TIME]
        profile[z, Step.USED] = profile[z + 1, Step.USED]
