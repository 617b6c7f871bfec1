"""Arrays for observations that are given away without a copy, and written to again once the caller has dropped them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dispatchgym.envs.core.contract import Observation
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.placing import place

KEPT = 4  # observations handed out earlier that are kept for reuse
# An array that the caller has dropped is still referenced by its two tuples and by the call that counts.
OWN_REFERENCES = 3


class Buffers:
    """The observations that an engine on the host has written, the latest last.

    Only arrays of `fields` are given away.
    """

    def __init__(self, engine: Engine, fields: Sequence[str]) -> None:
        self.engine, self.fields = engine, tuple(fields)
        self.kept: list[tuple[Observation, Observation]] = []

    def turn(self) -> None:
        """Point the engine at arrays that no caller references; it may change them until the next call."""
        found = next((pair for pair in self.kept if self._dropped(pair[0])), None)
        if found is None:
            found = place(self.engine.blank(), self.engine.target, by_copy=True)
            # The engine holds what it prepared calls with: at first its own arrays, then those that are kept here.
            if not self.kept:
                self.engine.forget(self.engine.arrays[0])
            elif len(self.kept) == KEPT:
                self.engine.forget(self.kept.pop(0)[0])
            self.kept.append(found)
        self.engine.show(*found)

    def _dropped(self, seen: Observation) -> bool:
        return all(sys.getrefcount(getattr(seen, field)) <= OWN_REFERENCES for field in self.fields)
