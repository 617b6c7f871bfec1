"""Cross-entropy towards recorded actions: the update of self-labelling and of imitation."""

from __future__ import annotations

from typing import Any

from dispatchgym.agents.learners.turn import Forward, Stepper
from dispatchgym.agents.network import Choices, Graph
from dispatchgym.agents.ranks import ALONE, Ranks


def imitate(
    forward: Forward, graph: Graph, choices: Choices, examples: Any, step: Stepper, ranks: Ranks = ALONE
) -> dict[str, float]:
    """One cross-entropy step towards the recorded actions; none where nothing was to decide."""
    if not ranks.total(len(examples.chosen)):
        return {}
    logp, _ = forward(graph, choices)
    loss = -ranks.mean(logp[examples.chosen])
    norm = step(loss)
    return {**ranks.sums(loss=float(loss.detach())), "gradient": norm}
