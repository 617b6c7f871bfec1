"""Random changes of valid files of every reader, until one is answered by anything but InputError.

    python -m tests.corpus.fuzz --minutes 10 --seed 1

Each input is a valid one after some random changes of bytes, words, lines or JSON values; it is given to the command that reads
it. If it is accepted, a rule solves the instance and the referee checks the schedule. Stops at an exception other than
InputError, at an answer that is not one line or takes more than 8 GiB or 20 s, and at a schedule that the referee refuses;
then prints the seed and saves the input. Minutes are processor time. With atheris installed, --atheris lets coverage choose
the changes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.evaluation.results import Pair
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from tests.corpus import originals, worker
from tests.corpus.all_cases import answered, evaluate, train
from tests.corpus.corpus import Case
from tests.corpus.originals import Original
from tests.corpus.spoil import VALUES, at, paths, replaced

LONGEST = 5.0  # seconds for an instance that is accepted
EVERY = 20.0  # seconds between lines that say how far it is
DICTIONARY = (
    b"-1", b"0", b"1e999", b"NaN", b"null", b"true", b"9" * 25, b"9" * 5_000, b"\x00", b"\xff", b"\x1b[31m", b"\xe2\x80\xae",
    b"\\ud800", b"[" * 2_000, b"{", b"}", b"]", b'"', b",", b"\n", b"\r", b"#", b" ", b"instance x\n", b"Times\n",
    b"1" + b"0" * 18, b".5", b"--",
)  # fmt: skip


def bytes_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes replaced, removed, doubled or put in."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(found) + 1))
        end = min(len(found), place + int(rng.integers(1, 12)))
        what = int(rng.integers(5))
        if what == 0:
            found[place:end] = rng.integers(0, 256, end - place, dtype=np.uint8).tobytes()
        elif what == 1:
            del found[place:end]
        elif what == 2:
            found[place:place] = found[place:end] * int(rng.integers(1, 50))
        else:
            found[place : end if what == 3 else place] = DICTIONARY[rng.integers(len(DICTIONARY))]
    return bytes(found)


def words_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """A number replaced by a boundary value, a line moved, removed or doubled."""
    text = data.decode("utf-8", "surrogateescape")
    if rng.random() < 0.6:
        numbers = list(re.finditer(r"-?[0-9]+", text))
        if numbers:
            one = numbers[rng.integers(len(numbers))]
            power = int(rng.integers(1, 70))
            value = (
                int(rng.choice([-1, 1])) * (2**power + int(rng.integers(-2, 3)))
                if rng.random() < 0.5
                else int(rng.integers(-3, 12))
            )
            text = text[: one.start()] + str(value) + text[one.end() :]
    else:
        rows = text.split("\n")
        a, b = (int(x) for x in rng.integers(len(rows), size=2))
        rows[a:a] = [rows[b]] * int(rng.integers(1, 4)) if rng.random() < 0.5 else []
        if rng.random() < 0.5:
            del rows[b]
        text = "\n".join(rows)
    return text.encode("utf-8", "surrogateescape")


def values_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Values of a JSON document replaced, removed, or exchanged with another of its values."""
    try:
        document = json.loads(data)
        places = list(paths(document))
        path, other = (places[rng.integers(len(places))] for _ in range(2))
        if rng.random() < 0.4:
            return replaced(document, path, list(VALUES.values())[rng.integers(len(VALUES))][0]).encode("utf-8", "surrogatepass")
        if rng.random() < 0.5:
            return replaced(document, path, json.dumps(at(document, other))).encode()
        del at(document, path[:-1])[path[-1]]
        return json.dumps(document).encode()
    except (ValueError, IndexError, TypeError, RecursionError):
        return bytes_changed(data, rng)


