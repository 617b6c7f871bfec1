"""The walls of the project: one package from four folders, imports that point one way, a light `import dispatchgym`."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import dispatchgym

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("envs", "agents", "instances", "baselines")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

MAY_IMPORT = {
    "instances": {"instances"},
    "envs": {"instances", "envs"},
    "baselines": {"instances", "baselines"},
    "agents": {"instances", "envs", "agents"},
}
# A solver knows nothing of the environments, but which moves a dispatching rule may make is the environment's mask, and what
# comes of a decision about jobs that are still to arrive is the environment's kernel.
PLAYS_THE_ENVIRONMENT = (
    "baselines/blocking/rules.py",
    "baselines/soc/streams/stream_player.py",
    "baselines/soc/streams/rolling.py",
    "baselines/memory/map/order_player.py",
)
HEAVY = ("torch_geometric", "ortools", "numba", "matplotlib", "stable_baselines3")


def imported(source: str) -> Iterator[str]:
    """Every module that the source imports anywhere; `from a import b` counts as `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def breaches(source: str, allowed: set[str]) -> list[str]:
    """The imports of `source` that are relative, bare (`envs`), or of a part of dispatchgym that is not `allowed`."""
    bad = []
    for name in imported(source):
        parts = name.split(".")
        inside = parts[0] == "dispatchgym" and (len(parts) < 2 or parts[1] not in allowed)
        if name.startswith(".") or parts[0] in FOLDERS or inside:
            bad.append(name)
    return bad


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def test_listed_packages_are_the_tree() -> None:
    tree = {"dispatchgym", "dispatchgym.evaluation", "dispatchgym.families"}
    for folder in FOLDERS:
        tree |= {"dispatchgym." + ".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / folder).rglob("__init__.py")}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == tree
    for folder in FOLDERS:
        without_init = {p.parent for p in sources(folder)} - {p.parent for p in (ROOT / folder).rglob("__init__.py")}
        assert not without_init


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_is_seen_through_its_link_and_mapped(folder: str) -> None:
    link = ROOT / "dispatchgym" / folder
    assert link.is_symlink()
    assert link.readlink() == Path("..") / folder
    assert link.resolve() == ROOT / folder
    assert PYPROJECT["tool"]["setuptools"]["package-dir"][f"dispatchgym.{folder}"] == folder
    assert folder in PYPROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_point_one_way(folder: str) -> None:
    found = {}
    for path in sources(folder):
        name = str(path.relative_to(ROOT))
        found[name] = breaches(path.read_text(), MAY_IMPORT[folder] | ({"envs"} if name in PLAYS_THE_ENVIRONMENT else set()))
    assert {path: bad for path, bad in found.items() if bad} == {}


def test_a_referee_imports_only_instances() -> None:
    referees = sorted((ROOT / "envs").rglob("check.py"))
    assert referees
    assert {str(path): breaches(path.read_text(), {"instances"}) for path in referees} == {str(path): [] for path in referees}


def test_breaches_are_found_in_every_form_of_import() -> None:
    for line in (
        "import envs",
        "from envs.core import x",
        "from . import x",
        "from dispatchgym import envs",
        "from dispatchgym.envs import x",
        "def f():\n    import dispatchgym.agents.policy",
        "import dispatchgym",
    ):
        assert breaches(line, {"instances"}), line
    assert breaches("import numpy\nfrom dispatchgym.instances.jobshop.instance import JobShop", {"instances"}) == []


def test_the_package_imports_lightly() -> None:
    command = f"import sys, dispatchgym; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_version_and_commands_agree_with_the_project_file() -> None:
    assert dispatchgym.__version__ == PYPROJECT["project"]["version"]
    for command in PYPROJECT["project"]["scripts"].values():
        module, function = command.split(":")
        source = (ROOT / Path(*module.split("."))).with_suffix(".py").read_text()
        assert any(isinstance(n, ast.FunctionDef) and n.name == function for n in ast.parse(source).body)


def test_no_tracked_data_file_is_above_four_mebibytes() -> None:
    files = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert len(files) > 300
    assert [p for p in files if p.stat().st_size > 4 * 2**20] == []
