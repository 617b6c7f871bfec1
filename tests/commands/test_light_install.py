"""With gymnasium, numpy and numba alone: environments, instances, rules, referees and comparisons; extras are named in a line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from dispatchgym import families
from dispatchgym.baselines.method import parse_method
from dispatchgym.instances import extras

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "commands" / "light_use.py"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BASE = ("gymnasium", "numpy", "numba")
MOST_BYTES = 500e6
INTERPRETED = {"NUMBA_DISABLE_JIT": "1"}  # nothing is compiled


def clean(**further: str) -> dict[str, str]:
    """The environment without paths of Python, so that a process sees what is installed alone."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NUMBA_"))} | further


def run(command: list[str | Path], **words: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900, **words)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return str(done.stdout)


def hidden(code: str) -> str:
    """Run Python code in a process where no optional package can be imported."""
    hide = f"import sys; sys.modules.update(dict.fromkeys({tuple(extras.EXTRAS)!r})); sys.argv[0] = 'program'\n"
    done = subprocess.run([sys.executable, "-c", hide + code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def test_every_family_needs_no_optional_package(tmp_path: Path) -> None:
    out = run([sys.executable, SCRIPT, "--block"], cwd=tmp_path, env=clean(PYTHONPATH=str(ROOT), **INTERPRETED))
    assert f"{len(families.NAMES)} families used" in out


def test_what_is_installed_is_three_packages_and_each_extra_holds_what_names_it() -> None:
    assert [re.match(r"[a-z]+", line)[0] for line in PYPROJECT["project"]["dependencies"]] == list(BASE)  # type: ignore[index]
    optional = PYPROJECT["project"]["optional-dependencies"]
    for package, extra in extras.EXTRAS.items():
        if extra in optional:
            names = [re.match(r"[A-Za-z0-9-]+", line)[0].lower().replace("-", "_") for line in optional[extra]]  # type: ignore[index]
            assert package in names, f"{package} is not in the extra {extra}"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("from dispatchgym.evaluate import main; main(['jobshop', '--help'])", "error: this needs the extra 'cli'"),
        ("from dispatchgym.train import main; main(['jobshop'])", "error: this needs the extra 'cli'"),
        (
            "from dispatchgym import families; families.load('jobshop').validate('tabu:1s')\n"
            "families.load('soc').validate('rolling-cpsat:1s')",
            "method 'rolling-cpsat:1s' needs the extra 'solvers': pip install 'dispatchgym[solvers]'",
        ),
        (
            "from dispatchgym import families; families.load('soc').validate('policy')",
            "method 'policy' needs the extra 'agent': pip install 'dispatchgym[agent]'",
        ),
        (
            "import gymnasium; gymnasium.make('dispatchgym:dispatchgym/JobShop-v0', instance='ft06', render_mode='rgb_array')",
            "this needs the extra 'plot': pip install 'dispatchgym[plot]'",
        ),
        (
            "import dispatchgym.families as f; c = f.load('jobshop'); x = c.load('ft06'); c.draw(x, c.solve(x, 'spt').schedule)",
            "this needs the extra 'plot': pip install 'dispatchgym[plot]'",
        ),
        (
            "import gymnasium; e = gymnasium.make('dispatchgym:dispatchgym/JobShop-v0', instance='ft06', device='python')\n"
            "e.reset(); e.unwrapped.engine.observation",
            "this needs the extra 'agent': pip install 'dispatchgym[agent]'",
        ),
    ],
)
def test_a_missing_extra_is_named_in_one_line(code: str, line: str) -> None:
    out = hidden(code).splitlines()
    assert out[0] in ("1", "2")
    assert line in out[-1]
    assert out[0] == "1" or len(out) == 2


def test_a_method_that_cannot_be_imported_for_another_reason_is_no_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match="nonsense_here"), extras.named():
        __import__("nonsense_here")
    parse_method("cpsat").needs("ortools")  # it is installed where tests run


def index_at_hand(python: Path) -> bool:
    """Install the three packages; whether there was an index to have them from."""
    command = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", *BASE]
    return subprocess.run(list(map(str, command)), capture_output=True, timeout=900).returncode == 0


def test_wheel_and_sdist_work_in_a_fresh_environment(tmp_path: Path) -> None:
    source, built, fresh = tmp_path / "source", tmp_path / "built", tmp_path / "fresh"
    skipped = shutil.ignore_patterns("__pycache__", ".*", "tests", "docs", "benchmarks", "runs", "results", "build", "*.egg-info")
    shutil.copytree(ROOT, source, symlinks=True, ignore=skipped)
    build = f"import setuptools.build_meta as b; print(b.build_sdist({str(built)!r}))"
    built.mkdir()
    sdist = built / run([sys.executable, "-c", build], cwd=source, env=clean()).splitlines()[-1]
    unpacked = tmp_path / "unpacked"
    shutil.unpack_archive(sdist, unpacked, filter="data")
    build = f"import setuptools.build_meta as b; print(b.build_wheel({str(built)!r}))"
    (folder,) = unpacked.iterdir()
    wheel = built / run([sys.executable, "-c", build], cwd=folder, env=clean()).splitlines()[-1]
    run([sys.executable, "-m", "venv", fresh])
    python = fresh / "bin" / "python"
    alone = index_at_hand(python)
    packages = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    if not alone:  # the packages of this environment, with the optional ones hidden
        (packages / "these.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], env=clean())
    use = [python, SCRIPT, *([] if alone else ["--block"])]
    assert f"{len(families.NAMES)} families used" in run(use, cwd=tmp_path, env=clean(**INTERPRETED))
    run([*use, "--time"], cwd=tmp_path, env=clean())  # compiles
    times = run([*use, "--time"], cwd=tmp_path, env=clean())
    assert "site-packages" in run([python, "-c", "import dispatchgym; print(dispatchgym.__file__)"], cwd=tmp_path, env=clean())
    of_pip = [x for name in ("pip", "setuptools") for x in packages.glob(f"{name}*")]
    size = disk_bytes(packages) - sum(map(disk_bytes, of_pip))
    print(f"\nwheel {wheel.stat().st_size / 1e6:.1f} MB, {'all' if alone else 'without the three'} {size / 1e6:.0f} MB; {times}")
    assert size < MOST_BYTES
    seconds = [float(x) for x in re.findall(r"[0-9.]+", times)]
    assert max(seconds[:2]) < 3.0  # below one on a quiet machine


def disk_bytes(path: Path) -> int:
    return sum(x.stat().st_size for x in path.rglob("*") if x.is_file() and not x.is_symlink())
