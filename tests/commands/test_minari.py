"""Episodes as a Minari data set: it is read back, its environment is made again, and it says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from dispatchgym import families
from dispatchgym.__main__ import main
from dispatchgym.instances.errors import InputError
from dispatchgym.plays import Stage

minari = pytest.importorskip("minari")
pytest.importorskip("h5py")

WORDS = ["export", "ft06", "uniform/j4/m3/s0", "--minari", "jobshop/two-v0", "--methods", "random", "spt"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("minari")
    assert main([*WORDS, "--episodes", "2", "--seed", "5", "--out", str(root)]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(root))
        yield minari.load_dataset("jobshop/two-v0")


def test_the_environment_is_made_again_and_plays_the_episodes(data: Any) -> None:
    env = data.recover_environment()
    assert env.observation_space == data.observation_space
    assert len(data) == 8
    choices = int(env.action_space.n)
    metadata = list(data.storage.get_episode_metadata(range(len(data))))
    assert [one["method"] for one in metadata] == ["random"] * 4 + ["spt"] * 4
    for episode, told in zip(data.iterate_episodes(), metadata, strict=True):
        seen, info = env.reset(options={"instance": told["instance"]})
        for t, action in enumerate(episode.actions):
            assert seen[-choices:][action] == 1  # the mask, which offline learners find in the observation
            np.testing.assert_array_equal(seen, episode.observations[t])
            seen, reward, terminated, _, info = env.step(int(action))
            assert (reward, terminated) == (episode.rewards[t], episode.terminations[t])
        assert terminated
        assert info["objective"] == told["objective"]
        np.testing.assert_array_equal(seen, episode.observations[-1])


def test_an_experts_actions_build_its_schedule(data: Any) -> None:
    card = families.load("jobshop")
    metadata = data.storage.get_episode_metadata(range(len(data)))
    best = min(one["objective"] for one in metadata if one["instance"] == "ft06")
    expert = card.solve(card.load("ft06"), "tabu:moves=2000", seed=0)
    (play,) = Stage(card, [card.load("ft06")]).plays(["tabu:moves=2000"], 1, 0)
    assert play.objective == expert.objective == 55 < best


def test_what_cannot_be_written_is_one_line(data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(data.storage.data_path.parents[2])
    for words, said in (
        ([*WORDS, "--out", root], "two-v0 exists"),
        (["export", "ft06", "--minari", "two"], "is not of the form NAME-v0"),
        (["export", "ft06", "--minari", "t/two-v0"], "at least two letters"),
        (["export", "ft06", "--minari", "two-v0", "--episodes", "0", "--out", str(tmp_path)], "--episodes 0"),
        (["export", "ft06", "--minari", "two-v0", "--seed", str(2**64), "--out", str(tmp_path)], "--seed 18446744073709551616"),
        (["export", "ft", "--minari", "two-v0", "--episodes", "999999", "--out", str(tmp_path)], "more than 1000000"),
        (["export", "ft06", "--minari", "x" * 250 + "-v0", "--out", str(tmp_path)], "more than 200 characters"),
        (["export", "ft06", "--minari", "two-v" + "9" * 99, "--out", str(tmp_path)], "is not of the form"),
        (["export", "ft06", "--minari", "two-v0", "--out", str(__file__)], "cannot be written"),
        (["export", "ft06", "--minari", "two-v0", "--out", "/proc/none"], "cannot be written"),
        (["export", "ft06", "--minari", "two-v0", "--out", "a\0b"], "no name of a folder"),
        (["export", "ft06", "--minari", "two-v0", "--methods", "spd", "--out", str(tmp_path)], "spd"),
        (["export", "--minari", "two-v0", "--out", str(tmp_path)], "which instances"),
        (["export", "ft06", "--minari", "two-v0", "--to", "csv", "--out", str(tmp_path)], "--to means nothing"),
    ):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1, error
        assert said in error
    assert not list(tmp_path.iterdir())


def test_instances_of_two_environments_are_refused() -> None:
    card = families.load("blocking")
    with pytest.raises(InputError, match="different environments"):
        Stage(card, [card.load("la01/bws"), card.load("la01/bns")])


def test_the_data_set_names_instances_that_gymnasium_can_make(data: Any) -> None:
    spec = json.loads(data.spec.env_spec.to_json())
    assert spec["kwargs"]["instance"] == ["ft06", "uniform/j4/m3/s0"]
    assert isinstance(gymnasium.make(data.spec.env_spec), gymnasium.Env)


def test_an_export_leaves_the_registered_environment_as_it_was(data: Any) -> None:
    assert "instance" not in gymnasium.spec("dispatchgym/JobShopFlat-v0").kwargs
