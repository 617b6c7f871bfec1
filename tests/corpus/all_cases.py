"""Child process: gives the corpus to the commands; prints, as JSON, the faults and how many answers there were.

python -m tests.corpus.all_cases EMPTY_FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from dispatchgym.instances import json_fields
from tests.agents.trainings import trainer
from tests.corpus import originals, requests, worker
from tests.corpus.corpus import Case, clear, file_cases, request_cases


def train(folder: Path) -> None:
    """A run as nine iterations leave it, but for the iterations: Adam's moments are of one step along zero gradients."""
    names = (name.removeprefix("--") for name in originals.SMALL[::2])
    settings: dict[str, Any] = {
        name: int(value) for name, value in zip(names, originals.SMALL[1::2], strict=True) if name != "sizes"
    }
    run = trainer(folder, sizes=("3x3",), imitate_steps=0, **settings)
    for parameter in run.policy.parameters():
        parameter.grad = parameter.detach() * 0.0
    run.optimiser.step()
    run.iteration, run.episodes = 2, 8
    run.save()
    line = {"iteration": 2, "episodes": 8, "seconds": 0.5, "validation": 30.5, "loss": 0.25}
    (folder / "log.jsonl").write_text("".join(json.dumps({**line, "iteration": i}) + "\n" for i in (1, 2)))
    run.close()


def evaluate(folder: Path) -> None:
    from dispatchgym import evaluate

    (folder.parent / "mine.txt").write_text(originals.SHOP)
    shop = str(folder.parent / "mine.txt")
    evaluate.main(["jobshop", "--instances", shop, "--methods", "spt", "mwkr", "--out", str(folder)])


def main(work: Path) -> dict[str, Any]:
    """Every case and every original."""
    began = time.process_time()
    made, folder = work / "made", work / "case"
    made.mkdir()
    folder.mkdir()
    every = [*originals.documents(), *originals.runs(made, train, evaluate)]
    worker.bound()
    faults: list[str] = []
    for original in every:
        answer = answered(Case("", original.command, dict(original.files)), folder)
        if not answer.reached or answer.code != 0:
            faults.append(f"{original.name}: the valid original is refused: {answer.said[-300:]}")
    asked: list[tuple[str, Callable[[], worker.Answer]]] = []
    for case in (*(case for i, original in enumerate(every) for case in file_cases(original, i)), *request_cases()):
        asked.append((case.name, partial(answered, case, folder)))
    for environment, words in requests.keyword_requests():
        said = ", ".join(f"{word}={json_fields.shown(value)}" for word, value in words.items())
        asked.append((f"{environment} {said}", partial(worker.make, environment, words)))
    slowest = (0.0, "")
    for name, ask in asked:
        start = time.process_time()
        fault = ask().fault
        slowest = max(slowest, (time.process_time() - start, name))
        faults += [f"{name}: {fault}"] if fault else []
    return {"faults": faults, "answers": len(asked), "slowest": slowest, "seconds": time.process_time() - began}


def answered(case: Case, folder: Path, *then: Callable[..., None]) -> worker.Answer:
    clear(folder)
    case.make(folder)
    return worker.ask(case.command, folder, *then)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
