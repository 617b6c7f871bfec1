"""Gymnasium's own vector wrappers on the compiled batch: normalised observations and rewards need another autoreset mode."""

import gymnasium
import numpy as np
from gymnasium.wrappers.vector import NormalizeObservation, NormalizeReward, RecordEpisodeStatistics

ID, WORDS = "dispatchgym:dispatchgym/JobShopFlat-v0", {"jobs": 6, "machines": 6}
envs = gymnasium.make_vec(ID, num_envs=64, autoreset_mode="NextStep", **WORDS)
envs = NormalizeReward(NormalizeObservation(RecordEpisodeStatistics(envs)), gamma=1.0)
rng = np.random.default_rng(0)
seen, infos = envs.reset(seed=0)
makespans, own, theirs = [], [], []
for _ in range(200):
    mask = infos["action_mask"]  # all zero where an episode has just ended: the action is ignored there
    seen, reward, terminated, truncated, infos = envs.step((mask * rng.random(mask.shape)).argmax(axis=1))
    over = terminated | truncated
    makespans += infos["objective"][over].tolist()
    own += infos["episode_return"][over].tolist()
    theirs += infos["episode"]["r"][over].tolist() if over.any() else []
assert np.allclose(own, theirs)
print(f"{len(makespans)} episodes of random legal play: mean makespan {np.mean(makespans):.0f}")
print(f"observations have mean {seen.mean():.2f} and deviation {seen.std():.2f}")
