"""dispatchgym: reinforcement-learning environments for combinatorial scheduling.

Importing this package registers the environments with Gymnasium and loads nothing heavy.
"""

import gymnasium

__version__ = "0.1.0"

# The environments end episodes of illegal actions themselves; this only bounds what wrappers may count.
MAX_EPISODE_STEPS = 10_000_000

for _name, _class in {
    "JobShop-v0": "jobshop.env:JobShop",
    "JobShopFlat-v0": "jobshop.env:JobShopFlat",
    "BlockingJobShop-v0": "blocking.env:Blocking",
    "BlockingJobShopFlat-v0": "blocking.env:BlockingFlat",
    "SoC-v0": "soc.env:Soc",
    "SoCFlat-v0": "soc.env:SocFlat",
    "StaticDag-v0": "soc.env:StaticDag",
    "StaticDagFlat-v0": "soc.env:StaticDagFlat",
    "MemoryPack-v0": "memory.env:MemoryPack",
    "MemoryPackFlat-v0": "memory.env:MemoryPackFlat",
    "MemoryMap-v0": "memory.env:MemoryMap",
    "MemoryMapFlat-v0": "memory.env:MemoryMapFlat",
}.items():
    gymnasium.register(
        id=f"dispatchgym/{_name}",
        entry_point=f"dispatchgym.envs.{_class}Env",
        vector_entry_point=f"dispatchgym.envs.{_class}VectorEnv",
        max_episode_steps=MAX_EPISODE_STEPS,
    )
