"""Every rule of conformance.py and conformance_vector.py, for every registered id."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium
import pytest

from tests.core import conformance, conformance_vector
from tests.core.conformance import Case

CASES = tuple(conformance.cases())


def test_every_registered_id_is_a_case() -> None:
    assert {f"dispatchgym/{case.id}" for case in CASES} == {x for x in gymnasium.registry if x.startswith("dispatchgym/")}


# Cases outside, so that the rules of one id share what is compiled and drawn.
@pytest.mark.parametrize("rule", [*conformance.RULES, *conformance_vector.RULES], ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_rule(case: Case, rule: Callable[[Case], None]) -> None:
    rule(case)
