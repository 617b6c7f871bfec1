"""The learners: each plays a batch of episodes and turns it into weight updates. A learner is a file and a line of `LEARNERS`."""

from __future__ import annotations

from dispatchgym.agents.learners.imitation import imitate
from dispatchgym.agents.learners.positions import positions_of
from dispatchgym.agents.learners.ppo import ppo
from dispatchgym.agents.learners.preference import preference
from dispatchgym.agents.learners.reinforce import reinforce
from dispatchgym.agents.learners.self_label import self_label
from dispatchgym.agents.learners.turn import Forward, Learner, Turn, accelerated, minibatches, optimiser_step
from dispatchgym.agents.learners.without_replacement import without_replacement

LEARNERS = {
    "ppo": Learner(ppo),
    "self-label": Learner(self_label),
    "preference": Learner(preference),
    "reinforce": Learner(reinforce),
    "without-replacement": Learner(without_replacement, warm=positions_of),
}

__all__ = ["LEARNERS", "Forward", "Learner", "Turn", "accelerated", "imitate", "minibatches", "optimiser_step"]
