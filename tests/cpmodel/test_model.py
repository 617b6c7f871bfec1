"""CP-SAT models read into the normal form: exactly, or refused in one line."""

from __future__ import annotations

import dataclasses
import pickle
import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from ortools.sat.python import cp_model

from dispatchgym import families
from dispatchgym.__main__ import main
from dispatchgym.baselines.cpmodel.cpsat import cpsat
from dispatchgym.baselines.cpmodel.cpsat_model import normal_model
from dispatchgym.envs.cpmodel.check import check, check_model
from dispatchgym.evaluate import Options, evaluate
from dispatchgym.instances.cpmodel import catalogue, files
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Lag, Mode, Objective
from dispatchgym.instances.cpmodel.mode_links import links_of
from dispatchgym.instances.cpmodel.model import from_model
from dispatchgym.instances.cpmodel.solution import values_of
from dispatchgym.instances.errors import InputError, InvalidSchedule
from tests.cpmodel.problems import random_instance
from tests.cpmodel.spoil import SPOILERS, shop, spoiled
from tests.cpmodel.styles import styled_model

# Options (duration, machine) of every operation of every job: the data of OR-Tools' example of a flexible job shop.
JOBS = [
    [[(3, 0), (1, 1), (5, 2)], [(2, 0), (4, 1), (6, 2)], [(2, 0), (3, 1), (1, 2)]],
    [[(2, 0), (3, 1), (4, 2)], [(1, 0), (5, 1), (4, 2)], [(2, 0), (1, 1), (4, 2)]],
    [[(2, 0), (1, 1), (4, 2)], [(2, 0), (3, 1), (4, 2)], [(3, 0), (1, 1), (5, 2)]],
]


def example() -> cp_model.CpModel:
    """A flexible job shop as OR-Tools' own example states it: main intervals of variable size, linked to optional ones."""
    model = cp_model.CpModel()
    horizon = sum(max(d for d, _ in operation) for job in JOBS for operation in job)
    machines: list[list[Any]] = [[], [], []]
    ends = []
    for j, job in enumerate(JOBS):
        previous = None
        for k, operation in enumerate(job):
            times = [d for d, _ in operation]
            start = model.new_int_var(0, horizon, f"start {j} {k}")
            duration = model.new_int_var(min(times), max(times), f"duration {j} {k}")
            end = model.new_int_var(0, horizon, f"end {j} {k}")
            model.new_interval_var(start, duration, end, f"job {j} op {k}")
            if previous is not None:
                model.add(start >= previous)
            previous = end
            presences = []
            for d, machine in operation:
                presence = model.new_bool_var("")
                own_start, own_end = model.new_int_var(0, horizon, ""), model.new_int_var(0, horizon, "")
                machines[machine].append(model.new_optional_interval_var(own_start, d, own_end, presence, ""))
                model.add(start == own_start).only_enforce_if(presence)
                model.add(duration == d).only_enforce_if(presence)
                model.add(end == own_end).only_enforce_if(presence)
                presences.append(presence)
            model.add_exactly_one(presences)
        ends.append(previous)
    for intervals in machines:
        model.add_no_overlap(intervals)
    makespan = model.new_int_var(0, horizon, "makespan")
    model.add_max_equality(makespan, ends)
    model.minimize(makespan)
    return model


def normal(instance: CPInstance) -> CPInstance:
    """The instance without its model."""
    return dataclasses.replace(instance, origin=None)


def test_the_official_example_is_the_flexible_shop_of_its_data() -> None:
    instance = from_model(example(), "example")
    assert [task.name for task in instance.tasks] == [f"job {j} op {k}" for j in range(3) for k in range(3)]
    assert [[(m.duration, m.demands) for m in task.modes] for task in instance.tasks] == [
        [(d, ((machine, 1),)) for d, machine in operation] for job in JOBS for operation in job
    ]
    assert instance.lags == tuple(Lag(3 * j + k, 3 * j + k + 1) for j in range(3) for k in range(2))
    assert instance.objective == Objective()
    assert [(r.capacity, r.breaks) for r in instance.resources] == [(1, ())] * 3
    assert all(task.deadline is None for task in instance.tasks)
    found = cpsat(instance)
    assert (found.status, found.objective, found.notes["model"]) == ("optimal", 6, "original")
    assert check(instance, found.schedule) == 6
    assert cpsat(normal(instance)).objective == 6


def test_models_come_from_files_too(tmp_path: Path) -> None:
    instance = from_model(example())
    for name in ("shop.pb", "shop.pbtxt", "shop.txt"):
        assert example().export_to_file(str(tmp_path / name))
        found = catalogue.load(str(tmp_path / name))
        assert found == instance
        assert found.origin is not None
        assert found.name == "shop"
    (tmp_path / "bad.pb").write_bytes(b"no model")
    (tmp_path / "bad.pbtxt").write_text("variables { nme: 3 }")
    (tmp_path / "empty.pb").write_bytes(b"")
    for name in ("bad.pb", "bad.pbtxt", "empty.pb"):
        with pytest.raises(InputError, match=rf"^{name}: [^\n]+$"):
            files.read(tmp_path / name)


