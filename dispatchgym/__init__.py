"""dispatchgym: reinforcement-learning environments for combinatorial scheduling.

Importing this package registers the environments with Gymnasium and loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium

from dispatchgym import families

if TYPE_CHECKING:
    from dispatchgym.comparison import compare
    from dispatchgym.own.registry import register_method

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "register", "register_method"]

# The environments end episodes of illegal actions themselves; this only bounds what wrappers may count.
MAX_EPISODE_STEPS = 10_000_000


def register(family: families.Family) -> None:
    """Register every id of a family with Gymnasium, and its Flat form whose observation is one Box."""
    for name, keywords in family.ids.items():
        base, _, version = name.rpartition("-")
        for full, flat in ((name, False), (f"{base}Flat-{version}", True)):
            gymnasium.register(
                id=f"dispatchgym/{full}",
                entry_point="dispatchgym.envs.core.env:DispatchEnv",
                vector_entry_point="dispatchgym.envs.core.tensors:make_batch",
                max_episode_steps=MAX_EPISODE_STEPS,
                kwargs={"family": keywords, "flat": flat},
            )


for _name in families.NAMES:
    register(families.load(_name))


def __getattr__(name: str) -> Any:
    """`compare` and `register_method`, whose modules are imported at their first use."""
    if name == "compare":
        from dispatchgym.comparison import compare

        return compare
    if name == "register_method":
        from dispatchgym.own.registry import register_method

        return register_method
    raise AttributeError(f"module 'dispatchgym' has no attribute {name!r}")
