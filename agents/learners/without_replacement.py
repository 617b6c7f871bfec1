"""Self-labelling on samples without replacement from an improved policy (Gumbeldore: Pirnay & Grimm, TMLR 2024).

The paper draws by stochastic beam search, which advances all beams by one step at a time. Here a compiled call plays whole
episodes, so each round draws beginnings along the trie of the episodes so far, and the policy plays on from them. No episode of
an earlier round comes again; within a round two may begin alike, and then the policy decides whether they differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from dispatchgym.agents.learners.imitation import imitate
from dispatchgym.agents.learners.positions import positions_of
from dispatchgym.agents.learners.trie import Episode, Tried
from dispatchgym.agents.learners.turn import Forward, Turn
from dispatchgym.agents.rollout import Rollout


def without_replacement(turn: Turn) -> dict[str, float]:
    """Cross-entropy on the best of all episodes of each instance."""
    best, distinct = best_of_rounds(turn)
    rollout = turn.rollout(1)
    write(rollout, best)
    graph, choices, examples = rollout.recall(encode_every=turn.config.encode_every)
    for _ in range(turn.config.reuse):
        log = imitate(turn.forward, graph, choices, examples, turn.step)
    return log | {"distinct": distinct}


def best_of_rounds(turn: Turn) -> tuple[list[Any], float]:
    """The record of the best episode of each instance, and the mean number of distinct episodes an instance."""
    settings = turn.config.without_replacement
    rounds = min(settings.rounds, turn.group)
    tried = [Tried() for _ in range(turn.instances)]
    best: list[Any] = [None] * turn.instances
    for played in range(rounds):
        each = turn.group * (played + 1) // rounds - turn.group * played // rounds
        rollout = turn.rollout(each)
        begin(rollout, tried, each, settings.shift, turn.rng)
        rollout.play(turn.policy, np.repeat(np.arange(turn.instances), each), turn.rng.integers(2**62, size=rollout.copies))
        rollout.record.prefix.zero_()  # the buffers are shared
        keep_better(best, rollout, each)
        if played + 1 < rounds:
            for copy, episode in enumerate(episodes(rollout, turn.forward, turn.config.encode_every)):
                tried[copy // each].add(episode)
    return best, float(np.mean([len(x.episodes) for x in tried]))


def begin(rollout: Rollout, tried: list[Tried], each: int, shift: float, rng: np.random.Generator) -> None:
    """Give every copy the beginning of an episode; once all of them are known, a known one."""
    actions, prefix = rollout.record.actions, rollout.record.prefix
    for copy in range(rollout.copies):
        known = tried[copy // each]
        given = known.beginning(shift, rng)
        if given is None:
            given = list(known.episodes[0].actions)
        actions[copy, : len(given)] = torch.tensor(given, dtype=actions.dtype)
        prefix[copy] = len(given)


def episodes(rollout: Rollout, forward: Forward, encode_every: int) -> list[Episode]:
    """What all copies played, with the probabilities of what they could choose."""
    graph, choices, examples = rollout.recall(encode_every=encode_every)
    with torch.no_grad():
        logp = forward(graph, choices)[0].float().cpu().tolist()
    step, action = (array.tolist() for array in positions_of(rollout))
    row = [*examples.begin.tolist(), len(logp)]
    chosen, counts = examples.chosen.tolist(), rollout.record.decisions.tolist()
    lengths, actions = rollout.record.length.tolist(), rollout.record.actions.cpu().tolist()
    objective = rollout.record.objective.tolist()
    found, first = [], 0
    for copy, count in enumerate(counts):
        own = range(first, first + count)
        found.append(
            Episode(
                actions=actions[copy][: lengths[copy]],
                step=[step[d] for d in own],
                choices=[action[row[d] : row[d + 1]] for d in own],
                logp=[logp[row[d] : row[d + 1]] for d in own],
                chosen=[chosen[d] - row[d] for d in own],
                objective=objective[copy],
            )
        )
        first += count
    return found


def keep_better(best: list[Any], rollout: Rollout, each: int) -> None:
    """`best[i]` becomes the record of the best of the `each` copies of instance i, if that is better."""
    objective = rollout.record.objective.view(-1, each)
    for i, copy in enumerate(objective.argmin(dim=1).tolist()):
        row = i * each + copy
        if best[i] is None or rollout.record.objective[row] < best[i].objective:
            best[i] = type(rollout.record)(*(tensor[row].clone() for tensor in rollout.record))


def write(rollout: Rollout, best: list[Any]) -> None:
    """The recorded episodes become those of `rollout`, one a copy; copy i plays instance i."""
    for tensor, rows in zip(rollout.record, zip(*best, strict=True), strict=True):
        tensor.copy_(torch.stack(list(rows)))
    rollout.state.row.copy_(torch.arange(rollout.copies))
