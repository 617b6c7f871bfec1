"""The batch engine: B copies of a problem stepped by compiled kernels, on CPU threads or on the GPU.

Both Gymnasium faces and the agents stand on it. A single environment is a batch of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core import episode
from dispatchgym.envs.core.contract import Array, Observation, Problem, Sizes, observation
from dispatchgym.envs.core.devices import Device, check_device
from dispatchgym.envs.core.placing import as_tensors, on_host, place
from dispatchgym.envs.core.records import Episodes, Options
from dispatchgym.envs.core.targets import Prepared, compile_entries
from dispatchgym.instances.errors import InputError

ENTRIES = (episode.turn,)
GROUPS = ("instances", "state", "episodes", "observation")  # with a "_" before, as kernels take them
PLACED = ("_launch", "_options", "_prepared", "_placed", "_tensors", *(f"_{name}" for name in GROUPS))
Group = Literal["instances", "state", "episodes", "observation"]
# Rewards are shares of an instance's lower bound or a like scale, of which one decision rarely costs more. An episode is
# truncated only after more illegal actions than it has decisions, so that is never better than to finish it.
ILLEGAL_PENALTY = -1.0
CLEARED_HERE = 2048  # bytes of a copy's candidates


class Engine:
    """B copies of `problem` over a pool of instances.

    The result of copy b depends on its own seed and actions alone, not on B and not on the device. After `reset` and
    `step`, `arrays` has the outcome as numpy arrays: the memory itself where it is on the CPU. `observation`, `episodes`, `state`
    and `instances` are NamedTuples of torch tensors of that memory on every device; torch is imported at their first use.

    Raises InputError for an unknown device, an empty pool, or one that does not fit `sizes`.
    """

    def __init__(
        self,
        problem: Problem,
        pool: Sequence[Any],
        copies: int,
        *,
        device: Device = "cpu",
        seed: int = 0,
        graph: bool = True,
        max_steps: int | None = None,
        terminal_reward: bool = False,
        sizes: Sizes | None = None,
    ) -> None:
        if not pool:
            raise InputError("an environment needs at least one instance")
        if copies < 1:
            raise InputError(f"number of copies must be at least 1, not {copies}")
        self.problem, self.copies, self.graph, self.target = problem, copies, graph, check_device(device)
        self.sizes = sizes or problem.sizes(pool)
        self.max_steps = max_steps or 2 * self.sizes.steps
        self.terminal_reward = terminal_reward
        self._place(problem.state(self.sizes, copies), _episodes(copies, self.sizes.actions), self.blank())
        self.set_pool(pool)
        self.seed(seed + np.arange(copies))

    def _place(self, state: Any, episodes: Episodes, seen: Observation) -> None:
        kernel = self.problem.kernel
        keeps = kernel.graph_keeps
        settings = (("GRAPH", self.graph), ("KEEPS_ROWS", keeps != "nothing"), ("KEEPS_ALL", keeps == "everything"))
        self._launch = compile_entries(ENTRIES, self.target, kernel=kernel, settings=settings)
        self._prepared: dict[tuple[int, int, int], Prepared] = {}  # turns, by what differs between them
        self._placed: dict[str, Any] = {}  # group -> what `place` gives for Python
        self._tensors: dict[str, Any] = {}  # the same as torch tensors, of groups that were asked for
        self._state, self._placed["state"] = place(state, self.target, by_copy=True)
        self._episodes, self._placed["episodes"] = place(episodes, self.target, by_copy=True)
        self._observation, self._placed["observation"] = place(seen, self.target, by_copy=True)
        ends = (Options(self.max_steps, autoreset, int(self.terminal_reward), ILLEGAL_PENALTY) for autoreset in (0, 1))
        self._options = tuple(place(options, self.target)[0] for options in ends)
        # Whether kernels work on numpy arrays, which `arrays` shares.
        self.on_host = isinstance(self._observation.mask, np.ndarray)

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in self.__dict__.items() if k not in PLACED}
        placed = [self._placed[group] for group in ("state", "episodes", "observation")]
        return kept | {"arrays": [type(x)(*(np.array(on_host(a)) for a in x)) for x in placed]}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        arrays = kept.pop("arrays")
        self.__dict__.update(kept)
        self._place(*arrays)
        self.add_instances(self.extra_instances)

    def set_pool(self, pool: Sequence[Any]) -> None:
        """Replace the instances; until a copy is reset, all its actions are illegal."""
        self.pool = list(pool)
        self.add_instances(())
        self._placed["state"].row[...] = 0
        self._placed["episodes"].legal[...] = 0

    def add_instances(self, extra_instances: Sequence[Any]) -> None:
        """Instances whose rows follow the pool's: never drawn, played by copies that are fixed to them."""
        packed = self.problem.pack([*self.pool, *extra_instances], self.sizes)
        self._instances, self._placed["instances"] = place(packed._replace(pool=len(self.pool)), self.target)
        self._tensors.pop("instances", None)
        self._prepared.clear()  # they hold the instances of before
        self._placed["episodes"].graph_row[...] = -1
        self.extra_instances = list(extra_instances)

    def seed(self, seeds: npt.ArrayLike) -> None:
        """Give copy b the random stream seeds[b] and start counting its episodes at 0; -1 leaves a copy as it is."""
        values = np.broadcast_to(np.asarray(seeds, np.int64), (self.copies,))
        record = self.arrays[1]
        self._fill("seed", np.where(values < 0, record.seed, values))
        self._fill("episode", np.where(values < 0, record.episode, 0))

    def assign_rows(self, rows: npt.ArrayLike) -> None:
        """From its next reset on, copy b plays instance rows[b] of the pool and the extra instances; -1 draws one of the pool."""
        values = np.broadcast_to(np.asarray(rows, np.int32), (self.copies,))
        known = len(self.pool) + len(self.extra_instances)
        if values.min() < -1 or values.max() >= known:
            raise InputError(f"instance row {values.min() if values.min() < -1 else values.max()} is not in a pool of {known}")
        self._fill("fixed", values)

    def forget(self, seen: Observation) -> None:
        """Keep nothing of `seen`, which is not shown again."""
        for key in [key for key in self._prepared if key[0] == id(seen)]:
            del self._prepared[key]

    def blank(self) -> Observation:
        """Arrays for an observation of every copy."""
        return observation(self.problem.features, self.sizes, self.copies, self.graph)

    def show(self, seen: Observation, placed: Observation) -> None:
        """From the next call on, write observations to what `place` gave (on the host); it may hold anything."""
        self._observation, self._placed["observation"] = seen, placed
        self._tensors.pop("observation", None)
        # Many rows are cleared faster here than one by one in the kernel.
        if seen.candidates[0].nbytes > CLEARED_HERE:
            seen.mask.fill(0)
            seen.candidates.fill(0.0)
        else:
            self._episodes.dirty.fill(1)
        self._episodes.graph_row.fill(-1)

    def reset(self) -> None:
        """Start a new episode in every copy."""
        self._turn(0, episode.EVERY)

    def step(self, actions: Any = None, *, autoreset: bool = True) -> None:
        """One step of every copy; `actions` (B,) integers (numpy or torch), or None if episodes.action is set already.

        With `autoreset` a copy whose episode ended shows the first observation of the next (SAME_STEP); without, it
        shows the last one until `restart`.
        """
        if actions is not None:
            self._fill("action", actions)
        self._turn(autoreset, episode.STEP)

    def step_one(self, action: int) -> None:
        """`step` of a batch of one, without autoreset."""
        if self.on_host:
            self._episodes.action[0] = action
        else:
            self._fill("action", (action,))
        self._turn(0, episode.STEP)

    def restart(self, where: npt.NDArray[np.bool_] | None = None) -> None:
        """Start a new episode in the copies of the (B,) mask `where`, or in those whose last step ended theirs."""
        if where is not None:
            self._fill("terminated", where)
            self._fill("truncated", np.zeros(self.copies, np.int8))
        self._turn(0, episode.ENDED if where is None else episode.ENDED_SHOW)

    def _turn(self, autoreset: int, what: int) -> None:
        key = (id(self._observation), autoreset, what)
        run = self._prepared.get(key)
        if run is None:
            arrays = (self._instances, self._state, self._episodes, self._observation, self._options[autoreset])
            run = self._prepared[key] = self._launch["turn"].prepare(self.copies, *arrays, what)
        run()

    @property
    def arrays(self) -> tuple[Observation, Episodes]:
        """Observation and episodes as numpy arrays: the same memory on the CPU, copies from the GPU."""
        if self.on_host:
            return self._observation, self._episodes
        o, e = self._placed["observation"], self._placed["episodes"]
        return type(o)(*map(on_host, o)), type(e)(*map(on_host, e))

    def placed(self, group: Group) -> Any:
        """A group of arrays where they are: a NamedTuple of numpy arrays on the host, of torch tensors on the GPU."""
        return self._placed[group]

    @property
    def observation(self) -> Observation:
        return self._as_tensors("observation")

    @property
    def episodes(self) -> Episodes:
        return self._as_tensors("episodes")

    @property
    def state(self) -> Any:
        return self._as_tensors("state")

    @property
    def instances(self) -> Any:
        return self._as_tensors("instances")

    def _as_tensors(self, group: str) -> Any:
        if group not in self._tensors:
            self._tensors[group] = as_tensors(self._placed[group])
        return self._tensors[group]

    def rows(self) -> npt.NDArray[np.int32]:
        """(B,) the instance each copy plays: its row in the pool, extra instances after it."""
        row: npt.NDArray[np.int32] = self.read("state", "row")[0]
        return row

    def read(self, group: Literal["state", "instances"], *names: str) -> list[npt.NDArray[Any]]:
        """Arrays of the problem as numpy: the same memory on the CPU, copies from the GPU."""
        placed = self._placed[group]
        return [on_host(getattr(placed, name)) for name in names]

    def bytes_per_copy(self) -> int:
        """Memory of one copy: state, observation and record, without the shared pool."""
        groups = (self._placed[group] for group in ("state", "observation", "episodes"))
        return sum(int(x[0].nbytes) for group in groups for x in group)

    def _fill(self, field: str, values: Any) -> None:
        """Set one array of the record; InputError unless there is one value a copy."""
        target = getattr(self._placed["episodes"], field)
        if np.shape(values) != (self.copies,):
            raise InputError(f"expected {self.copies} values, one a copy, not {np.shape(values)}")
        if self.on_host:
            target[:] = values
        else:
            import torch

            target.copy_(torch.as_tensor(values))


def _episodes(copies: int, actions: int) -> Episodes:
    single = {
        np.int64: ("seed", "episode", "action", "final_objective", "count"),
        np.int32: ("fixed", "length", "final_length", "graph_row"),
        np.float64: ("reward", "total", "final_return"),
        np.int8: ("terminated", "truncated", "illegal", "dirty"),
    }
    of_choices = {np.int8: ("legal",), np.int64: ("choices", "shown")}
    arrays: dict[str, Array] = {}
    for shape, by_type in (((copies,), single), ((copies, actions), of_choices)):
        arrays |= {name: np.zeros(shape, dtype) for dtype, names in by_type.items() for name in names}
    arrays["fixed"][:] = -1
    arrays["graph_row"][:] = -1
    return Episodes(**arrays)
