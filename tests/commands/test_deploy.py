"""The recipes in deploy/: the steps of the Dockerfile run in a clean virtual environment, and the other files fit the suite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dispatchgym import evaluate, train

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CONSTRAINTS = (ROOT / "constraints.txt").read_text()


def steps(stage: str) -> list[str]:
    """The shell commands of RUN in a stage of the Dockerfile and in those that it is made from."""
    current = ""
    before: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text()).splitlines():
        if begun := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            current = begun[2]
            before[current] = list(before.get(begun[1], []))
        elif line.startswith("RUN "):
            before[current].append(line.removeprefix("RUN "))
    return before[stage]


def run(command: str, cwd: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, shell=True, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_the_steps_of_the_dockerfile_run_in_a_clean_virtual_environment(tmp_path: Path) -> None:
    """Those of the stage for GPUs, which installs what the other one does and more.

    Packages that the tests have already are seen from there, so that only what they lack is fetched.
    """
    assert [x.replace(",cuda", "") for x in steps("cuda")] == steps("cpu")
    source, venv = tmp_path / "source", tmp_path / "venv"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    library = next((venv / "lib").glob("python*/site-packages"))
    seen = venv / "seen"
    seen.mkdir()
    for package in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not package.name.startswith(("__editable__", "dispatchgym", "pip", "setuptools")):
            (seen / package.name).symlink_to(package)
    (library / "seen.pth").write_text(f"{seen}\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment = {**kept, "PATH": f"{venv / 'bin'}:{os.environ['PATH']}", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    *first, last = steps("cuda")
    for command in first:
        run(command, source, environment)
    assert "ft06" in run(last, source, environment)
    assert str(library) in run("cd / && python -c 'import dispatchgym; print(dispatchgym.__file__)'", source, environment)


def test_the_manifest_names_the_tested_ray_and_a_command_that_exists() -> None:
    yaml = pytest.importorskip("yaml")
    claim, job = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
    spec = job["spec"]
    assert f"ray=={spec['rayClusterSpec']['rayVersion']}\n" in CONSTRAINTS
    groups = [spec["rayClusterSpec"]["headGroupSpec"], *spec["rayClusterSpec"]["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert pod["containers"][0]["image"] == "IMAGE"
    name, command, *words = spec["entrypoint"].split()
    assert (name, command) == ("dispatchgym", "evaluate")
    assert evaluates(words) == ("auto", Path("/results/ta"))


def evaluates(words: list[str]) -> tuple[str | None, Path]:
    """The cluster and the folder of a command of evaluate."""
    _, options = evaluate._parse(words)
    assert options.resume
    return options.ray, options.out


@pytest.mark.parametrize("name", ["evaluate.sbatch", "train.sbatch"])
def test_batch_files_are_shell_whose_example_is_a_command(name: str) -> None:
    text = (DEPLOY / name).read_text()
    subprocess.run(["bash", "-n", str(DEPLOY / name)], check=True)
    example = re.search(rf"^#   sbatch deploy/{name} (.*)$", text, re.M)
    assert example is not None
    if name.startswith("train"):
        request = train._parse([*example[1].split(), "--device", "cuda", "--resume"])
        assert (request.config.instances, request.run.resume) == (256, True)
    else:
        words = [*example[1].split(), "--ray", "a:6379", "--workers", "9", "--resume"]
        assert evaluates(words) == ("a:6379", Path("results/ta"))
