"""Executes the tutorials and stores their outputs with them: `make notebooks`.

    python docs/run_notebooks.py                               # all of docs/tutorials
    python docs/run_notebooks.py docs/tutorials/first-policy.ipynb

Prints the CPU time of each. A notebook whose code fails is left as it was, and the status is 1. Needs nbclient and ipykernel
(extra `docs`).
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from dispatchgym.instances.files import write_text

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "docs" / "tutorials"
LIMIT = 600  # seconds of a cell


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 if a notebook fails."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    failed = 0
    for path in map(Path, words) if words else sorted(TUTORIALS.glob("*.ipynb")):
        before = _children()
        try:
            write_text(path, nbformat.writes(executed(path)) + "\n")
            print(f"{path.name}: {_children() - before:.1f} CPU-seconds", flush=True)
        except CellExecutionError as error:
            failed = 1
            print(f"{path.name}: FAILED: {error}", file=sys.stderr)
    return failed


def executed(path: Path) -> Any:
    """The notebook after its code ran in an empty folder, without what differs from run to run."""
    notebook: Any = nbformat.read(path, as_version=4)
    os.environ |= {"PYTHONPATH": str(ROOT), "DISPATCHGYM_QUIET": "1"}
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
