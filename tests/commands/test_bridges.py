"""Every bridge whose libraries are installed runs as a plain script, and what it trains gets better."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from dispatchgym.instances.extras import EXTRAS
from tests.commands import bridge_checks
from tests.commands.bridges import BRIDGES, ROOT, installed, main, run


@pytest.mark.parametrize("name", [name for name, bridge in BRIDGES.items() if installed(bridge)])
def test_a_bridge_runs_and_learns(name: str, tmp_path: Path) -> None:
    assert run(BRIDGES[name], Path(sys.executable), tmp_path)


def test_bridges_are_short_and_in_the_table() -> None:
    table = (ROOT / "docs" / "bridges.md").read_text()
    for path in (ROOT / "examples").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 60, path.name
        assert f"../examples/{path.name}" in table, path.name
    assert {bridge.script for bridge in BRIDGES.values() if not bridge.tests} <= {
        path.name for path in (ROOT / "examples").glob("*.py")
    }


def test_a_bridge_of_another_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cleanrl", "pufferlib"]) == 2
    assert capsys.readouterr().err.startswith("error: pufferlib is not one of plain, gymnasium, cleanrl")


def test_a_check_that_fails_is_said_and_the_next_one_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(bridge_checks.CHECKS) <= {name for name, bridge in BRIDGES.items() if bridge.install}
    checks = [("holds", lambda: True), ("breaks", lambda: 1 / 0 > 1), ("is wrong", lambda: False), ("holds, too", lambda: True)]
    monkeypatch.setitem(bridge_checks.CHECKS, "skrl", lambda: iter(checks))
    assert bridge_checks.main("skrl") == 1
    assert capsys.readouterr().out.splitlines() == [
        "check: holds: ok",
        "check: breaks: FAILED: ZeroDivisionError: division by zero",
        "check: is wrong: FAILED: is not so",
        "check: holds, too: ok",
    ]


def test_the_ray_extra_has_constraints_of_its_own_that_agree_with_the_others_but_for_gymnasium() -> None:
    def pins(name: str) -> dict[str, str]:
        lines = [line for line in (ROOT / name).read_text().splitlines() if "==" in line and not line.startswith("#")]
        return dict(line.lower().split("==") for line in lines)

    ours, rays = pins("constraints.txt"), pins("constraints-ray.txt")
    assert {name for name in rays if name in ours and ours[name] != rays[name]} == {"gymnasium"}
    assert "ray" in rays
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert not [line for line in extras["all"] if "ray" in line]
    assert EXTRAS["ray"] == "cluster", "Ray without RLlib, which takes the other pins as they are"
    assert not [line for line in extras["cluster"] if "rllib" in line]
