"""The tutorials: every notebook was executed without an error, and its code still prints what is stored with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.make_animations import IMAGES, PLAYED

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
MOST_BYTES = 1_500_000  # of notebooks and animations together


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def printed(path: Path) -> str:
    """What the stored outputs say on standard output."""
    outputs = [output for cell in cells(path) for output in cell["outputs"]]
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")


def test_every_tutorial_is_stored_as_it_was_executed_from_top_to_bottom() -> None:
    assert len(TUTORIALS) == 6
    for path in TUTORIALS:
        assert [cell["execution_count"] for cell in cells(path)] == list(range(1, len(cells(path)) + 1)), path.name
        assert all(output["output_type"] != "error" for cell in cells(path) for output in cell["outputs"]), path.name
        assert all(output.get("name") != "stderr" for cell in cells(path) for output in cell["outputs"]), path.name
        assert printed(path), path.name


def test_tutorials_and_animations_are_small_and_every_family_has_one() -> None:
    animations = sorted(IMAGES.glob("*.gif"))
    assert [path.stem for path in animations] == sorted(f"play-{family}" for family in PLAYED)
    assert sum(path.stat().st_size for path in [*TUTORIALS, *animations]) < MOST_BYTES


@pytest.mark.parametrize("name", ["first-environment"])
def test_the_code_of_a_tutorial_prints_what_is_stored(name: str, tmp_path: Path) -> None:
    path = ROOT / "docs" / "tutorials" / f"{name}.ipynb"
    script = "\n".join("".join(cell["source"]) for cell in cells(path))
    words = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "DISPATCHGYM_QUIET": "1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=words, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == printed(path)