MODEL = """variables { name: "s" domain: 0 domain: 10 }
constraints { interval {
  start { vars: 0 coeffs: 1 } size { offset: 3 } end { vars: 0 coeffs: 1 offset: 3 } } }
objective { vars: 0 coeffs: 1 }
"""


def test_a_model_in_a_file_can_be_evaluated_and_its_schedule_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pbtxt").write_text(MODEL)
    (row,) = evaluate(families.load("cpmodel"), Options(("mine.pbtxt",), ("spt",), Path("out")))
    assert (row["objective"], row["referee"]) == (0, "ok")
    assert main(["check", "out"]) == 0
    (tmp_path / "mine.pbtxt").write_text(MODEL.replace("offset: 3", "offset: 4"))
    assert main(["check", "out"]) == 2  # it is another model now


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("coeffs: 1 } size", "coeffs: 1 coeffs: 2 } size", "an expression has 1 variables and 2 coefficients"),
        ("objective { vars: 0", "objective { vars: 0 vars: 0", "an expression has 2 variables and 1 coefficients"),
        ("objective", "constraints { linear { vars: 0 coeffs: 1 domain: 5 } } objective", "its domain is no list of intervals"),
        ("domain: 10", "domain: 10 domain: 12", "has no value in its domain"),
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.pbtxt").write_text(MODEL.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"^bad.pbtxt[^\n]*{said}"):
        files.read(tmp_path / "bad.pbtxt")


def test_too_many_combinations_of_modes_are_refused_in_time() -> None:
    count = 1500
    with pytest.raises(InputError, match="combinations of modes of two tasks that restrict each other"):
        links_of([count] * 2, ((0, a, 1, a) for a in range(count)), ())


def test_a_changed_copy_has_no_model() -> None:
    instance = from_model(example())
    again = pickle.loads(pickle.dumps(instance))
    assert again == instance
    assert again.origin == instance.origin
    task = dataclasses.replace(instance.tasks[0], modes=(Mode(9),))
    assert dataclasses.replace(instance, tasks=(task, *instance.tasks[1:])).origin is None
    assert dataclasses.replace(instance, name="other").origin is not None


def read_and_agree(instance: CPInstance, model: cp_model.CpModel, seed: int) -> None:
    """The instance, what is read of its model, and the model itself have one optimum, and the referee says so."""
    try:
        read = from_model(model)
    except InputError as error:
        if "there is no schedule" not in str(error):
            raise
        assert cpsat(instance).status == "infeasible"
        return
    expected = cpsat(instance, seconds=30.0, seed=seed)
    assert expected.status in ("optimal", "infeasible")
    for one in (normal(read), read):
        found = cpsat(one, seconds=30.0, seed=seed)
        assert (found.status, found.objective) == (expected.status, expected.objective)
        if found.schedule is not None:
            assert check(one, found.schedule) == found.objective
            # A schedule of the normal form, told in the model's variables, is worth the same there.
            assert check(read, found.schedule) == found.objective


@pytest.mark.parametrize("seed", range(100))
def test_models_in_many_styles_have_the_optimum_of_what_is_read(seed: int) -> None:
    instance = random_instance(seed)
    read_and_agree(instance, styled_model(instance, seed), seed)


@pytest.mark.parametrize("seed", range(1000, 1040))
def test_the_model_of_an_instance_is_read_as_the_instance(seed: int) -> None:
    instance = random_instance(seed)
    read_and_agree(instance, normal_model(instance).model, seed)


def test_hundreds_of_models_have_the_optimum_of_what_is_read() -> None:
    for seed in range(2000, 2300):
        instance = random_instance(seed)
        read_and_agree(instance, styled_model(instance, seed), seed)


@pytest.mark.parametrize("seed", range(40))
def test_the_referee_and_cpsat_agree_on_values_of_variables(seed: int) -> None:
    instance, rng = random_instance(seed, deadlines=False), Random(seed)
    model = styled_model(instance, seed)
    read = from_model(model)
    assert read.origin is not None
    found = cpsat(read, seconds=20.0).schedule
    if found is None:
        return
    duration = [task.modes[m].duration for task, m in zip(read.tasks, found.mode.tolist(), strict=True)]
    best = values_of(read.origin, found.start.tolist(), found.mode.tolist(), duration)
    for _ in range(8):
        values = list(best)
        for v in rng.sample(range(len(values)), rng.randint(0, 2)):
            values[v] += rng.choice((-1, 1))
        fixed = model.clone()
        for v, value in enumerate(values):
            fixed.add(fixed.get_int_var_from_proto_index(v) == value)
        solver = cp_model.CpSolver()
        if solver.solve(fixed) == cp_model.OPTIMAL:
            assert check_model(read.origin.model, values) == round(solver.objective_value)
        else:
            with pytest.raises(InvalidSchedule, match=r"is broken|is not in its domain"):
                check_model(read.origin.model, values)


