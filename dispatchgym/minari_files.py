"""Episodes as a Minari data set (extra `minari`), which offline learners of other libraries read."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.names import printable
from dispatchgym.plays import Play, Stage

ID = re.compile(r"(?![-_\w]/[^/]*$)(?:[-_\w]+/)*[-_\w]+-v[0-9]{1,9}")  # Minari takes no group of one letter
LONGEST = 200  # characters of a name, as folders are called so
ROOT = "MINARI_DATASETS_PATH"


def check(name: str, root: Path | None) -> None:
    """InputError unless a data set of this name can be written. `root` is the folder of all data sets; None = Minari's own."""
    need("minari", "h5py", what="--minari")
    if ID.fullmatch(name) is None:
        raise InputError(f"--minari {shown(name)}: is not of the form NAME-v0 or GROUP/NAME-v0 (GROUP: at least two letters)")
    if len(name) > LONGEST:
        raise InputError(f"--minari {shown(name)}: more than {LONGEST} characters")
    with _writing(root), _rooted(root):
        from minari.storage.datasets_root_dir import get_dataset_path

        if get_dataset_path(name).exists():
            raise InputError(f"--minari {name}: {get_dataset_path(name)} exists")


def write(
    name: str, root: Path | None, stage: Stage, names: Sequence[str], methods: Sequence[str], plays: Sequence[Play]
) -> Path:
    """Write the episodes and return their folder. `names` are what the environment loads the stage's instances by."""
    import minari
    from minari.data_collector import EpisodeBuffer
    from minari.storage.datasets_root_dir import get_dataset_path

    buffers = [
        EpisodeBuffer(
            id=number,
            seed=play.seed,
            options={"instance": play.instance, "method": play.method},
            observations=_columns(play.observations),
            actions=play.actions,
            rewards=play.rewards,
            terminations=play.terminations,
            truncations=play.truncations,
            infos={},
        )
        for number, play in enumerate(plays)
    ]
    told = f"{stage.card.title}: {', '.join(methods)}; {len(names)} instances, {names[0]}" + " and others" * (len(names) > 1)
    with _writing(root), _rooted(root), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no author and no address are given
        data = minari.create_dataset_from_buffers(
            name,
            buffers,
            env=_spec(stage, names),
            observation_space=stage.env.observation_space,
            action_space=stage.env.action_space,
            algorithm_name=", ".join(methods),
            description=told,
            requirements=["dispatchgym"],
            data_format="hdf5",
        )
        _describe_episodes(data, plays)
        return Path(get_dataset_path(name))


def summary(plays: Sequence[Play], card: Any) -> list[str]:
    """A line for each method: episodes, steps, the mean return and objective."""
    lines = []
    for method in dict.fromkeys(play.method for play in plays):
        own = [play for play in plays if play.method == method]
        steps, mean = sum(len(play.actions) for play in own), fmean(sum(play.rewards) for play in own)
        objective = card.objective_text(round(fmean(play.objective for play in own)))
        lines.append(f"{method}: {len(own)} episodes, {steps} steps, mean return {mean:.4f}, mean {card.objective} {objective}")
    return lines


def _describe_episodes(data: Any, plays: Sequence[Play]) -> None:
    """Which instance, method and objective each episode has, as its metadata."""
    words = [{"instance": play.instance, "method": play.method, "objective": play.objective} for play in plays]
    data.storage.update_episode_metadata(words)


def _columns(observations: Sequence[Any]) -> Any:
    """Observations of T + 1 steps as arrays with a first axis of that length."""
    if isinstance(observations[0], dict):
        return {key: np.stack([seen[key] for seen in observations]) for key in observations[0]}
    return np.stack(observations)


def _spec(stage: Stage, names: Sequence[str]) -> EnvSpec:
    """The environment with names in the place of instances, so that the data set can say how it is made again."""
    spec = copy.deepcopy(gymnasium.spec(stage.id))  # the registry gives its own
    spec.kwargs = {**spec.kwargs, **stage.words, "instance": list(names)}
    return spec


@contextlib.contextmanager
def _writing(root: Path | None) -> Iterator[None]:
    """What the system refuses is an InputError that names the folder."""
    where = f"--out {printable(root, 200)}" if root is not None else "Minari's folder"
    try:
        yield
    except OSError as error:
        raise InputError(f"{where}: cannot be written: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: is no name of a folder") from error


@contextlib.contextmanager
def _rooted(root: Path | None) -> Iterator[None]:
    """Minari looks for data sets in `root`, unless that is None."""
    before = os.environ.get(ROOT)
    if root is not None:
        os.environ[ROOT] = os.path.realpath(root)  # also of a link to itself
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(ROOT, None)
        else:
            os.environ[ROOT] = before
