"""What the agent sees of a chip: features of choices and of the state, and the graph.

The task nodes are the tasks of every application once (templates), the live tasks of the jobs in the system, and one for WAIT.
Templates let a policy that encodes them once know every job to come; they are blank if successors are unknown. The resource
nodes are the PEs, and one for WAIT. A choice names its task's template. No feature tells more than a scheduler knows: neither
the gap to the next arrival nor the noise of a running task.
"""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip, limit
from dispatchgym.envs.core.contract import Array, Observation
from dispatchgym.envs.soc.choices import data_at
from dispatchgym.envs.soc.events import at_level
from dispatchgym.envs.soc.layout import (
    ASSIGNED,
    NEVER,
    OUTSTANDING,
    READY,
    RUNNING,
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
from dispatchgym.envs.soc.rules import is_wait, place_of, ready_of


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The template of choice k's task, or the node for WAIT."""
    if is_wait(inst, s, k):
        return inst.task.shape[1] + s.live.shape[1]
    return s.live[b, s.ready[b, ready_of(inst, s, b, k)], Live.ROW]


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The PE of choice k, or the node for WAIT."""
    if is_wait(inst, s, k):
        return s.element.shape[1]
    return place_of(inst, s, b, k)


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of running a ready task on a PE, or of waiting; time is in mean executions, or in shares of the job's chain."""
    w = inst.chip[s.row[b]]
    if is_wait(inst, s, k):
        describe_waiting(inst, s, b, w, out)
        return
    r = s.choice[b, k, Chosen.READY]
    p = s.choice[b, k, Chosen.PE]
    level = s.choice[b, k, Chosen.LEVEL]
    x = s.ready[b, r]
    run = inst.seen[w, s.live[b, x, Live.ROW], p]
    ticks = at_level(inst, w, p, run, level)
    free = max(s.element[b, p, Element.EXPECT], s.clock[b, Clock.NOW])
    end = max(free, s.arrive[b, x, p]) + ticks
    out[Candidate.WAITS] = 0.0
    out[Candidate.STARTS] = 1.0
    describe_execution(inst, s, b, w, r, p, level, ticks, out)
    describe_ends(inst, s, b, w, r, p, end, out)
    describe_job(inst, s, b, w, r, p, end, out)
    describe_rivals(inst, s, b, w, r, p, out)
    describe_successors(inst, s, b, w, r, p, end, out)


def describe_execution(inst: Instances, s: State, b: int, w: int, r: int, p: int, level: int, ticks: int, out: Array) -> None:
    """The execution on PE p, which takes `ticks` at `level`."""
    now = s.clock[b, Clock.NOW]
    rate = inst.rate[w]
    x = s.ready[b, r]
    live = s.live[b, x]
    row = live[Live.ROW]
    fastest = inst.task[w, row, TaskData.FASTEST]
    free = max(s.element[b, p, Element.EXPECT], now)
    out[Candidate.DURATION] = limit(ticks * rate, 0.0, 8.0)
    out[Candidate.SLOWER_THAN_FASTEST] = limit(float(ticks) / max(fastest, 1) - 1.0, 0.0, 8.0)
    out[Candidate.DATA_ARRIVES] = limit((s.arrive[b, x, p] - now) * rate, -4.0, 8.0)
    out[Candidate.PE_FREE] = limit((free - now) * rate, 0.0, 8.0)
    out[Candidate.READY_SINCE] = limit((now - live[Live.TICK]) * rate, 0.0, 8.0)
    out[Candidate.SENDS] = limit(inst.sends[w, row] * rate, 0.0, 8.0)
    out[Candidate.IS_FASTEST] = 1.0 if inst.seen[w, row, p] == fastest else 0.0
    top = inst.mhz[w, p, inst.pe[w, p, Pe.LEVELS] - 1]
    out[Candidate.FREQUENCY] = 1.0 if inst.levels == 1 else float(inst.mhz[w, p, level]) / top
    out[Candidate.ENERGY] = limit(float(inst.power[w, p, level]) * ticks * inst.worth[w, Worth.ENERGY], 0.0, 8.0)


def describe_ends(inst: Instances, s: State, b: int, w: int, r: int, p: int, end: int, out: Array) -> None:
    """The task's end on PE p against its ends on other PEs."""
    rate = inst.rate[w]
    eft = s.eft[b, r]
    outlook = s.outlook[b, r]
    ahead = end + inst.oct[w, s.live[b, s.ready[b, r], Live.ROW], p]
    other = eft[Finish.SECOND] if eft[Finish.BEST_PE] == p else eft[Finish.EARLIEST]
    out[Candidate.LATER_THAN_BEST] = limit((end - eft[Finish.EARLIEST]) * rate, 0.0, 8.0)
    out[Candidate.LATER_AHEAD] = limit((ahead - outlook[Outlook.AHEAD]) * rate, 0.0, 8.0)
    out[Candidate.LOSS_ELSEWHERE] = clip((other - end) * rate, 8.0)
    out[Candidate.LOSS_BY_WAITING] = clip((outlook[Outlook.LATER] - ahead) * rate, 8.0)
    out[Candidate.CHOICE_OF_PE] = limit((eft[Finish.EARLIEST] - eft[Finish.SECOND]) * rate, -8.0, 0.0)


def describe_job(inst: Instances, s: State, b: int, w: int, r: int, p: int, end: int, out: Array) -> None:
    """The task's job: its age, what it still needs, and when it could be done if the task ends at `end` on PE p."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    live = s.live[b, s.ready[b, r]]
    row = live[Live.ROW]
    slot = s.slot[b, live[Live.SLOT]]
    share = 1.0 / inst.chain[w, slot[Slot.APPLICATION]]
    rest = s.rest[b, live[Live.SLOT]]
    rank = s.outlook[b, r, Outlook.RANK]
    ahead = end + inst.oct[w, row, p]
    tasks = inst.app[w, slot[Slot.APPLICATION], App.TASKS]
    out[Candidate.RANK] = limit(rank * inst.rate[w], 0.0, 16.0) * 0.25
    out[Candidate.RANK_SHARE] = rank * share
    out[Candidate.JOB_END] = limit((ahead - now) * share, 0.0, 4.0)
    out[Candidate.JOB_AGE] = limit((now - slot[Slot.ARRIVAL]) * share, 0.0, 4.0)
    out[Candidate.JOB_REST] = limit(rest * share, 0.0, 4.0)
    out[Candidate.JOB_SLACK] = clip((ahead - now - rest) * share, 4.0)
    out[Candidate.TASKS_LEFT] = float(slot[Slot.LEFT]) / tasks if inst.known == 1 else 0.0
    out[Candidate.REST_AFTER] = limit(inst.oct[w, row, p] * share, 0.0, 4.0)
    out[Candidate.JOBS_BEFORE] = (slot[Slot.JOB] - (clock[Clock.LET_IN] - clock[Clock.LIVE])) * 0.25


def describe_rivals(inst: Instances, s: State, b: int, w: int, r: int, p: int, out: Array) -> None:
    """The other ready tasks that would end on PE p first, and what it costs them to go elsewhere."""
    rate = inst.rate[w]
    eft = s.eft[b, r]
    claim = s.claim[b, p]
    rank = s.outlook[b, r, Outlook.RANK]
    own = eft[Finish.BEST_PE] == p  # the claims include the task itself
    rivals = claim[Claim.CLAIMS] - (1.0 if own else 0.0)
    largest = own and claim[Claim.LOSS] <= eft[Finish.SECOND] - eft[Finish.EARLIEST]
    loss = claim[Claim.LOSS_2] if largest else claim[Claim.LOSS]
    urgent = claim[Claim.URGENT_2] if own and claim[Claim.URGENT] <= rank else claim[Claim.URGENT]
    out[Candidate.RIVALS] = rivals * 0.25
    out[Candidate.RIVAL_LOSS] = limit(loss * rate, 0.0, 8.0)
    out[Candidate.RIVAL_RANK] = clip((urgent - rank) * rate, 8.0) * 0.5 if rivals > 0.0 else -4.0


def describe_successors(inst: Instances, s: State, b: int, w: int, r: int, p: int, end: int, out: Array) -> None:
    """The task's successors, if it ends at `end` on PE p, and the tasks that will want this PE soon."""
    now = s.clock[b, Clock.NOW]
    rate = inst.rate[w]
    x = s.ready[b, r]
    live = s.live[b, x]
    task = inst.task[w, live[Live.ROW]]
    outlook = s.outlook[b, r]
    rank = outlook[Outlook.RANK]
    ahead = end + inst.oct[w, live[Live.ROW], p]
    share = 1.0 / inst.chain[w, s.slot[b, live[Live.SLOT], Slot.APPLICATION]]

    # As `ahead`, but from the successors' own execution times, and from when PEs and their other data are there.
    onward = float(end)
    if inst.known == 1:
        base = live[Live.SLOT] * inst.width
        for e in range(task[TaskData.SUCC_AT], task[TaskData.SUCC_AT] + task[TaskData.SUCCS]):
            u = base + inst.succ[w, e]
            after = s.live[b, u, Live.ROW]
            least = float(NEVER)
            for q in range(s.element.shape[1]):
                ticks = inst.seen[w, after, q]
                free = max(s.element[b, q, Element.EXPECT], end)
                # The data of u is nowhere before `end`: most PEs need no look at it.
                if ticks >= 0 and free + ticks + inst.oct[w, after, q] < least:
                    here = max(data_at(inst, s, b, w, u, q, x, p, end), free)
                    least = min(least, here + ticks + inst.oct[w, after, q])
                    if least <= onward:
                        break
            onward = max(onward, least)
    soon = s.soon[b, p]
    out[Candidate.SUCCESSORS] = task[TaskData.SUCCS] * 0.25 if inst.known == 1 else 0.0
    out[Candidate.RELEASES] = outlook[Outlook.RELEASES] * 0.25 if inst.known == 1 else 0.0
    out[Candidate.ONWARD_DELAY] = clip((onward - ahead) * rate, 8.0)
    out[Candidate.ONWARD] = limit((onward - now) * share, 0.0, 4.0)
    out[Candidate.SOON] = clip((soon[Soon.START] - end) * rate, 8.0)
    out[Candidate.SOON_RANK] = clip((soon[Soon.RANK] - rank) * rate, 8.0) * 0.5 if soon[Soon.START] < NEVER else -4.0
    out[Candidate.SOON_LOSS] = limit(soon[Soon.LOSS] * rate, 0.0, 8.0) if soon[Soon.START] < NEVER else 0.0


def describe_waiting(inst: Instances, s: State, b: int, w: int, out: Array) -> None:
    """Features of WAIT: until when, and what else could be done now."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    rate = inst.rate[w]
    for f in range(out.shape[0]):
        out[f] = 0.0
    soonest = NEVER
    for p in range(s.element.shape[1]):
        if s.element[b, p, Element.RUNS] >= 0:
            soonest = min(soonest, max(s.element[b, p, Element.EXPECT], now))
    # The smallest price of starting something now instead of where it would end first.
    least = float(NEVER)
    fair = 0
    for y in range(clock[Clock.READY]):
        x = s.ready[b, y]
        row = s.live[b, x, Live.ROW]
        for p in range(s.element.shape[1]):
            if s.element[b, p, Element.RUNS] < 0 and inst.seen[w, row, p] >= 0 and s.arrive[b, x, p] <= now:
                price = now + inst.seen[w, row, p] + inst.oct[w, row, p] - s.outlook[b, y, Outlook.AHEAD]
                least = min(least, price)
                fair += price <= 0.0
    out[Candidate.WAITS] = 1.0
    out[Candidate.DURATION] = limit((soonest - now) * rate, 0.0, 8.0)
    out[Candidate.LATER_THAN_BEST] = limit((min(soonest, clock[Clock.NEXT]) - now) * rate, 0.0, 8.0)
    out[Candidate.LATER_AHEAD] = limit(least * rate, 0.0, 8.0)
    out[Candidate.RIVALS] = fair * 0.25
    # The next task that will want a PE that is idle now.
    nearest = float(NEVER)
    urgency = 0.0
    stake = 0.0
    for p in range(s.element.shape[1]):
        if s.element[b, p, Element.RUNS] < 0 and s.soon[b, p, Soon.START] < NEVER:
            nearest = min(nearest, s.soon[b, p, Soon.START])
            urgency = max(urgency, s.soon[b, p, Soon.RANK])
            stake = max(stake, s.soon[b, p, Soon.LOSS])
    out[Candidate.SOON] = limit((nearest - now) * rate, 0.0, 8.0)
    out[Candidate.SOON_RANK] = limit(urgency * rate, 0.0, 16.0) * 0.25
    out[Candidate.SOON_LOSS] = limit(stake * rate, 0.0, 8.0)


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state."""
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    rule = inst.rule[w]
    pes = max(inst.elements[w], 1)
    longest = 0.0
    total = 0.0
    for slot in range(s.slot.shape[1]):
        if s.slot[b, slot, Slot.JOB] >= 0:
            chain = inst.chain[w, s.slot[b, slot, Slot.APPLICATION]]
            share = s.rest[b, slot] / chain
            longest = max(longest, share)
            total += share
    out[Context.FILLED] = float(clock[Clock.LIVE]) / rule[Rule.CAP]
    out[Context.JOBS] = limit(float(clock[Clock.LIVE]) / pes, 0.0, 8.0)
    out[Context.READY] = limit(float(clock[Clock.READY]) / pes, 0.0, 8.0)
    out[Context.IDLE] = float(clock[Clock.IDLE]) / pes
    out[Context.ASSIGNED] = limit(float(clock[Clock.ASSIGNED]) / pes, 0.0, 8.0)
    out[Context.LONGEST_REST] = limit(longest, 0.0, 4.0)
    out[Context.MEAN_REST] = limit(total / max(clock[Clock.LIVE], 1), 0.0, 4.0)
    out[Context.IS_STATIC] = 1.0 if rule[Rule.FIXED] == 1 else 0.0
    out[Context.NOISE] = limit(inst.noise[w], 0.0, 2.0)
    out[Context.LOAD] = limit(inst.load[w], 0.0, 4.0)
    out[Context.JOBS_OUTSIDE] = limit((clock[Clock.ARRIVED] - clock[Clock.LET_IN]) * 0.125, 0.0, 4.0)
    out[Context.SPREAD] = limit(inst.spread[w], 0.0, 8.0)


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Templates, live tasks and PEs, and one node of each kind for WAIT."""
    w = inst.chip[s.row[b]]
    chains = 0
    links = 0
    # With unknown successors a task does not exist before its predecessors are done.
    if inst.known == 1:
        chains, links = add_templates(inst, s, b, w, o)
    add_live_tasks(inst, s, b, w, o, chains, links)
    add_elements(inst, s, b, w, o)
    o.resources[b, s.element.shape[1], ResourceNode.IS_WAITING] = 1.0
    o.tasks[b, inst.task.shape[1] + s.live.shape[1], TaskNode.READY_SINCE] = -1.0


def add_templates(inst: Instances, s: State, b: int, w: int, o: Observation) -> tuple[int, int]:
    """Nodes and edges of all templates; returns how many edges to tasks and to PEs there are."""
    rate = inst.rate[w]
    chains = 0
    links = 0
    for a in range(inst.app.shape[1]):
        app = inst.app[w, a]
        for t in range(app[App.TASKS]):
            row = app[App.FIRST] + t
            task = inst.task[w, row]
            node = o.tasks[b, row]
            node[TaskNode.IS_TEMPLATE] = 1.0
            describe_work(inst, w, a, row, node)
            node[TaskNode.PREDECESSORS_OR_AGE] = task[TaskData.PREDS] * 0.25
            node[TaskNode.SUCCESSORS] = task[TaskData.SUCCS] * 0.25
            node[TaskNode.SENDS] = limit(inst.sends[w, row] * rate, 0.0, 8.0)
            at = task[TaskData.SUCC_AT]
            for e in range(at, at + task[TaskData.SUCCS]):
                o.precedes[b, chains, 0] = row
                o.precedes[b, chains, 1] = app[App.FIRST] + inst.succ[w, e]
                chains += 1
            for p in range(s.element.shape[1]):
                ticks = inst.seen[w, row, p]
                if ticks >= 0:
                    o.runs_on[b, links, 0] = row
                    o.runs_on[b, links, 1] = p
                    edge = o.runs_on_features[b, links]
                    edge[RunsOn.DURATION] = limit(ticks * rate, 0.0, 8.0)
                    slower = float(ticks) / max(task[TaskData.FASTEST], 1) - 1.0
                    edge[RunsOn.SLOWER_THAN_FASTEST] = limit(slower, 0.0, 8.0)
                    edge[RunsOn.REST_AFTER] = limit(inst.oct[w, row, p] / inst.chain[w, a], 0.0, 4.0)
                    links += 1
    return chains, links


def describe_work(inst: Instances, w: int, a: int, row: int, node: Array) -> None:
    """Execution time and rank of template `row` of application `a`."""
    rate = inst.rate[w]
    node[TaskNode.FASTEST] = limit(inst.task[w, row, TaskData.FASTEST] * rate, 0.0, 8.0)
    node[TaskNode.RANK] = limit(inst.rank[w, row] * rate, 0.0, 16.0) * 0.25
    node[TaskNode.RANK_SHARE] = inst.rank[w, row] / inst.chain[w, a]


def add_live_tasks(inst: Instances, s: State, b: int, w: int, o: Observation, chains: int, links: int) -> None:
    """Nodes and edges of the tasks of jobs in the system, behind `chains` edges to tasks and `links` edges to PEs."""
    now = s.clock[b, Clock.NOW]
    rate = inst.rate[w]
    first = inst.task.shape[1]  # node of live task 0
    for slot in range(s.slot.shape[1]):
        if s.slot[b, slot, Slot.JOB] < 0:
            continue
        a = s.slot[b, slot, Slot.APPLICATION]
        for t in range(inst.app[w, a, App.TASKS]):
            x = slot * inst.width + t
            live = s.live[b, x]
            row = live[Live.ROW]
            status = live[Live.STATUS]
            if status == OUTSTANDING and inst.known == 0:
                continue
            node = o.tasks[b, first + x]
            node[TaskNode.IS_OUTSTANDING + status] = 1.0
            node[TaskNode.MISSING] = live[Live.MISSING] * 0.25
            describe_work(inst, w, a, row, node)
            age = (now - s.slot[b, slot, Slot.ARRIVAL]) / inst.chain[w, a]
            node[TaskNode.PREDECESSORS_OR_AGE] = limit(age, 0.0, 4.0)
            node[TaskNode.READY_SINCE] = limit((now - live[Live.TICK]) * rate, 0.0, 8.0) if status == READY else 0.0
            if inst.known == 1:
                at = inst.task[w, row, TaskData.SUCC_AT]
                for e in range(at, at + inst.task[w, row, TaskData.SUCCS]):
                    o.precedes[b, chains, 0] = first + x
                    o.precedes[b, chains, 1] = first + slot * inst.width + inst.succ[w, e]
                    chains += 1
            if status == ASSIGNED or status == RUNNING:
                o.runs_on[b, links, 0] = first + x
                o.runs_on[b, links, 1] = live[Live.PLACE]
                o.runs_on_features[b, links, RunsOn.IS_TAKEN] = 1.0
                links += 1
            elif status == READY:
                for p in range(s.element.shape[1]):
                    if inst.seen[w, row, p] >= 0:
                        o.runs_on[b, links, 0] = first + x
                        o.runs_on[b, links, 1] = p
                        edge = o.runs_on_features[b, links]
                        edge[RunsOn.DURATION] = limit(inst.seen[w, row, p] * rate, 0.0, 8.0)
                        edge[RunsOn.DATA_ARRIVES] = limit((s.arrive[b, x, p] - now) * rate, -4.0, 8.0)
                        links += 1


def add_elements(inst: Instances, s: State, b: int, w: int, o: Observation) -> None:
    """Nodes of the PEs."""
    now = s.clock[b, Clock.NOW]
    rate = inst.rate[w]
    for p in range(s.element.shape[1]):
        if inst.pe[w, p, Pe.EXISTS] == 1:
            element = s.element[b, p]
            node = o.resources[b, p]
            node[ResourceNode.EXISTS] = 1.0
            node[ResourceNode.IS_IDLE] = 1.0 if element[Element.RUNS] < 0 else 0.0
            node[ResourceNode.FREE] = limit((max(element[Element.EXPECT], now) - now) * rate, 0.0, 8.0)
            node[ResourceNode.ASSIGNED] = element[Element.WAITING] * 0.25
            # Up to now: when a running task ends is not known.
            busy = element[Element.BUSY]
            if element[Element.RUNS] >= 0:
                busy -= max(element[Element.END] - now, 0)
            node[ResourceNode.BUSY] = float(busy) / max(now, 1)
            node[ResourceNode.POWER] = inst.power[w, p, inst.pe[w, p, Pe.LEVELS] - 1] * 0.001
