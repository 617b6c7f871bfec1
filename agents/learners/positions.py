"""Which action each row of recalled choices is, and at which step each decision was made: a kernel beside the decoder's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.agents.records import Record, Workspace
from dispatchgym.agents.rollout import Rollout
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.core.placing import place_tensors
from dispatchgym.envs.core.rules import Instances, State, legal, reset, step


class Positions(NamedTuple):
    """D decisions of B copies, Q legal choices in all, in the order of `Rollout.recall`."""

    decision: Array  # (B,) int64 the copy's first decision
    row: Array  # (B,) int64 and its first row
    step: Array  # (D,) int64 steps of the episode before the decision
    action: Array  # (Q,) int64


def positions(b: int, inst: Instances, s: State, work: Workspace, r: Record, x: Positions) -> None:
    """Replay r.actions of copy `b`, and write where its decisions are."""
    reset(inst, s, b)
    choices = work.choices[b]
    d = x.decision[b]
    q = x.row[b]
    for t in range(r.length[b]):
        count = legal(inst, s, b, choices)
        if count > 1:
            x.step[d] = t
            d += 1
            for c in range(count):
                x.action[q] = choices[c]
                q += 1
        step(inst, s, b, r.actions[b, t])


def positions_of(rollout: Rollout) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """`step` (D,) and `action` (Q,) of the recorded episodes of all copies, whose states end as they were."""
    decisions, rows = rollout.record.decisions.long().cpu(), rollout.record.rows.long().cpu()
    empty = Positions(
        decision=(decisions.cumsum(0) - decisions).numpy(),
        row=(rows.cumsum(0) - rows).numpy(),
        step=np.zeros(int(decisions.sum()), np.int64),
        action=np.zeros(int(rows.sum()), np.int64),
    )
    raw, found = place_tensors(empty, rollout.target)
    rollout.run(positions, raw)
    return found.step.cpu().numpy(), found.action.cpu().numpy()
