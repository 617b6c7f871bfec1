"""The walls of the project: one package from four folders, imports that point one way, a light `import dispatchgym`."""

from __future__ import annotations

import ast
import builtins
import dis
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

import pytest

import dispatchgym

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("envs", "agents", "instances", "baselines")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

MAY_IMPORT = {
    "instances": {"instances"},
    "envs": {"instances", "envs", "machine_code"},
    "baselines": {"instances", "baselines", "machine_code"},
    "agents": {"instances", "envs", "agents"},
}
# A solver knows nothing of the environments, but which moves a dispatching rule may make is the environment's mask, and what
# comes of a decision about jobs that are still to arrive is the environment's kernel.
PLAYS_THE_ENVIRONMENT = (
    "baselines/blocking/rules.py",
    "baselines/blocking/rules_kernel.py",
    "baselines/soc/streams/stream_player.py",
    "baselines/soc/streams/player_kernel.py",
    "baselines/soc/streams/rolling.py",
    "baselines/memory/map/order_kernel.py",
    "baselines/memory/map/order_player.py",
)
LONGEST_FILE = 400  # lines
HEAVY = ("torch", "ortools", "numba", "matplotlib", "stable_baselines3")


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
    tree = {f"dispatchgym{part}" for part in ("", ".commands", ".evaluation", ".families", ".own", ".report", ".tuning")}
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


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in [*(p for folder in FOLDERS for p in sources(folder)), *(ROOT / "dispatchgym").glob("*.py"), *_own_folders()]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts if parts[0] == "dispatchgym" else ("dispatchgym", *parts)).removesuffix(".__init__")
        found[name] = path
    return found


def _own_folders() -> list[Path]:
    folders = ("commands", "evaluation", "families", "own", "report", "tuning")
    return [p for folder in folders for p in (ROOT / "dispatchgym" / folder).glob("*.py")]


def top_level_imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that are imported when the one in `path` is."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        found |= {name for name in names if name in known}
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    arrows = {name: top_level_imports(path, known) - {name} for name, path in known.items()}
    assert arrows["dispatchgym.envs.jobshop.problem"] >= {"dispatchgym.envs.jobshop.rules", "dispatchgym.envs.jobshop.layout"}
    # Importing a module of a package imports the package first; ours are empty but for two, which import downwards only.
    while arrows:
        leaves = {name for name, targets in arrows.items() if not targets & arrows.keys()}
        assert leaves, f"these import each other: {sorted(arrows)}"
        arrows = {name: targets for name, targets in arrows.items() if name not in leaves}


def kernel_modules() -> list[Path]:
    names = (
        "layout",
        "rules",
        "features",
        "choices",
        "deadlock",
        "drain",
        "events",
        "interruptions",
        "simulator",
        "space",
        "allocator",
        "order_rules",
        "graph",
    )
    return [p for p in sources("envs") if p.stem in names]


@pytest.mark.parametrize("path", kernel_modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_name_in_a_kernel_is_found_by_its_imports(path: Path) -> None:
    module = importlib.import_module(".".join(("dispatchgym", *path.relative_to(ROOT).with_suffix("").parts)))
    for function in vars(module).values():
        if isinstance(function, FunctionType) and function.__module__ == module.__name__:
            missing = [n for n in global_names(function.__code__) if not hasattr(module, n) and not hasattr(builtins, n)]
            assert missing == [], function.__name__


def global_names(code: CodeType) -> set[str]:
    return {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}


def test_files_and_functions_are_of_a_size_to_read() -> None:
    long_files, long_functions = [], []
    for path in modules().values():
        text = path.read_text()
        name = str(path.relative_to(ROOT))
        if text.count("\n") > LONGEST_FILE:
            long_files.append((name, text.count("\n")))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None and node.end_lineno - node.lineno >= 80:
                long_functions.append((str(path.relative_to(ROOT)), node.name, node.end_lineno - node.lineno + 1))
    assert [f for f in long_functions if "cpsat" not in f[0]] == []
    assert long_files == []
