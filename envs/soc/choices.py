"""The legal choices, and what the features need of all ready tasks: where each would end, and the competition for each PE."""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.soc.events import next_event
from dispatchgym.envs.soc.layout import (
    ASSIGN,
    DONE,
    NEVER,
    PE_ONLY,
    RUNNING,
    START,
    TASK_ONLY,
    Chosen,
    Claim,
    Clock,
    Element,
    Finish,
    Instances,
    Live,
    Outlook,
    Pe,
    Pred,
    Rule,
    Slot,
    Soon,
    State,
    TaskData,
)
from dispatchgym.envs.soc.rules import is_wait, ready_of


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    """List the legal choices; also fill State.eft, choice, outlook, claim, soon and rest for the features."""
    clock = s.clock[b]
    w = inst.chip[s.row[b]]
    now = clock[Clock.NOW]
    clear_notes(s, b)
    count = 0
    for y in range(clock[Clock.READY]):
        x = s.ready[b, y]
        live = s.live[b, x]
        row = live[Live.ROW]
        best = NEVER
        second = NEVER
        at = 0
        ahead = float(NEVER)
        later = float(NEVER)
        for p in range(s.element.shape[1]):
            ticks = inst.seen[w, row, p]
            if ticks < 0:
                continue
            element = s.element[b, p]
            arrived = s.arrive[b, x, p]
            end = max(element[Element.EXPECT], now, arrived) + ticks
            through = end + inst.oct[w, row, p]
            ahead = min(ahead, through)
            second = min(second, max(end, best))
            if end < best:
                at = p
                best = end
            if element[Element.RUNS] >= 0:
                later = min(later, through)
            startable = inst.mode == START and element[Element.RUNS] < 0 and arrived <= now
            if startable or inst.mode == ASSIGN or (inst.mode == PE_ONLY and y == 0):
                count = list_levels(inst, s, b, w, y, p, choices, count)
        if inst.mode == TASK_ONLY:
            choices[count] = y
            count += 1
            choice = s.choice[b, y]
            choice[Chosen.READY] = y
            choice[Chosen.PE] = at
            choice[Chosen.LEVEL] = inst.pe[w, at, Pe.LEVELS] - 1
        eft = s.eft[b, y]
        eft[Finish.EARLIEST] = best
        eft[Finish.SECOND] = second
        eft[Finish.BEST_PE] = at
        outlook = s.outlook[b, y]
        outlook[Outlook.AHEAD] = ahead
        outlook[Outlook.LATER] = later
        outlook[Outlook.RANK] = inst.rank[w, row]
        outlook[Outlook.RELEASES] = 0.0
        base = live[Live.SLOT] * inst.width
        task = inst.task[w, row]
        for e in range(task[TaskData.SUCC_AT], task[TaskData.SUCC_AT] + task[TaskData.SUCCS]):
            outlook[Outlook.RELEASES] += 1.0 if s.live[b, base + inst.succ[w, e], Live.MISSING] == 1 else 0.0
        s.rest[b, live[Live.SLOT]] = max(s.rest[b, live[Live.SLOT]], ahead - now)
        note_claim(s, b, at, float(min(second - best, 1000000)), outlook[Outlook.RANK])
    note_running(inst, s, b, w)
    if inst.mode == START and (inst.rule[w, Rule.FIXED] == 0 or next_event(inst, s, b, w) < NEVER):
        choices[count] = choices.shape[0] - 1
        count += 1
    return count


def clear_notes(s: State, b: int) -> None:
    """Blank State.rest, claim and soon."""
    for slot in range(s.rest.shape[1]):
        s.rest[b, slot] = 0.0
    for p in range(s.element.shape[1]):
        for f in range(s.claim.shape[2]):
            s.claim[b, p, f] = 0.0
        s.soon[b, p, Soon.START] = float(NEVER)


def list_levels(inst: Instances, s: State, b: int, w: int, y: int, p: int, choices: Array, count: int) -> int:
    """List ready task y on PE p at each frequency level as choices; returns the number of choices listed so far."""
    k = (y * s.element.shape[1] + p) * inst.levels
    for level in range(inst.pe[w, p, Pe.LEVELS] if inst.levels > 1 else 1):
        choices[count] = k + level
        count += 1
        choice = s.choice[b, k + level]
        choice[Chosen.READY] = y
        choice[Chosen.PE] = p
        choice[Chosen.LEVEL] = level if inst.levels > 1 else inst.pe[w, p, Pe.LEVELS] - 1
    return count


