"""Ties of MET and STF as DS3's released program breaks them, for comparisons with published figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dispatchgym.baselines.soc.streams.methods import check_method, solve
from dispatchgym.baselines.soc.streams.player_kernel import ds3_tie
from dispatchgym.envs.soc.check import check_stream
from dispatchgym.envs.soc.layout import Element, Live
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue

SLOW, FAST = 9, 4


@pytest.mark.parametrize(
    ("busy", "given", "taken"),
    [
        ([], [0, 0, 0, 0], 0),
        ([], [2, 1, 1, 0], 3),
        ([1], [0, 0, 0, 0], 0),
        ([0], [0, 1, 0, 0], 2),  # an idle one, of these the one that this call has given the fewest tasks
        ([0, 1, 2, 3], [1, 1, 0, 1], 2),  # all are busy: the same
        ([0, 1, 2, 3], [0, 0, 0, 0], 0),  # however long its queue is
        ([0, 2], [0, 0, 0, 0], 2),  # two are busy, so two are dropped, from the first busy one on: the idle one at 1 goes
        ([1, 2], [0, 0, 0, 0], 0),
    ],
)
def test_a_tie_is_broken_as_the_released_program_does_it(busy: list[int], given: list[int], taken: int) -> None:
    # PE 4 is slower and never taken; row 7 is the template of live task 3
    inst: Any = SimpleNamespace(seen=np.full((1, 8, 5), -1))
    inst.seen[0, 7] = [FAST, FAST, FAST, FAST, SLOW]
    state: Any = SimpleNamespace(live=np.zeros((1, 4, len(Live)), int), element=np.zeros((1, 5, len(Element)), int))
    state.live[0, 3, Live.ROW] = 7
    state.element[0, :, Element.RUNS] = -1
    state.element[0, busy, Element.RUNS] = 2
    record: Any = SimpleNamespace(free=np.array([[*given, 0]]))
    assert ds3_tie(inst, state, 0, 0, record, 3, 0) == taken


@pytest.mark.parametrize("rule", ["met", "stf"])
def test_the_option_changes_the_log_where_clusters_have_several_pes_and_the_referee_accepts_it(rule: str) -> None:
    stream = catalogue.load_stream("wireless-16-six,scale=60,horizon=20000/s0")
    ours, theirs = solve(stream, rule), solve(stream, f"{rule}:tie=ds3")
    assert check_stream(stream, theirs.schedule) == theirs.objective > ours.objective
    assert solve(stream, f"{rule}:tie=earliest").objective == ours.objective
    alone = catalogue.load_stream("gym-ds3-5/s0")  # each PE is the only one of its kind
    assert solve(alone, rule).objective == solve(alone, f"{rule}:tie=ds3").objective


def test_other_rules_have_no_such_option() -> None:
    with pytest.raises(InputError, match="option tie=ds3 does not apply to 'etf'"):
        check_method("etf:tie=ds3")
    with pytest.raises(InputError, match="option tie=late is not one of earliest, ds3"):
        check_method("met:tie=late")
