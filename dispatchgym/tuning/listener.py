"""What Ray Tune tells of a search. Importing this module needs Ray Tune."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ray.tune import Callback

if TYPE_CHECKING:
    from dispatchgym.tuning.search import Told, Trial


class Listener(Callback):
    """Notes the gaps of `found` as they come."""

    def __init__(self, found: Sequence[Trial], told: Told) -> None:
        self.found, self.told = found, told

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune keeps a copy of its callbacks on disk, which is never read here."""
        return {}

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
        mine = self.found[result["number"]]
        mine.gaps[result["rung"]] = result["gaps"]
        self.told.reached(mine)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.told.ended()
