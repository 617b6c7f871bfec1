"""Compiled code is kept, damage of the cache is mended, folders that cannot be written do not matter, and the notice is short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dispatchgym import notice

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
import numpy as np
from typing import NamedTuple
if "nowhere" in sys.argv:
    import numba.core.caching as caching
    caching.CacheImpl._locator_classes = [caching.UserProvidedCacheLocator] if "temporary" in sys.argv else []
import dispatchgym
from dispatchgym.envs.core.targets import compile_entries
from kernel import double, Numbers
numbers = Numbers(np.arange(3.0))
compile_entries((double,), "cpu")["double"](3, numbers)
print(numbers.values.tolist())
"""
KERNEL = """
from typing import NamedTuple
class Numbers(NamedTuple):
    values: object
def double(b, x):
    x.values[b] = 2.0 * x.values[b]
"""


def run(folder: Path, *arguments: str, **variables: str) -> tuple[list[str], list[str]]:
    """Lines on standard output and standard error of one process that compiles a kernel of its own."""
    if not (folder / "kernel.py").exists():
        (folder / "kernel.py").write_text(KERNEL)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "DISPATCHGYM_"))}
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "TMPDIR": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-W", "always::RuntimeWarning", "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment | variables, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


def test_the_first_start_says_that_it_compiles_and_the_next_says_nothing(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path)
    assert first[0] == second[0] == ["[0.0, 2.0, 4.0]"]
    (line,) = first[1]
    assert line == "dispatchgym: compiling the kernel; later starts load it from the cache"
    assert second[1] == []
    assert run(tmp_path, DISPATCHGYM_QUIET="1", NUMBA_CACHE_DIR=str(tmp_path / "other"))[1] == []


def test_a_damaged_cache_is_compiled_again_and_replaced(tmp_path: Path) -> None:
    run(tmp_path)
    indices, data = ([*(tmp_path / "cache").rglob(f"*{suffix}")] for suffix in (".nbi", ".nbc"))
    assert len(indices) == len(data) == 1
    for files, damage in ((indices, b""), (data, b""), (data, b"nonsense"), (indices, b"\x80\x05nonsense")):
        files[0].write_bytes(damage)
        out, error = run(tmp_path)
        assert out == ["[0.0, 2.0, 4.0]"]
        assert [line for line in error if "compiling" in line], damage
    assert run(tmp_path)[1] == []  # replaced: nothing is compiled


def test_without_a_folder_for_it_machine_code_goes_to_the_temporary_one(tmp_path: Path) -> None:
    first = run(tmp_path, "nowhere", "temporary", NUMBA_CACHE_DIR="")
    (warning,) = [line for line in first[1] if "RuntimeWarning" in line]
    assert "machine code is kept in" in warning
    assert "NUMBA_CACHE_DIR" in warning
    assert [*tmp_path.glob("dispatchgym-*/**/*.nbc")]
    assert not [line for line in run(tmp_path, "nowhere", "temporary", NUMBA_CACHE_DIR="")[1] if "compiling" in line]


def test_without_any_folder_it_compiles_at_every_start(tmp_path: Path) -> None:
    out, error = run(tmp_path, "nowhere", NUMBA_CACHE_DIR="")
    assert out == ["[0.0, 2.0, 4.0]"]
    assert any("every start compiles again; set NUMBA_CACHE_DIR" in line for line in error)


def test_without_the_compiler_kernels_run_as_python(tmp_path: Path) -> None:
    assert run(tmp_path, NUMBA_DISABLE_JIT="1") == (["[0.0, 2.0, 4.0]"], [])


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / f"dispatchgym-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    _, error = run(tmp_path, "nowhere", "temporary", NUMBA_CACHE_DIR="")
    assert any("every start compiles again" in line for line in error)
    assert [*folder.iterdir()] == []


class Terminal:
    """Standard error of a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_on_a_terminal_the_line_shows_the_time_and_is_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(notice, "TICK", 0.01)
    monkeypatch.setattr(notice, "LONG", 0.0)
    monkeypatch.setattr(notice, "_silent", False)
    monkeypatch.delenv("DISPATCHGYM_QUIET", raising=False)
    notice.begin("toy environment")
    notice.begin("toy environment")
    shown = ""
    for _ in range(500):
        shown = terminal.text
        if "toy" in shown:
            break
        np.random.default_rng(0).random(10**5)
    notice.end()
    notice.end()
    assert "compiling the toy environment, 0 s" in shown
    assert all(len(part) < 80 + len("\x1b[K") for part in terminal.text.split("\r"))
    assert terminal.text.endswith("\r\x1b[K")
