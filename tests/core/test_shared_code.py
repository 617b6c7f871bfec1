"""Shared code names no family: a new one is its own folders and files, its card, and one line in the list of cards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dispatchgym import families

ROOT = Path(__file__).resolve().parents[2]
CARDS = [families.load(name) for name in families.NAMES]
FOLDERS = sorted(path.parent.name for path in (ROOT / "envs").glob("*/__init__.py") if path.parent.name != "core")
ROOMS = ("agents", "baselines", "instances")  # the top level of each is shared, but for files named after a folder
COMMAND_OF_OLD = "instances/trace.py"  # `python -m dispatchgym.instances.trace` goes on to the family's folder


def patterns() -> list[re.Pattern[str]]:
    """What names a family: the card's name in any spelling, an id, a folder as an import or a text."""
    names = {re.sub("[-_]", "[-_ ]", card.name) for card in CARDS} - set(FOLDERS)
    ids = {name.rpartition("-")[0] for card in CARDS for name in card.ids}
    spaced = {re.sub("(?<=[a-z])(?=[A-Z])", "[-_ ]?", name) for name in ids}
    words = r"(?<![A-Za-z]){}(?![a-z])"
    return [
        *(re.compile(words.format(name), re.IGNORECASE) for name in names | spaced),
        *(re.compile(rf"""dispatchgym(\.\w+)?\.{folder}\b|["']{folder}["']|/{folder}\b""") for folder in FOLDERS),
    ]


def shared_files() -> list[Path]:
    found = [
        *(ROOT / "dispatchgym").glob("*.py"),
        *(ROOT / "dispatchgym" / "commands").rglob("*.py"),
        *(ROOT / "dispatchgym" / "evaluation").rglob("*.py"),
        *(path for path in (ROOT / "dispatchgym" / "report").rglob("*") if path.suffix in (".py", ".js", ".html", ".css")),
        *(ROOT / "envs" / "core").rglob("*.py"),
        *(path for room in ROOMS for path in (ROOT / room).glob("*.py")),
    ]
    return [path for path in sorted(found) if not is_of_a_family(path) and str(path.relative_to(ROOT)) != COMMAND_OF_OLD]


def is_of_a_family(path: Path) -> bool:
    """Whether the file is named after a family's folder: `agents/NAME.py`, `agents/NAME_draws.py`."""
    return any(path.stem == folder or path.stem.startswith(f"{folder}_") for folder in FOLDERS)


def named(text: str) -> list[str]:
    """The lines that name a family."""
    text = text.replace("cp_model.CpModel", "")  # a class of OR-Tools
    return [line.strip() for line in text.splitlines() if any(pattern.search(line) for pattern in patterns())]


def test_shared_code_names_no_family() -> None:
    files = shared_files()
    assert len(files) > 40
    assert {str(path.relative_to(ROOT)): found for path in files if (found := named(path.read_text()))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from dispatchgym.envs.jobshop.env import JobShopKeywords",
        'if family.name == "soc":',
        "import dispatchgym.instances.memory.files",
        "# the job shop has no waiting",
        "def static_dag(): ...",
        'path = "envs/blocking"',
        "MemoryMap-v0",
    ],
)
def test_every_way_to_name_a_family_is_found(line: str) -> None:
    assert named(line) == [line]


@pytest.mark.parametrize(
    "line", ["the same memory on the CPU", "except BlockingIOError:", "associate = 3", "rest = memoryview(data)"]
)
def test_other_words_are_free(line: str) -> None:
    assert named(line) == []
