"""What is played: every environment id, at the size of a 10x10 job shop and at the smallest size that there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium

import dispatchgym  # noqa: F401
from dispatchgym.instances.errors import InputError

PREFIX = "dispatchgym/"


class Game(NamedTuple):
    """An environment with its keywords; `policy` is the folder of the shipped policy that plays it, if there is one."""

    id: str
    words: Mapping[str, Any]
    tiny: Mapping[str, Any]
    policy: str = ""


SHOP, SMALL = {"jobs": 10, "machines": 10, "pool": 16}, {"jobs": 2, "machines": 2, "pool": 2}
GAMES = {
    "jobshop": Game("JobShop-v0", SHOP, SMALL, "jobshop"),
    "improve": Game("JobShopImprove-v0", {**SHOP, "moves": 100}, {**SMALL, "moves": 4}),
    "blocking": Game("BlockingJobShop-v0", SHOP, SMALL, "blocking-bws"),
    "no-wait": Game("BlockingJobShop-v0", {**SHOP, "no_wait": True}, {**SMALL, "no_wait": True}),
    "soc": Game(
        "SoC-v0",
        {"instance": "gym-ds3-5", "pool": 4, "horizon": 2000, "warmup": 0},
        {"instance": "gym-ds3-1", "pool": 1, "horizon": 60, "warmup": 0},
        "soc-gym-ds3-5",
    ),
    "static-dag": Game("StaticDag-v0", {"tasks": 100, "pes": 4, "pool": 16}, {"tasks": 3, "pes": 2, "pool": 2}, "static-dag"),
    "pack": Game("MemoryPack-v0", {"buffers": 100, "pool": 16}, {"buffers": 3, "pool": 2}, "memory-pack"),
    "map": Game("MemoryMap-v0", {"instructions": 100, "pool": 16}, {"instructions": 3, "pool": 2}, "memory-map"),
    "order": Game(
        "MemoryMap-v0",
        {"instructions": 100, "pool": 16, "actions": "order"},
        {"instructions": 3, "pool": 2, "actions": "order"},
        "memory-map-order",
    ),
    "model": Game("CPModel-v0", {"activities": 30, "pool": 16}, {"activities": 3, "pool": 1}),
    "flexible": Game("FlexibleJobShop-v0", SHOP, {**SMALL, "pool": 1}, "cpmodel-flexible"),
}


def make(name: str, tiny: bool, copies: int, device: str, **words: Any) -> Any:
    """The batch of a game; `name` with "-flat" at its end is the environment whose observation is one vector."""
    game = GAMES[name.removesuffix("-flat")]
    base, _, version = game.id.rpartition("-")
    id_ = f"{base}Flat-{version}" if name.endswith("-flat") else game.id
    known = dict(game.tiny if tiny else game.words)
    return gymnasium.make_vec(f"{PREFIX}{id_}", num_envs=copies, device=device, **(known | words)).unwrapped


def every_id() -> list[str]:
    """A game for every registered id. Raises InputError if an id has none."""
    found = [*GAMES, *(f"{name}-flat" for name in one_of_each_id())]
    ids = {PREFIX + game.id for game in GAMES.values()}
    ids |= {name.replace("-v", "Flat-v") for name in ids}
    missing = sorted(name for name in gymnasium.registry if name.startswith(PREFIX) and name not in ids)
    if missing:
        raise InputError(f"{', '.join(missing)}: not among the games of benchmarks/gpu/games.py")
    return found


def one_of_each_id() -> list[str]:
    """The first game of each id."""
    return list({game.id: name for name, game in reversed(GAMES.items())}.values())[::-1]
