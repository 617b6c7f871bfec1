"""Killed at random moments and resumed, a command leaves what it would have left: the short form of kills.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.kills import SCENARIOS, check

SHORT = [scenario for scenario in SCENARIOS if scenario.name in ("evaluate jobshop", "train")]  # one of each command


@pytest.mark.parametrize("scenario", SHORT, ids=lambda scenario: scenario.name)
def test_what_is_left_after_a_kill_is_what_an_unbroken_run_leaves(scenario, tmp_path: Path) -> None:
    check(scenario, tmp_path, times=1, seed=7)