@pytest.mark.parametrize("name", SPOILERS)
def test_what_is_not_understood_is_refused_in_one_line(name: str) -> None:
    from_model(shop(Random(0))[0])  # is understood without
    for seed in range(6):
        with pytest.raises(InputError) as caught:
            from_model(spoiled(name, seed), "mine")
        message = str(caught.value)
        assert message.isprintable()
        assert re.match(r"mine( constraint \d+ \(\w+(, '[^']*')?\)| variable \d+ \([^)]*\)|: \w+)", message), message


def test_a_refusal_says_what_is_understood() -> None:
    with pytest.raises(InputError) as caught:
        from_model(spoiled("circuit", 0), "mine.pbtxt")
    assert str(caught.value).startswith(
        "mine.pbtxt constraint 9 (circuit): constraints of the kind circuit are not understood; understood are interval, "
    )


def test_calendars_tardiness_and_costs_are_read() -> None:
    model = cp_model.CpModel()
    start = model.new_int_var(2, 50, "start")
    fast = model.new_bool_var("fast")
    shift = model.new_fixed_size_interval_var(10, 5, "night")
    intervals = [
        model.new_optional_fixed_size_interval_var(start, 3, fast, "fast"),
        model.new_optional_fixed_size_interval_var(start, 6, fast.negated(), "slow"),
    ]
    end = model.new_int_var(0, 50, "end")
    model.add(end == start + 6 - 3 * fast)
    model.add_no_overlap([*intervals, shift])
    late = model.new_int_var(0, 50, "late")
    model.add_max_equality(late, [0, end - 7])
    model.minimize(5 * late + 8 * fast + 1)
    instance = from_model(model)
    assert [(m.duration, m.demands, m.cost) for m in instance.tasks[0].modes] == [(3, ((0, 1),), 8), (6, ((0, 1),), 0)]
    assert instance.resources[0].breaks == ((10, 15, 1),)
    assert (instance.tasks[0].release, instance.tasks[0].due) == (2, 7)
    assert instance.objective == Objective(makespan=0, tardiness=(5,), cost=1, offset=1)
    assert check(instance, CPSchedule(np.array([2]), np.array([1]))) == 5 * 1 + 1
    with pytest.raises(InvalidSchedule, match=r"model constraint \d+ \(no_overlap\) is broken: intervals \[8, 11\), \[10, 15\)"):
        check(instance, CPSchedule(np.array([8]), np.array([0])))


@pytest.mark.parametrize("seed", range(60))
def test_the_model_and_the_statement_allow_the_same_schedules(seed: int) -> None:
    instance, rng = random_instance(seed, deadlines=False), Random(seed)
    read = from_model(styled_model(instance, seed))
    if len(read.tasks) > len(instance.tasks):  # a milestone may be late in the statement alone
        return
    best = cpsat(read).schedule
    if best is None:
        return
    for _ in range(10):
        start = [max(0, s + rng.choice((-1, 0, 0, 0, 1))) for s in best.start.tolist()]
        mode = [
            rng.randrange(len(t.modes)) if rng.random() < 0.1 else m for t, m in zip(read.tasks, best.mode.tolist(), strict=True)
        ]
        ends = [s + t.modes[m].duration for s, t, m in zip(start, read.tasks, mode, strict=True)]
        verdicts = []
        for one in (normal(read), read):
            try:
                verdicts.append(check(one, CPSchedule(np.array(start), np.array(mode))))
            except InvalidSchedule:
                verdicts.append(None)
        assert verdicts[0] == verdicts[1] or max(ends) > read.horizon


def test_a_task_whose_end_is_fixed_is_a_task_of_one_start() -> None:
    model = cp_model.CpModel()
    start, end = model.new_int_var(0, 20, "start"), model.new_int_var(0, 20, "end")
    fixed = model.new_interval_var(start, 4, end, "fixed")
    model.add(end == 9)
    other = model.new_int_var(0, 20, "other")
    model.add(other >= start)
    model.add_no_overlap([fixed, model.new_fixed_size_interval_var(other, 3, "free")])
    model.minimize(other)
    instance = from_model(model)
    assert [(task.release, task.deadline) for task in instance.tasks] == [(5, 9), (0, None)]
    assert cpsat(instance).objective == cpsat(normal(instance)).objective == 9
