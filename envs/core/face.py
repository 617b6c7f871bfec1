"""What the single and the vector environment share: keywords, spaces, instances, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from dispatchgym.envs.core.contract import Observation, Problem
from dispatchgym.envs.core.devices import Device, check_device
from dispatchgym.envs.core.dotted import resolve
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import choose, errors_name, is_whole, whole
from dispatchgym.instances.errors import InputError, UnexpectedKeyword
from dispatchgym.instances.extras import need
from dispatchgym.instances.json_fields import shown

GRAPH_ONLY = ("candidate_task", "candidate_resource", "tasks", "resources", "precedes", "runs_on", "runs_on_features")
MAX_COPIES = 2**26  # of a batch
LIMIT = np.float32(1e6)  # features are ratios; no instance comes near
FACE_WORDS = ("observation", "reward", "illegal", "device", "render_mode")


class Keywords(Protocol):
    """What an environment must know of a problem family: how keywords become instances, and what a state means."""

    words: tuple[str, ...]  # keywords of `problem` and `pool`
    metrics: tuple[str, ...]  # what `measure` tells beside the objective

    def problem(self, words: dict[str, Any]) -> Problem:
        """The problem with its options; takes its keywords out of `words`."""
        ...

    def pool(self, words: dict[str, Any]) -> list[Any]:
        """The instances to draw from; takes its keywords out of `words`."""
        ...

    def load(self, instance: Any) -> Any:
        """An instance from a name, a file or an object."""
        ...

    def schedule(self, instance: Any, state: Any, copy: int) -> Any:
        """The (partial) schedule in row `copy` of the state: numpy arrays, or tensors on any device."""
        ...

    def draw(self, instance: Any, schedule: Any, title: str) -> Any:
        """A matplotlib Figure of it."""
        ...

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """(len(copies), len(metrics)) of episodes that have just ended."""
        ...


class Face:
    """What the single and the vector environment share: keywords, spaces, instances, pictures."""

    family: Keywords
    flat: bool

    def _build(
        self, family: str, flat: bool, copies: int, words: dict[str, Any], render_mode: str | None, limit: int | None
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise InputError(f"render_mode={shown(render_mode)} is not one of None, rgb_array")
        if render_mode is not None:
            need("matplotlib")
        for name, value in (("num_envs", copies), ("max_episode_steps", limit)):
            if value is not None and (not is_whole(value) or value < 1):
                raise InputError(f"{name}={shown(value)} is not a positive whole number")
        if copies > MAX_COPIES:
            raise InputError(f"num_envs={shown(copies)} is more than {MAX_COPIES}")
        # `problem()` and `pool()` store options on it, so each environment has its own.
        self.family, self.flat = resolve(family)(), flat
        kind = choose(words, "observation", ("graph", "candidates"))
        reward = choose(words, "reward", ("dense", "terminal"))
        self.illegal = choose(words, "illegal", ("ignore", "raise", "substitute"))
        device: Device = words.pop("device", "cpu")
        check_device(device)  # before instances are made
        with errors_name(words.copy()):
            problem, pool = self._problem(words)
        self.render_mode = render_mode
        self.graph = kind == "graph" and not self.flat
        sizes = problem.sizes(pool)
        try:
            self.engine = Engine(
                problem,
                pool,
                copies,
                device=device,
                graph=self.graph,
                max_steps=min(2 * sizes.steps, limit or 2 * sizes.steps),
                terminal_reward=reward == "terminal",
                sizes=sizes,
            )
        except MemoryError:
            raise InputError(f"num_envs={copies}: so many copies of these instances do not fit into memory") from None
        self.fields = [f for f in Observation._fields if self.graph or f not in GRAPH_ONLY]
        self._keys = ["action_mask" if f == "mask" else f for f in self.fields]
        self._seeded = False
        self._phase = "new"
        self._name_rows()

    def _problem(self, words: dict[str, Any]) -> tuple[Problem, list[Any]]:
        """The problem and the pool that all of `words` ask for."""
        known = (*self.family.words, *FACE_WORDS)
        unknown = next((word for word in words if word not in known), None)
        if unknown is not None:
            raise UnexpectedKeyword(f"got an unexpected keyword argument {shown(unknown)}; known are {', '.join(known)}")
        given = words.get("instance", True)
        if isinstance(given, (list, tuple)) and not given:
            raise InputError(f"instance={given!r} is empty: give at least one instance")
        asked = list(words)
        problem, pool = self.family.problem(words), self.family.pool(words)
        if words:
            raise InputError(f"{next(iter(words))} means nothing beside {', '.join(x for x in asked if x not in words)}")
        return problem, pool

    def close(self, **options: Any) -> None:
        """No step or reset is possible afterwards."""
        super().close(**options)  # type: ignore[misc]
        self._phase = "closed"

    def _begin(self) -> None:
        """Called by every reset; InputError after `close`."""
        if self._phase == "closed":
            raise InputError("reset: the environment is closed")
        self._phase = "running"

    def _must_run(self, call: str) -> None:
        """InputError unless there is an episode."""
        if self._phase != "running":
            raise InputError(f"{call}: " + ("call reset first" if self._phase == "new" else "the environment is closed"))

    def _spaces(self) -> tuple[spaces.Space[Any], spaces.Discrete]:
        z, o = self.engine.sizes, self.engine.placed("observation")
        action = spaces.Discrete(z.actions)
        if self.flat:
            count = z.actions * o.candidates.shape[2] + o.context.shape[1] + z.actions
            return spaces.Box(-LIMIT, LIMIT, (count,), np.float32), action
        top = {
            "candidate_task": z.tasks,
            "candidate_resource": z.resources,
            "precedes": z.tasks,
            "runs_on": max(z.tasks, z.resources),
        }
        found: dict[str, spaces.Space[Any]] = {}
        for field, key in zip(self.fields, self._keys, strict=True):
            shape = tuple(getattr(o, field).shape[1:])
            if field == "mask":
                found[key] = spaces.Box(0, 1, shape, np.int8)
            elif field in top:
                found[key] = spaces.Box(-1, top[field] - 1, shape, np.int64)
            else:
                found[key] = spaces.Box(-LIMIT, LIMIT, shape, np.float32)
        return spaces.Dict(found), action

    def _rows(self, rows: Any) -> Any:
        """Fresh copies of observation rows: an index, a slice or an index array."""
        o = self.engine.arrays[0]
        if self.flat:
            mask = o.mask[rows]
            parts = (o.candidates[rows].reshape(*mask.shape[:-1], -1), o.context[rows], mask)
            return np.concatenate(parts, axis=-1, dtype=np.float32)
        if isinstance(rows, np.ndarray):  # an index array copies by itself
            return {key: getattr(o, f).take(rows, 0) for key, f in zip(self._keys, self.fields, strict=True)}
        return {key: np.array(getattr(o, f)[rows]) for key, f in zip(self._keys, self.fields, strict=True)}

    def _refuse(self, row: int, action: int) -> None:
        mask = self.engine.arrays[1].legal[row]
        raise InputError(f"action {action} is illegal; legal are {np.flatnonzero(mask).tolist()}")

    def _streams(self, seeds: Sequence[int | None]) -> None:
        """Seed the copies; None keeps a copy's stream, except at the first reset."""
        fresh = -1 if self._seeded else int(self.np_random.integers(2**60))  # type: ignore[attr-defined]
        self._seeded = True
        every = [s & (2**63 - 1) if s is not None else fresh if fresh < 0 else fresh + b for b, s in enumerate(seeds)]
        self.engine.seed(every)

    def _invite(self, options: dict[str, Any] | None, copies: Any) -> bool:
        """Fix the instance that reset options ask for; it is played by `copies` at this reset only."""
        options = options or {}
        unknown = [key for key in options if key not in ("instance", "reset_mask")]
        if unknown:
            raise InputError(f"unknown reset option {shown(unknown[0])}; known are instance and reset_mask")
        if options.get("instance") is None:
            return False
        found = self.family.load(options["instance"])
        known = [*self.engine.pool, *self.engine.extra_instances]
        row = next((i for i, x in enumerate(known) if x is found), len(known))
        if row == len(known):
            # Guests that may still be in play keep their rows.
            kept = self.engine.extra_instances if isinstance(copies, np.ndarray) else []
            row = len(self.engine.pool) + len(kept)
            self.engine.add_instances([*kept, found])
            self._name_rows()
        rows = np.full(self.engine.copies, -1)
        rows[copies] = row
        self.engine.assign_rows(rows)
        return True

    def _name_rows(self) -> None:
        known = [*self.engine.pool, *self.engine.extra_instances]
        self._names = np.array([x.name for x in known], dtype=object)
        self._bounds = self.engine.read("instances", "bound")[0].astype(np.int64)

    def _played(self, copy: int) -> tuple[Any, Any]:
        """Instance and partial schedule of a copy."""
        instance = [*self.engine.pool, *self.engine.extra_instances][int(self.engine.rows()[copy])]
        return instance, self.family.schedule(instance, self.engine.placed("state"), copy)

    def _picture(self, copy: int) -> npt.NDArray[np.uint8]:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        instance, schedule = self._played(copy)
        canvas = FigureCanvasAgg(self.family.draw(instance, schedule, instance.name))
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]


def seed_number(seed: Any) -> int | None:
    """A seed as Gymnasium's `reset` takes it; InputError for another one."""
    if seed is None:
        return None
    number = whole(seed, "seed")
    if number < 0:
        raise InputError(f"seed {number} is negative")
    return number
