"""The corpus: malformed inputs of every reader, option and keyword, made from valid ones by seeded changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.corpus import requests
from tests.corpus.originals import SHOP, Original
from tests.corpus.spoil import spoiled

COUNT = 24  # changed values of a document in JSON
GIANT = 2**40  # bytes, without taking room on the disk

# What stands in the place of a file.
PLACES = ("a pipe", "a folder", "a link to itself", "a link to nowhere", "a giant", "nothing")


@dataclass(frozen=True)
class Case:
    """One input: what a command is given in a folder of its own."""

    name: str
    command: tuple[str, ...]
    files: dict[str, bytes]
    place: tuple[str, str] = ("", "")  # a file of these, and what stands there instead

    def make(self, folder: Path) -> None:
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        if self.place[0]:
            put(folder / self.place[0], self.place[1])


def put(path: Path, kind: str) -> None:
    """Put something else in the place of a file."""
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind.startswith("a link"):
        path.symlink_to(path if kind == "a link to itself" else "nowhere")
    elif kind == "a giant":
        with path.open("wb") as stream:
            stream.truncate(GIANT)


def clear(folder: Path) -> None:
    for entry in list(folder.iterdir()):
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def file_cases(original: Original, seed: int, count: int = COUNT) -> Iterator[Case]:
    """The spoiled contents of a file, and what may stand in its place."""
    rng = np.random.default_rng(seed)
    for what, data in spoiled(original, rng, count):
        yield Case(f"{original.name}: {what}", original.command, {**original.files, original.spoiled: data})
    for kind in PLACES:
        if kind != "nothing" or original.must_be:
            yield Case(f"{original.name}: {kind}", original.command, dict(original.files), (original.spoiled, kind))


def request_cases() -> Iterator[Case]:
    around = {"file.txt": SHOP.encode(), "folder/inside": b"", "loop": b"", "pipe": b""}
    asked = (*requests.train_requests(), *requests.evaluate_requests(), *requests.other_requests())
    for command in asked:
        place = next(((word, kind) for word, kind in PLACED.items() if word in command), ("", ""))
        yield Case(" ".join(command)[:120], command, around, place)


PLACED = {"loop": "a link to itself", "policy@loop": "a link to itself", "pipe": "a pipe"}