def changed(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """One to three random changes of a file."""
    ways: list[Callable[[bytes, np.random.Generator], bytes]] = [bytes_changed, words_changed]
    ways += [values_changed] * 2 if kind in ("json", "lines") else []
    for _ in range(int(rng.integers(1, 4))):
        if kind == "lines":
            first, _, rest = data.partition(b"\n")
            data = ways[rng.integers(len(ways))](first, rng) + b"\n" + rest
        else:
            data = ways[rng.integers(len(ways))](data, rng)
    return data


def bad(answer: worker.Answer) -> str:
    """Why the answer would be wrong for any input, valid or not."""
    return "" if answer.code == 0 else answer.fault.removeprefix("accepted")


def solve(problem: Family, _: Any, pairs: list[Pair], *__: Any, seconds: float = LONGEST) -> None:
    """What the command's workers do, here; a solver may refuse, take long or take much memory."""
    for pair in pairs:
        try:
            with worker.deadline(seconds):
                result = problem.solve(pair.instance, pair.method)
        except (InputError, worker.TooLong, MemoryError):
            continue
        objective = problem.check(pair.instance, result.schedule) if result.schedule is not None else None
        assert objective == result.objective, f"the method says {result.objective}, the referee {objective}"


class Fuzzer:
    """Originals, a folder to work in, and how many inputs there were."""

    def __init__(self, work: Path) -> None:
        for name in ("made", "case"):
            (work / name).mkdir(parents=True)
        self.folder = work / "case"
        self.every: list[Original] = [*originals.documents(), *originals.runs(work / "made", train, evaluate)]
        for original in self.every:  # compiles, for longer than an input may take
            answered(Case("", original.command, dict(original.files)), self.folder, partial(solve, seconds=1e6))
        worker.bound()
        self.inputs = self.refused = 0
        self.slowest = 0.0, b""

    def one(self, seed: int, number: int) -> tuple[Original, bytes, str]:
        """Input `number` of a seed: (what was changed, the input, what is wrong with the answer)."""
        rng = np.random.default_rng((seed, number))
        original = self.every[rng.integers(len(self.every))]
        data = changed(original.data, original.kind, rng)
        return original, data, self.answer(original, data)

    def answer(self, original: Original, data: bytes) -> str:
        start = time.process_time()
        answer = answered(Case("", original.command, {**original.files, original.spoiled: data}), self.folder, solve)
        if time.process_time() - start > self.slowest[0]:
            self.slowest = time.process_time() - start, data
        self.inputs += 1
        self.refused += answer.code == 2
        return bad(answer)


def run(seconds: float, seed: int, saved: Path, limit: int = 10**9) -> int:
    """Fuzz for so much processor time or so many inputs; returns the exit code."""
    with tempfile.TemporaryDirectory() as work:
        fuzzer = Fuzzer(Path(work))
        began, said = time.process_time(), time.monotonic()
        while time.process_time() - began < seconds and fuzzer.inputs < limit:
            original, data, fault = fuzzer.one(seed, number := fuzzer.inputs)
            if fault:
                saved.mkdir(parents=True, exist_ok=True)
                path = saved / f"{seed}-{number}-{Path(original.spoiled).name}"
                path.write_bytes(data)
                print(f"seed {seed}, input {number}, {original.name}: {fault}\nsaved as {path}")
                return 1
            if time.monotonic() - said > EVERY:
                said = time.monotonic()
                print(
                    f"{time.process_time() - began:.0f} of {seconds:.0f} s: {fuzzer.inputs} inputs, {fuzzer.refused} refused",
                    flush=True,
                )
        print(f"slowest: {fuzzer.slowest[0]:.1f} s, {fuzzer.slowest[1][:300]!r}")
        print(f"{fuzzer.inputs} inputs, {fuzzer.refused} refused in one line, the others accepted and solved; nothing else")
        return 0


def guided(seed: int) -> None:
    """Let atheris, where it is installed, choose the changes by coverage of the readers."""
    import atheris  # type: ignore[import-not-found]

    fuzzer = Fuzzer(Path(tempfile.mkdtemp()))

    def once(data: bytes) -> None:
        if len(data) > 1:
            original = fuzzer.every[data[0] % len(fuzzer.every)]
            fault = fuzzer.answer(original, data[1:])
            if fault:
                raise AssertionError(f"{original.name}: {fault}")

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-seed={seed}"], once)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of processor time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=10**9, help="stop after so many")
    parser.add_argument("--saved", type=Path, default=Path("fuzzed"), help="folder for an input that is answered wrongly")
    parser.add_argument("--atheris", action="store_true")
    asked = parser.parse_args()
    if asked.atheris:
        guided(asked.seed)
    return run(60.0 * asked.minutes, asked.seed, asked.saved, asked.inputs)


if __name__ == "__main__":
    sys.exit(main())
