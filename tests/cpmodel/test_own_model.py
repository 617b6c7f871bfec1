"""Training for a user's own model: what is drawn is like it and has a schedule, and the run says what it was trained on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from benchmarks.cpmodel_tutorial import write_model
from dispatchgym import families, train
from dispatchgym.agents.cpmodel import AGENT, training
from dispatchgym.agents.cpmodel_own import HELD_OUT, Models
from dispatchgym.baselines.cpmodel.cpsat import cpsat
from dispatchgym.envs.cpmodel.problem import CPProblem
from dispatchgym.instances.cpmodel import catalogue, files
from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, Objective, Resource, Task
from dispatchgym.instances.cpmodel.jobs import groups, jobs_of
from dispatchgym.instances.cpmodel.model import from_model
from dispatchgym.instances.cpmodel.perturb import DEMAND, MODE, TASK, perturbed
from dispatchgym.instances.errors import InputError
from tests.cpmodel.models import random_model
from tests.cpmodel.test_model import example

TINY = ["--instances", "2", "--samples", "2", "--width", "8", "--layers", "1", "--hidden", "8", "--log-every", "1"]


def drawn(x: CPInstance, seed: int, **words: Any) -> CPInstance:
    return perturbed(x, np.random.default_rng(seed), **words)


@pytest.mark.parametrize("name", ["mk01", "la01-vdata", "j301_1", "project/n12/m3/s0"])
def test_durations_and_demands_change_within_their_spread_and_all_else_is_kept(name: str) -> None:
    x = catalogue.load(name)
    changed = 0
    for seed in range(10):
        y = drawn(x, seed, whole=True)
        assert (y.lags, y.links, y.objective, y.resources, y.origin) == (x.lags, x.links, x.objective, x.resources, None)
        for old, new in zip(x.tasks, y.tasks, strict=True):
            assert dataclasses.replace(new, modes=old.modes) == old
            for m, (a, b) in enumerate(zip(old.modes, new.modes, strict=True)):
                assert (a.duration == 0) == (b.duration == 0)
                assert abs(b.duration - a.duration) <= a.duration * ((1 + TASK) * (1 + MODE) - 1) + 1
                assert [r for r, _ in a.demands] == [r for r, _ in b.demands]
                assert all(abs(u - v) <= u * DEMAND + 1 for (_, u), (_, v) in zip(a.demands, b.demands, strict=True))
                changed += a.duration != b.duration
                same = [n for n, other in enumerate(old.modes) if other.duration == a.duration]
                assert all(new.modes[n].duration == new.modes[m].duration for n in same)
    assert changed > 5 * x.modes
    assert drawn(x, 3) == drawn(x, 3) != drawn(x, 4)


def test_a_part_of_a_shop_is_some_of_its_jobs() -> None:
    x = from_model(example(), "example")
    sizes = set()
    for seed in range(40):
        y = drawn(x, seed)
        names = [task.name for task in y.tasks]
        jobs = sorted({name[:5] for name in names})
        assert names == [f"{job} op {k}" for job in jobs for k in range(3)]
        assert y.lags == tuple(Lag(3 * n + k, 3 * n + k + 1) for n in range(len(jobs)) for k in range(2))
        sizes.add(len(jobs))
    assert sizes == {2, 3}


def test_a_part_of_a_project_is_what_comes_first_or_last() -> None:
    x = catalogue.load("j301_1")
    number = {task.name: j for j, task in enumerate(x.tasks)}
    first = last = 0
    for seed in range(40):
        kept = {number[task.name] for task in drawn(x, seed).tasks}
        assert len(kept) >= len(x.tasks) // 2
        if len(kept) < len(x.tasks):
            begins = all(lag.first in kept for lag in x.lags if lag.second in kept)
            ends = all(lag.second in kept for lag in x.lags if lag.first in kept)
            assert begins or ends
            first, last = first + begins, last + ends
    assert first > 3
    assert last > 3


def test_weights_of_tasks_go_with_them_and_an_objective_of_nothing_is_refused() -> None:
    tasks = tuple(Task(f"t{j}", (Mode(j + 1, ((0, 1),)),), due=5) for j in range(4))
    x = CPInstance(tasks, (Resource("m", 1),), objective=Objective(makespan=0, tardiness=(0, 0, 0, 9)), name="one")
    found = set()
    for seed in range(20):
        try:
            y = drawn(x, seed)
        except InputError as error:
            found.add(str(error))
            continue
        assert y.objective.tardiness == tuple(9 if task.name == "t3" else 0 for task in y.tasks)
    assert found == {"objective: nothing is minimised"}


def test_every_model_that_is_drawn_has_a_schedule() -> None:
    tight = 0
    for seed in range(16):
        x = random_model(seed, 6, tight=True)
        models = Models(CPProblem("serial"), x)
        if not models.reached([x])[0]:
            continue
        pool = models.draw(np.random.default_rng(seed), 8)
        assert pool == models.draw(np.random.default_rng(seed), 8)
        assert len(pool[0].tasks) == len(x.tasks)
        assert all(cpsat(y, seconds=20.0).status == "optimal" for y in pool)
        tight += models.tight and any(y is not x for y in pool)
    assert tight > 4


def test_a_training_holds_out_the_model_and_others_like_it() -> None:
    own = training(None, "mk01")
    held_out = own.fixed() if own.fixed else []
    assert held_out[0] == catalogue.load("mk01")
    assert len(held_out) == HELD_OUT + 1
    seen = own.draw(np.random.default_rng([0, 0]), 64, ("",), 0.0)
    assert not set(seen) & set(held_out)
    assert (own.options["preset"], training(None, "j301_1").options["preset"]) == ("flexible", "projects")
    assert AGENT.of_run(own.options).problem == own.problem


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "no.pb"], "--from no.pb: no such file"),
        (["--from", "mk01", "--preset", "projects"], "--preset projects: the model of --from says itself how it is played"),
        (["--from", "mk01", "--sizes", "3x3"], "--sizes 3x3: perturbations of mk01 have no sizes"),
        (["--from", "nothing.json"], "--from nothing.json: the model minimises nothing"),
        (["--from", "tight.json"], "--from tight.json: 256 random episodes found no schedule"),
        (["--from", "j301_1", "--initial", "nowhere"], "nowhere/policy.safetensors: no such checkpoint"),
    ],
)
def test_what_cannot_be_trained_for_is_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    machine = (Resource("machine", 1),)
    one = (Task("a", (Mode(2, ((0, 1),)),)),)
    files.write(CPInstance(one, machine, objective=Objective(makespan=0), name="nothing"), "nothing.json")
    late = tuple(Task(name, (Mode(2, ((0, 1),)),), deadline=3) for name in "ab")
    files.write(CPInstance(late, machine, name="tight"), "tight.json")
    with pytest.raises(SystemExit, match="2"):
        train.main(["cpmodel", *words, "--steps", "1", "--out", "run"])
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}")
    assert error.count("\n") == 1
    assert not Path("run").exists()


def test_a_run_says_what_it_was_trained_on_and_solves_the_model_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    example().export_to_file("my shop.pbtxt")
    assert train.train(train._parse(["cpmodel", "--from", "my shop.pbtxt", "--steps", "2", *TINY])) == Path("runs/my-shop-ppo-0")
    said = capsys.readouterr().out.splitlines()
    first = next(n for n, line in enumerate(said) if line.startswith("method "))
    assert [line[:24].strip() for line in said[first + 4 : first + 7]] == ["policy, greedy", "policy, best of 32", "cpsat:10s"]
    table = [int(line[24:36]) for line in said[first + 1 : first + 7]]
    assert min(table) == table[-1] == 6  # the optimum
    assert said[-1].startswith("  python evaluate.py cpmodel --instances 'my shop.pbtxt' --methods mwkr lft mopnr policy@runs/my")
    about = json.loads(Path("runs/my-shop-ppo-0/policy.json").read_text())
    assert about["trained_on"] == "perturbations of my shop.pbtxt"
    assert (about["config"]["from"], about["config"]["preset"]) == ("my shop.pbtxt", "flexible")
    # The settings give the run back; a run does not go on with another model.
    train.main(["--config", "runs/my-shop-ppo-0/settings.toml", "--resume", "--steps", "3"])
    for other in (["--from", "mk01"], []):
        with pytest.raises(SystemExit, match="2"):
            train.main(["cpmodel", *other, *TINY, "--steps", "4", "--out", "runs/my-shop-ppo-0", "--resume"])
        assert "was trained with other settings (from 'my shop.pbtxt', model " in capsys.readouterr().err


def test_a_training_may_start_from_the_shipped_policy(tmp_path: Path) -> None:
    words = ["--from", "sd1/j3/m2/s0", "--instances", "2", "--samples", "2", "--rate", "1e-9"]
    train.main(["cpmodel", *words, "--initial", "shipped", "--steps", "1", "--out", str(tmp_path / "run")])
    family, x = families.load("cpmodel"), catalogue.load("mk02")
    assert family.solve(x, f"policy@{tmp_path / 'run'}").objective == family.solve(x, "policy").objective


def test_an_environment_is_made_of_a_model_object() -> None:
    env = gymnasium.make("dispatchgym/CPModel-v0", instance=example())
    _, info = env.reset()
    while info["action_mask"].any():
        info = env.step(int(info["action_mask"].argmax()))[4]
    assert info["objective"] >= 6
    with pytest.raises(InputError, match="instance 7 is not a name, a file, a CPInstance or a CpModel"):
        gymnasium.make("dispatchgym/CPModel-v0", instance=7)


def test_jobs_of_a_model_are_told_by_its_lags() -> None:
    x = from_model(example(), "example")
    assert groups(x) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    project = catalogue.load("j301_1")
    assert len(jobs_of(project)[0]) == 1
    assert groups(project) == list(range(len(project.tasks)))
    assert groups(catalogue.load("mk01")) == [task.group for task in catalogue.load("mk01").tasks]


def test_the_benchmark_trains_for_the_model_of_the_tutorial(tmp_path: Path) -> None:
    x = catalogue.load(str(write_model(tmp_path)))
    jobs, _ = jobs_of(x)
    assert (len(jobs), len(x.resources), x.origin is not None) == (20, 8, True)
    assert all(4 <= len(job) <= 8 for job in jobs)
