"""Tuning without a cluster: the declared space, what tuning and test have in common, and how a trial goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatchgym import __main__, families, settings_file, train
from dispatchgym.agents.bounds import validate
from dispatchgym.agents.learners import LEARNERS
from dispatchgym.agents.settings import PPOConfig, TrainConfig
from dispatchgym.agents.trainer import training_sizes
from dispatchgym.family import digest
from dispatchgym.instances import extras
from dispatchgym.instances.errors import InputError
from dispatchgym.tuning import results, space, trial
from dispatchgym.tuning.budget import RUNGS
from dispatchgym.tuning.search import Trial
from dispatchgym.tuning.space import Choices, Range

TINY = TrainConfig(steps=9, sizes=("3x3",), instances=2, samples=2, width=8, layers=1, hidden=8, ppo=PPOConfig(keep=2))


def read(folder: Path, text: str) -> Any:
    path = folder / "space.toml"
    path.write_text(text)
    return space.read(path)


def test_a_space_is_ranges_and_choices_of_any_setting_that_can_be_tuned(tmp_path: Path) -> None:
    text = (
        "rate = { low = 1e-4, high = 1, log = true }\nkeep = { low = 2, high = 4 }\nwidth = [8, 16]\nschedule = ['rex', 'wsd']\n"
    )
    found = read(tmp_path, text + "encode-every = [0]\nentropy = [0, 0.5]")
    assert found["rate"] == Range(1e-4, 1.0, log=True, whole=False)
    assert found["keep"] == Range(2, 4, log=False, whole=True)
    assert found["entropy"] == Choices((0.0, 0.5))
    rng = np.random.default_rng(0)
    drawn = [{name: one.draw(rng) for name, one in found.items()} for _ in range(300)]
    assert {x["keep"] for x in drawn} == {2, 3, 4}
    assert all(1e-4 <= x["rate"] <= 1.0 for x in drawn)
    assert 0.4 < np.mean([x["rate"] < 1e-2 for x in drawn]) < 0.6
    config = space.applied(TINY, drawn[0])
    assert (config.ppo.keep, config.width, config.rate) == (drawn[0]["keep"], drawn[0]["width"], drawn[0]["rate"])
    assert config.preference == TINY.preference


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wdith = [8]", "'wdith' is not a setting that can be tuned; did you mean 'width'?"),
        ("seed = [1, 2]", "'seed' is not a setting that can be tuned"),
        ("width = []", "width: 0 choices; there must be 1 to 1000"),
        ("width = [8.5]", "width: 8.5 is not a whole number"),
        ("width = [true]", "width: True is not a whole number"),
        ("width = 8", "width: 8 is neither a list of choices nor"),
        ("rate = { low = 1e-3 }", "rate: .* is neither a list of choices nor"),
        ("rate = { low = 1e-2, high = 1e-3 }", "rate: low 0.01 must be below high 0.001"),
        ("rate = { low = 1e-2, high = 11 }", "rate: 11.0 is not above 0 and at most 10"),
        ("entropy = { low = 0, high = 1, log = true }", "entropy: low 0.0 must be below high 1.0 and above 0"),
        ("schedule = ['steep']", "schedule: --schedule must be wsd or linear"),
        ("learner = { low = 1, high = 2 }", "learner: a range is of numbers"),
        ("", "names no setting"),
        ("rate =", "is not TOML"),
    ],
)
def test_what_is_no_space_is_one_line_that_names_file_and_setting(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"space.toml: {said}") as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("learner", LEARNERS)
def test_settings_are_distinct_can_be_trained_with_and_begin_with_those_given(learner: str) -> None:
    config = dataclasses.replace(TINY, learner=learner, rate=0.0123)
    found = space.draw(space.standard(learner), config, 12, seed=3)
    assert found == space.draw(space.standard(learner), config, 12, seed=3)
    assert len(found) == 12
    assert all(found.count(x) == 1 for x in found)
    assert space.applied(config, found[0]) == config
    for settings in found:
        validate(space.applied(config, settings))


def test_a_space_that_gives_nothing_else_is_refused_or_small() -> None:
    assert len(space.draw({"width": Choices((8, 16))}, TINY, 9, seed=0)) == 2
    with pytest.raises(InputError, match="no other settings of the space can be trained with: --attention 3 does not divide"):
        space.draw({"attention": Choices((3,))}, TINY, 4, seed=0)


@pytest.mark.parametrize("name", ["jobshop", "static-dag"])
def test_tuning_and_test_have_no_instance_in_common(name: str) -> None:
    training = families.load(name).trained_by().training()
    sizes = training_sizes(training, ("3x3",) if training.default_sizes else ())
    pools = []
    for part in ("tuning", "test"):
        fixed = trial.judged(training, sizes, part).fixed  # type: ignore[arg-type]
        assert fixed is not None
        pools.append({digest(x) for x in fixed()})
    assert min(map(len, pools)) > 1
    assert not pools[0] & pools[1]


def plan_in(out: Path) -> trial.Plan:
    return trial.Plan("jobshop", {}, TINY, out)


def test_a_trial_goes_on_from_its_files_and_ends_as_an_unbroken_one(tmp_path: Path, monkeypatch: Any) -> None:
    settings = {"rate": 0.01, "keep": 2}
    whole = list(trial.rungs(plan_in(tmp_path / "whole"), 1, settings, (0, 1)))
    assert [rung for rung, _ in whole] == list(RUNGS)
    broken = trial.rungs(plan_in(tmp_path / "broken"), 1, settings, (0, 1))
    assert next(broken) == whole[0]
    assert list(trial.rungs(plan_in(tmp_path / "broken"), 1, settings, (0, 1))) == whole
    monkeypatch.setattr(trial, "trained", lambda *words: pytest.fail("trained again"))
    assert list(trial.rungs(plan_in(tmp_path / "whole"), 1, settings, (0, 1))) == whole


def test_what_is_written_is_read_by_programs_and_by_train(tmp_path: Path) -> None:
    trials = [
        Trial(0, {"rate": 0.1, "keep": 2}, {1: [9.0, 8.0]}),
        Trial(1, {"rate": 0.2, "keep": 4}, {1: [5.0], 3: [4.0], 9: [3.0]}),
    ]
    found = results.Found(trials, [0], trials[1], trials, [1000, 1001], [[9.0, 9.5], [3.5, 4.0]])
    results.write(tmp_path, plan_in(tmp_path), None, found)
    table = results.RESULT.read(results.json_fields.parse((tmp_path / "tune.json").read_text(), "tune.json"))
    assert table["best"] == 1
    assert [x["state"] for x in table["tuning"]["trials"]] == ["stopped", "finished"]
    words = settings_file.expand(["--config", str(tmp_path / "best.toml"), "--out", "x"], train._keys, negative=True)
    request = train._parse(words)
    assert request.config == space.applied(TINY, trials[1].settings)
    assert "trial 1      3.75 ± 0.35 % above bound, 2 seeds: --rate 0.2 --keep 4" in results.table(found)


def test_a_folder_with_another_tuning_is_refused(tmp_path: Path) -> None:
    text = results.planned(plan_in(tmp_path), [{"rate": 0.1}], resume=False)
    (tmp_path / results.PLAN).write_text(text)
    assert results.planned(plan_in(tmp_path), [{"rate": 0.1}], resume=True) == text
    with pytest.raises(InputError, match="holds a tuning already: add --resume"):
        results.planned(plan_in(tmp_path), [{"rate": 0.1}], resume=False)
    with pytest.raises(InputError, match="has another family, space, number of trials or setting"):
        results.planned(plan_in(tmp_path), [{"rate": 0.2}], resume=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--trials", "0"], "error: --trials must be between 1 and 10000, not 0"),
        (["--learner", "sb3"], "error: --learner sb3 cannot be tuned: it does not go on from a checkpoint"),
        (["--space", "none.toml"], "error: none.toml: no such file"),
        (["--seed", str(2**63 - 1)], f"error: --seed {2**63 - 1}: leaves no seeds for the test"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(words: list[str], said: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(extras, "installed", lambda package: True)
    assert __main__.main(["tune", "jobshop", "--out", str(tmp_path / "out"), *words]) == 2
    assert capsys.readouterr().err.splitlines() == [said]


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(extras, "installed", lambda package: package != "ray")
    assert __main__.main(["tune", "jobshop", "--out", str(tmp_path / "out")]) == 2
    said = "error: dispatchgym tune needs the extra 'cluster': pip install 'dispatchgym[cluster]'"
    assert capsys.readouterr().err.splitlines() == [said]
