"""What the engine keeps of each copy, and its options, as kernels see them."""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.contract import Array


class Episodes(NamedTuple):
    """The engine's own record of each copy."""

    seed: Array  # (B,) int64 stream of random numbers
    fixed: Array  # (B,) int32 instance to use at every reset, -1 = draw one
    episode: Array  # (B,) int64 episodes begun since the seed was set
    action: Array  # (B,) int64 input of the next step
    reward: Array  # (B,) float64 of the last step
    terminated: Array  # (B,) int8
    truncated: Array  # (B,) int8
    illegal: Array  # (B,) int8 the last action was refused and nothing changed
    length: Array  # (B,) int32 steps in this episode
    total: Array  # (B,) float64 gains of this episode's legal moves so far
    final_objective: Array  # (B,) int64 of the last episode that ended, -1 = truncated
    final_return: Array  # (B,) float64 its gains, without penalties
    final_length: Array  # (B,) int32
    legal: Array  # (B, K) int8 the engine's own copy of the mask; users may overwrite the one in the observation
    choices: Array  # (B, K) int64 the same as a list
    count: Array  # (B,) int64 its length
    shown: Array  # (B, K) int64 scratch: the list of the observation before
    dirty: Array  # (B,) int8 mask and candidates may hold anything, not what the last observation wrote
    graph_row: Array  # (B,) int32 the instance whose graph the observation holds, -1 = anything


class Options(NamedTuple):
    max_steps: int
    autoreset: int
    terminal_reward: int
    penalty: float
