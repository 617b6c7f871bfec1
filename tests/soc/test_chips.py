"""Random chips: named ones stay what they are, are never trained on, and their loads are loads."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from dispatchgym import families
from dispatchgym.agents import soc_draws
from dispatchgym.agents.soc import streams
from dispatchgym.families.chips import StreamOptions, expand_streams
from dispatchgym.family import digest
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc import chips as soc_chips
from dispatchgym.instances.soc.instance import Application, Cluster, Platform

ALL = [name for members in soc_chips.SETS.values() for name in members]


def test_named_chips_differ_and_have_something_to_decide() -> None:
    loads = [soc_catalogue.workload(name) for name in ALL]
    assert len({digest(x.platform) for x in loads}) == len(ALL) == 48
    for load in loads:
        assert 2 <= load.platform.pes <= 24
        assert all(len(a.tasks) >= 3 for a in load.applications)
        assert load.cap <= 12
        assert 500 < load.horizon <= 500_000
    assert {load.when_full for load in loads} == {"redraw", "retry", "queue"}
    assert {load.noise > 0 for load in loads} == {load.prefill for load in loads} == {True, False}
    unlike = [len(x.platform.clusters) for x in loads]
    assert min(unlike) <= 2 < 6 <= max(unlike)


def test_a_name_is_always_the_same_chip() -> None:
    """The digest is that of the machine on which the set was made; numpy's generators promise it everywhere."""
    first = soc_chips.named(7)
    assert digest(first.platform) == digest(soc_chips.named(7).platform) == "79f945ce882b7601"
    assert digest(soc_catalogue.workload("chips/n7")) == digest(first)


@pytest.mark.parametrize("load", [0.5, 1.5])
def test_the_load_in_a_name_scales_the_arrivals_of_the_same_chip(load: float) -> None:
    for number in range(6):
        plain, changed = soc_catalogue.workload(f"chips/n{number}"), soc_catalogue.workload(f"chips/n{number}/load{load}")
        assert digest(plain.platform) == digest(changed.platform)
        full = soc_chips.gap_at_full_load(plain.platform, plain.applications, np.array(plain.probabilities))
        assert changed.scale == pytest.approx(max(full / load, 1.0))


def test_the_gap_at_full_load_is_that_of_the_best_way_to_share() -> None:
    chain = Application(("a", "b"), np.array([[0, 1, 0]]))
    one = np.ones(1)
    alone = Platform((Cluster("x", 2, {"a": 40, "b": 60}),), np.ones((1, 1)))
    assert soc_chips.gap_at_full_load(alone, [chain], one) == pytest.approx(50.0)
    # b runs on y alone for 20; of a, a share s runs on x for 60 s, the rest on y for 30 (1 - s): equal at s = 5/9
    shared = Platform((Cluster("x", 1, {"a": 60}), Cluster("y", 1, {"a": 30, "b": 20})), np.ones((2, 2)))
    assert soc_chips.gap_at_full_load(shared, [chain], one) == pytest.approx(60 * 5 / 9, rel=0.05)


def test_names_of_chips_are_expanded_and_read_like_other_names() -> None:
    assert expand_streams(["chips"], StreamOptions(streams=1)) == [f"chips/n{i}/s0" for i in range(24)]
    assert soc_catalogue.expand(["chips-test"])[0] == "chips/n24/s0"
    assert expand_streams(["chips/load0.5/n3,queue=4/s2"]) == ["chips/n3/load0.5,queue=4/s2"]
    assert soc_catalogue.preset_of("chips/n3/load0.5,queue=4/s2") == "chips"
    found = soc_catalogue.load_stream("chips/n3,noise=0.2/s1")
    assert found.workload.noise == 0.2
    assert found.name == "chips/n3,noise=0.2/s1"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chips/n3/load0", "load 0 is not above 0"),
        ("chips/n3/load99", "at most 10"),
        ("chips/load1", "'n' is missing"),
        ("chips/q3", "'q3' is not one of nN, loadN"),
        ("chip", "did you mean 'chips'"),
    ],
)
def test_a_bad_name_says_what_is_wrong(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        soc_catalogue.load_stream(name)


def test_an_environment_of_a_set_of_chips_plays_them_all() -> None:
    env = gymnasium.make("dispatchgym:dispatchgym/SoC-v0", instance="chips", pool=1)
    names = {env.reset(seed=seed)[1]["instance"] for seed in range(40)}
    assert len(names) > 10


def test_batches_hold_other_chips_than_those_with_names() -> None:
    training = streams("chips")
    named = {digest(soc_catalogue.workload(name).platform) for name in (*ALL, "wireless-16-six", "wireless-8-six")}
    drawn = [training.draw(np.random.default_rng(seed), 16, ("",), 0.0) for seed in range(3)]
    for pool in drawn:
        assert len({digest(x.workload.platform) for x in pool}) > 8
        assert not named & {digest(x.workload.platform) for x in pool}
    again = training.draw(np.random.default_rng(0), 16, ("",), 0.0)
    assert [digest(x) for x in again] == [digest(x) for x in drawn[0]]


def test_weights_are_chosen_by_the_fixed_set() -> None:
    assert streams("gym-ds3-5").fixed is None
    fixed = streams("chips").fixed
    assert fixed is not None
    assert [digest(x) for x in fixed()] == [digest(x) for x in fixed()]
    assert [x.workload.name for x in fixed()] == list(soc_chips.SETS["chips"])
    for x in fixed():
        tasks = np.dot(x.workload.probabilities, [len(a.tasks) for a in x.workload.applications])
        jobs = (x.workload.horizon - soc_draws.chain_of(x.workload)) / x.workload.scale
        assert tasks * jobs < 4 * soc_draws.VALIDATED_DECISIONS + 40 * tasks


def test_static_graphs_for_training_are_of_all_kinds() -> None:
    family = families.load("static-dag").trained_by().training()
    assert family.fixed is not None
    assert len(family.fixed()) == 48
    drawn = family.draw(np.random.default_rng(1), 40, ("20x4",), 0.25)
    heads = [20 - len(set(x.edges[:, 1].tolist())) for x in drawn]
    assert heads.count(1) < 40  # a tree has many
    assert all(x.duration.shape == (20, 4) for x in drawn)
