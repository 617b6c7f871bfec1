"""Models of other libraries as methods: whatever has `predict(observation, action_masks=...)` plays the family's environment.

`policy@sb3:model.zip` is a model that Stable-Baselines3 or sb3-contrib has saved, `policy@my.py:model` what a function of the
user's returns. Loading such a file runs code that is in it: use only files that you trust.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from dispatchgym.baselines.method import SB3, Method
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need
from dispatchgym.instances.files import read_bytes
from dispatchgym.instances.names import printable
from dispatchgym.own import registry

if TYPE_CHECKING:
    from dispatchgym.family import Family

ALGORITHMS = ("MaskablePPO", "PPO", "A2C", "DQN", "QRDQN", "TRPO")
MAX_MODEL = 2**30  # bytes


def validate(family: Family, method: Method) -> str:
    """A hash of the model's file; InputError unless the model can be loaded and the options make an environment of `family`."""
    _check_options(family, method)
    assert method.target is not None
    _load.cache_clear()  # the file may have changed since this process looked at it
    load(family, method)
    if method.target.startswith(SB3):
        return hashlib.sha256(_model_bytes(method)).hexdigest()[:16]
    return registry.source_hash(registry.function_of(method))


def load(family: Family, method: Method) -> Player:
    """The model of `method`, ready to play; read once a process."""
    return Player(family, _load(method), method)


@dataclass(frozen=True)
class Player:
    """A model and how it plays: greedily, or the best of `method.samples` sampled episodes."""

    family: Family
    model: Any
    method: Method

    @property
    def notes(self) -> dict[str, Any]:
        return {"model": type(self.model).__name__, "samples": self.method.samples or 1}

    def prepare(self, instance: Any) -> gymnasium.Env[Any, Any]:
        """The environment of the instance, after one call of the model.

        Raises InputError when the model was made for other observations or actions.
        """
        env = self._environment(instance)
        observation, info = env.reset()
        choose(self.model, observation, info, deterministic=True)
        return env

    def play(self, env: gymnasium.Env[Any, Any], seed: int) -> Any:
        """The schedule of the best episode in an environment that `prepare` has made; InputError if no episode ends."""
        best: tuple[int, Any] | None = None
        if self.method.samples:
            _seed(seed)
        for _ in range(self.method.samples or 1):
            objective = play(env, self.model, deterministic=self.method.samples is None)
            if objective is not None and (best is None or objective < best[0]):
                best = objective, env.unwrapped.schedule()  # type: ignore[attr-defined]
        env.close()
        if best is None:
            raise InputError("the model did not finish a schedule: its episode was cut at the limit of steps")
        return best[1]

    def _environment(self, instance: Any) -> gymnasium.Env[Any, Any]:
        words = {name: _value(text) for name, text in self.method.options.items() if name != "algorithm"}
        seen = getattr(self.model, "observation_space", None)
        flat = isinstance(seen, gymnasium.spaces.Box)
        if "observation" not in words and not flat:
            words["observation"] = "graph" if isinstance(seen, gymnasium.spaces.Dict) and "tasks" in seen.spaces else "candidates"
        base, _, version = next(iter(self.family.ids)).rpartition("-")
        name = f"dispatchgym:dispatchgym/{base}{'Flat' if flat else ''}-{version}"
        env = gymnasium.make(name, instance=instance, **words)
        for what, ours, theirs in (
            ("observations", env.observation_space, seen),
            ("actions", env.action_space, getattr(self.model, "action_space", None)),
        ):
            if theirs is not None and _shape(theirs) != _shape(ours):
                raise InputError(f"the model was made for {what} {_shape(theirs)}, {instance.name} has {_shape(ours)}")
        return env


def play(env: gymnasium.Env[Any, Any], model: Any, *, deterministic: bool = True) -> int | None:
    """Play one episode of `env` by `model.predict`; the objective, or None if the episode was cut.

    The mask of legal actions is given to a model whose `predict` has a parameter `action_masks`.
    """
    observation, info = env.reset()
    while True:
        action = choose(model, observation, info, deterministic=deterministic)
        observation, _, terminated, truncated, info = env.step(action)
        if terminated:
            return int(info["objective"])
        if truncated:
            return None


def choose(model: Any, observation: Any, info: dict[str, Any], *, deterministic: bool) -> int:
    """What `model.predict` chooses; it is given what it has parameters for."""
    takes = inspect.signature(model.predict).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    words = {"action_masks": info["action_mask"].astype(bool), "deterministic": deterministic}
    answer = model.predict(observation, **{name: value for name, value in words.items() if open_ended or name in takes})
    return int(np.asarray(answer[0] if isinstance(answer, tuple) else answer).reshape(()))


def _check_options(family: Family, method: Method) -> None:
    assert method.target is not None
    method.accept(samples=True, keys=tuple(method.options), target=True)
    if family.agent is not None and method.samples and (refused := family.trained_by().greedy_only):
        raise method.error(refused)
    if "algorithm" in method.options:
        if not method.target.startswith(SB3):
            raise method.error("option algorithm= is only for policy@sb3:")
        method.choice("algorithm", ALGORITHMS)
    if "instance" in method.options:
        raise method.error("option instance= is what evaluate gives")


@lru_cache(maxsize=4)
def _load(method: Method) -> Any:
    assert method.target is not None
    if method.target.startswith(SB3):
        model = _load_sb3(method)
    else:
        make = registry.function_of(method)
        try:
            model = make()
        except Exception as error:  # the user's code
            raise method.error(f"{method.target}() raised {type(error).__name__}: {printable(str(error), 120)}") from None
    if not callable(getattr(model, "predict", None)):
        raise method.error(f"{type(model).__name__} has no predict(observation, action_masks)")
    return model


def _load_sb3(method: Method) -> Any:
    _model_bytes(method)  # InputError unless it is a file
    path = str(method.target).removeprefix(SB3)
    need("stable_baselines3", "sb3_contrib")
    import stable_baselines3
    from stable_baselines3.common.save_util import load_from_zip_file

    try:
        saved, _, _ = load_from_zip_file(path, device="cpu")
        name = method.options.get("algorithm") or _algorithm(saved or {})
        home: Any = stable_baselines3
        if not hasattr(home, name):
            import sb3_contrib as home
        return getattr(home, name).load(path, device="cpu")
    except Exception as error:  # a file of any content
        reason = " ".join(str(error).split())[:120]
        raise method.error(f"{path} is no model that can be loaded ({type(error).__name__}: {reason})") from None


def _algorithm(saved: dict[str, Any]) -> str:
    """The class that saved a model, by its policy and settings; option `algorithm=` says it otherwise."""
    policy = getattr(saved.get("policy_class"), "__module__", "")
    if "maskable" in policy:
        return "MaskablePPO"
    if "qrdqn" in policy:
        return "QRDQN"
    if ".dqn" in policy:
        return "DQN"
    return "PPO" if "clip_range" in saved else "TRPO" if "target_kl" in saved else "A2C"


def _model_bytes(method: Method) -> bytes:
    return read_bytes(Path(str(method.target).removeprefix(SB3)), MAX_MODEL)


def _seed(seed: int) -> None:
    np.random.seed(seed)
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(seed)


def _value(text: str) -> Any:
    """A keyword of the environment from text: a number or truth value as JSON has it, else the text."""
    try:
        return json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return text


def _shape(space: gymnasium.Space[Any]) -> Any:
    if isinstance(space, gymnasium.spaces.Dict):
        return {name: _shape(part) for name, part in space.spaces.items()}
    return int(space.n) if isinstance(space, gymnasium.spaces.Discrete) else space.shape
