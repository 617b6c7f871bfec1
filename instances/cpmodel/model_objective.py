"""Reading a model, fourth part: its objective.

Ends and starts of tasks are completion times, literals and durations are costs of modes. A milestone that the objective has and
that nothing waits for is the makespan, a tardiness or the maximum lateness, if it is after the tasks that these are of; else
its completion time counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from dispatchgym.instances.cpmodel.instance import Lag
from dispatchgym.instances.cpmodel.model_links import Links
from dispatchgym.instances.errors import InputError


class Weights:
    """The parts of the objective, by task as the model's reading numbers them."""

    def __init__(self, links: Links, head: list[int]) -> None:
        """`head` (N,): no task can start earlier. Raises InputError for what is no regular objective."""
        self.links = links
        self.tasks = links.tasks
        self.facts = links.facts
        self.drafts = self.tasks.drafts
        self.head = head
        self.makespan = self.lateness = self.offset = 0
        self.completion = [0] * len(self.drafts)
        self.tardiness = [0] * len(self.drafts)
        self.cost = [[0] * len(draft.durations) for draft in self.drafts]
        if self.facts.model.objective is None:
            raise InputError(f"{self.facts.source}: the model has no objective")
        objective = self.facts.reduced(self.facts.model.objective)
        self.offset = objective.constant
        for v, c in objective.terms:
            self._add(v, c)
        for i, weight in enumerate(self.completion):
            if weight < 0:
                raise InputError(
                    f"{self.facts.source}: objective: a later end of task {i} ({self.drafts[i].name}) would be better, "
                    "which is not understood"
                )
        self._simplify()
        self._shift_costs()

    def _add(self, v: int, c: int) -> None:
        """Add c times a variable."""
        facts, tasks = self.facts, self.tasks
        if facts.fixed(v):
            self.offset += c * facts.low[v]
        elif v in self.links.sums:
            self.offset += c * self.links.sums[v].constant
            for w, each in self.links.sums[v].terms:
                self._add(w, c * each)
        elif v in tasks.points:
            point = tasks.points[v]
            if point.modes is not None:
                raise facts.variable_error(v, "is in the objective, and a mode leaves it free")
            self.completion[point.task] += c
            self.offset += c * point.constant
            if not point.end:
                for m, duration in enumerate(self.drafts[point.task].durations):
                    self.cost[point.task][m] -= c * duration
        elif v in tasks.sizes:
            for m, duration in enumerate(self.drafts[tasks.sizes[v]].durations):
                self.cost[tasks.sizes[v]][m] += c * duration
        elif v in tasks.literals:
            task, modes = tasks.literals[v]
            for m in modes:
                self.cost[task][m] += c
        else:  # nothing else restricts it
            self.offset += c * (facts.low[v] if c > 0 else facts.high[v])

    def _simplify(self) -> None:
        incoming: dict[int, list[Lag]] = {}
        waited_for = {lag.first for lag in self.links.lags}
        for lag in self.links.lags:
            incoming.setdefault(lag.second, []).append(lag)
        last = [
            i
            for i, draft in enumerate(self.drafts)
            if draft.milestone and self.completion[i] and i not in waited_for and _plain(incoming.get(i, []))
        ]
        for i in last:
            self._as_tardiness(i, incoming[i])
        for i in last:
            if not self.drafts[i].removed:
                self._as_lateness(i, incoming[i])
        for i in last:
            if not self.drafts[i].removed:
                self._as_makespan(i, incoming[i])

    def _remove(self, i: int) -> int:
        """Take milestone i away and give its weight; its shift is in the offset already."""
        weight, self.completion[i] = self.completion[i], 0
        self.drafts[i].removed = True
        return weight

    def _as_tardiness(self, i: int, lags: list[Lag]) -> None:
        """max(release, end + least) = release + max(0, end - (release - least)), or end + least if that is always larger."""
        if len(lags) != 1 or lags[0].second_mode is not None:
            return
        (lag,), milestone = lags, self.drafts[i]
        task = self.drafts[lag.first]
        due = milestone.release - lag.least
        late = due > self.head[lag.first] + min(task.durations)
        if late and task.due not in (None, due):
            return
        if milestone.deadline is not None:
            limit = milestone.deadline - lag.least
            task.deadline = limit if task.deadline is None else min(task.deadline, limit)
        weight = self._remove(i)
        if late:
            task.due = due
            self.tardiness[lag.first] += weight
            self.offset += weight * milestone.release
        else:
            self.completion[lag.first] += weight
            self.offset += weight * lag.least

    def _as_lateness(self, i: int, lags: list[Lag]) -> None:
        """The largest of end + least as the maximum lateness, if there is no due date yet and one of them passes the release."""
        milestone = self.drafts[i]
        if self.lateness or any(draft.due is not None for draft in self.drafts) or milestone.deadline is not None:
            return
        if len({lag.least for lag in lags}) == 1 or len({lag.first for lag in lags}) < len(lags):
            return
        if not any(self.head[x.first] + min(self.drafts[x.first].durations) + x.least >= milestone.release for x in lags):
            return
        self.lateness = self._remove(i)
        for lag in lags:
            self.drafts[lag.first].due = -lag.least

    def _as_makespan(self, i: int, lags: list[Lag]) -> None:
        """The largest end, if every other task ends no later than one of those that the milestone is after."""
        milestone = self.drafts[i]
        least = {lag.least for lag in lags}
        if len(least) != 1 or self._uncovered(i, {lag.first for lag in lags}):
            return
        (add,) = least
        if not any(self.head[x.first] + min(self.drafts[x.first].durations) + add >= milestone.release for x in lags):
            return
        if milestone.deadline is not None:
            for draft in self.drafts:
                if not draft.removed and draft is not milestone:
                    limit = milestone.deadline - add
                    draft.deadline = limit if draft.deadline is None else min(draft.deadline, limit)
        weight = self._remove(i)
        self.makespan += weight
        self.offset += weight * add

    def _uncovered(self, milestone: int, last: set[int]) -> bool:
        """Whether some other task than the milestone may end after all of `last`."""
        before: dict[int, list[int]] = {}
        for lag in self.links.lags:
            longer = min(self.drafts[lag.second].durations) if lag.kind == "FS" else 0
            if _plain([lag]) and lag.least + longer >= 0:
                before.setdefault(lag.second, []).append(lag.first)
        covered, waiting = set(last), list(last)
        while waiting:
            for j in before.get(waiting.pop(), []):
                if j not in covered:
                    covered.add(j)
                    waiting.append(j)
        ends = {i for i, d in enumerate(self.drafts) if not d.removed and not (d.milestone and self._last_of_all(i))}
        return not ends - {milestone} <= covered

    def _last_of_all(self, i: int) -> bool:
        """Whether a milestone is after tasks alone and no later than they end, as another makespan is."""
        lags = [lag for lag in self.links.lags if lag.second == i]
        early = self.drafts[i].release <= 0
        return bool(lags) and early and _plain(lags) and all(lag.least <= 0 for lag in lags)

    def _shift_costs(self) -> None:
        """Let the smallest cost of each task be 0."""
        for i, costs in enumerate(self.cost):
            least = min(costs)
            self.offset += least
            self.cost[i] = [cost - least for cost in costs]


def _plain(lags: Iterable[Lag]) -> bool:
    """Whether there are lags, all from ends and without conditions."""
    lags = list(lags)
    return bool(lags) and all(lag.kind[0] == "F" and lag.first_mode is None and lag.second_mode is None for lag in lags)
