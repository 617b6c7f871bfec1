"""Proximal policy optimisation (Schulman et al. 2017), relative to the group or with a critic."""

from __future__ import annotations

import torch

from dispatchgym.agents.advantages import extremes, generalised, relative
from dispatchgym.agents.learners.turn import Shuffled, Turn, minibatches, order_of, play_samples


def ppo(turn: Turn) -> dict[str, float]:
    """PPO epochs on a batch; returns what to log."""
    config, group, forward, ranks = turn.config.ppo, turn.group, turn.forward, turn.ranks
    rollout = play_samples(turn)
    order = order_of(turn)
    objective = rollout.record.objective.clone()
    keep = config.keep if 0 < config.keep < group else group
    advantage = relative(objective, group)
    copies = None
    if keep < group:
        copies = extremes(objective, group, keep)
        advantage = advantage[copies]
    graph, choices, examples = rollout.recall(copies, turn.config.encode_every)
    decisions = rollout.record.decisions[: len(advantage)].long()
    chosen = examples.chosen
    if not ranks.total(len(chosen)):
        return {}
    with torch.no_grad():
        before, value = forward(graph, choices)
        before = before[chosen].float()
        value = value.float()
    returns = value
    if config.advantage == "gae":
        adv, returns = generalised(examples.reward, value, decisions, config.gae_decay)
    else:
        adv = advantage[examples.copy]
    adv = ranks.standardised(adv)
    spread = ranks.variance(returns) if config.advantage == "gae" else 1.0

    log: dict[str, float] = {}
    graphs = Shuffled(graph.tasks.shape[0] // examples.tasks, config.minibatches, order, ranks)
    for _ in range(config.epochs):
        for nodes, part, rows, at in minibatches(graph, choices, chosen, examples.graph_of, graphs):
            decisions_here = ranks.total(len(rows))
            if not decisions_here:
                continue
            logp, guess = forward(nodes, part)
            new = logp[at]
            ratio = (new - before[rows]).exp()
            gain = ranks.mean(torch.min(ratio * adv[rows], ratio.clamp(1 - config.clip, 1 + config.clip) * adv[rows]))
            entropy = -(logp.exp() * logp).sum() / decisions_here
            loss = -gain - config.entropy * entropy
            if config.advantage == "gae":
                error = (guess - returns[rows]) ** 2
                if config.value_clip > 0:
                    near = value[rows] + (guess - value[rows]).clamp(-config.value_clip, config.value_clip)
                    error = torch.max(error, (near - returns[rows]) ** 2)
                loss = loss + config.value_weight * ranks.mean(error) / (spread + 1e-6)
                log |= ranks.sums(value_error=float(ranks.mean(error.detach())))
            norm = turn.step(loss)
            shift = float(ranks.mean((ratio - 1 - (new - before[rows])).detach()))
            log |= ranks.sums(loss=float(loss.detach()), entropy=float(entropy.detach()), kl=shift) | {"gradient": norm}
        if 0 < config.kl_stop < log.get("kl", 0.0):
            break
    return log