def note_claim(s: State, b: int, p: int, loss: float, rank: float) -> None:
    """Add a ready task that would end on PE p first: `loss` is the price of going elsewhere."""
    claim = s.claim[b, p]
    claim[Claim.CLAIMS] += 1.0
    claim[Claim.LOSS_2] = max(claim[Claim.LOSS_2], min(claim[Claim.LOSS], loss))
    claim[Claim.LOSS] = max(claim[Claim.LOSS], loss)
    claim[Claim.URGENT_2] = max(claim[Claim.URGENT_2], min(claim[Claim.URGENT], rank))
    claim[Claim.URGENT] = max(claim[Claim.URGENT], rank)


def note_running(inst: Instances, s: State, b: int, w: int) -> None:
    """What running tasks add to the rest of their jobs, and which tasks they will make ready."""
    now = s.clock[b, Clock.NOW]
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        if element[Element.RUNS] >= 0:
            live = s.live[b, element[Element.RUNS]]
            left = float(max(element[Element.EXPECT] - now, 0)) + inst.oct[w, live[Live.ROW], p]
            s.rest[b, live[Live.SLOT]] = max(s.rest[b, live[Live.SLOT]], left)
            if inst.known == 1:
                foresee(inst, s, b, w, element[Element.RUNS])


def foresee(inst: Instances, s: State, b: int, w: int, x: int) -> None:
    """Write State.soon for the tasks that wait for the running task x alone, at the PE that is best for each."""
    row = inst.task[w, s.live[b, x, Live.ROW]]
    base = s.live[b, x, Live.SLOT] * inst.width
    for e in range(row[TaskData.SUCC_AT], row[TaskData.SUCC_AT] + row[TaskData.SUCCS]):
        u = base + inst.succ[w, e]
        if s.live[b, u, Live.MISSING] != 1:
            continue
        best = float(NEVER)
        second = float(NEVER)
        at = 0
        first = 0
        for q in range(s.element.shape[1]):
            ticks = inst.seen[w, s.live[b, u, Live.ROW], q]
            free = max(s.element[b, q, Element.EXPECT], s.clock[b, Clock.NOW])
            if ticks >= 0 and free + ticks + inst.oct[w, s.live[b, u, Live.ROW], q] < second:
                begins = max(free, data_at(inst, s, b, w, u, q, -1, 0, 0))
                through = begins + ticks + inst.oct[w, s.live[b, u, Live.ROW], q]
                second = min(second, max(through, best))
                if through < best:
                    best = through
                    at = q
                    first = begins
        soon = s.soon[b, at]
        if first < soon[Soon.START]:
            soon[Soon.START] = first
            soon[Soon.RANK] = inst.rank[w, s.live[b, u, Live.ROW]]
            soon[Soon.LOSS] = min(second - best, 1000000.0)


def data_at(inst: Instances, s: State, b: int, w: int, u: int, q: int, x: int, p: int, end: int) -> int:
    """When the data of task u is at PE q, from the predecessors that have begun; x is assumed to end on PE p at `end`."""
    live = s.live[b, u]
    base = live[Live.SLOT] * inst.width
    row = inst.task[w, live[Live.ROW]]
    tick = s.clock[b, Clock.NOW]
    for e in range(row[TaskData.PRED_AT], row[TaskData.PRED_AT] + row[TaskData.PREDS]):
        y = base + inst.pred[w, e, Pred.TASK]
        before = s.live[b, y]
        place = p
        ends = end
        if y != x:
            if before[Live.STATUS] < RUNNING:
                continue
            place = before[Live.PLACE]
            expected = max(s.element[b, place, Element.EXPECT], s.clock[b, Clock.NOW])
            ends = before[Live.TICK] if before[Live.STATUS] == DONE else expected
        tick = max(tick, ends + int(min(float(inst.pred[w, e, Pred.VOLUME]) / inst.bandwidth[w, place, q], 1e9)))
    return tick


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    """Entry job * width + task of a StreamLog; WAIT is the one after the last."""
    if is_wait(inst, s, k):
        return s.start.shape[1] * inst.width
    x = s.ready[b, ready_of(inst, s, b, k)]
    slot = s.live[b, x, Live.SLOT]
    return s.slot[b, slot, Slot.JOB] * inst.width + x - slot * inst.width


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The tick at which choice k would start or be made: now."""
    return s.clock[b, Clock.NOW]
