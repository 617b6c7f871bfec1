"""Ways to make a valid input malformed. Each is malformed by construction, whatever reader meets it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.corpus.originals import DIGITS, Original

MARK = "@@SPOILED@@"

DEEP = 100_000


def whole(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def number(x: Any) -> bool:
    return whole(x) or isinstance(x, float)


def text(x: Any) -> bool:
    return isinstance(x, str)


# name -> (the JSON text that is put in the place of a value, the values that it cannot stand for)
VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "a text": ('"x y"', lambda x: not text(x)),
    "an object": ('{"a": 1}', lambda x: not isinstance(x, dict)),
    "a list": ("[[]]", lambda x: not isinstance(x, list)),
    "a number": ("7", lambda x: not number(x)),
    "a truth value": ("true", lambda x: not isinstance(x, bool)),
    "NaN": ("NaN", lambda x: True),
    "-Infinity": ("-Infinity", lambda x: True),
    "1e999": ("1e999", number),
    "5,000 digits": (DIGITS, lambda x: True),
    "deep lists": ("[" * DEEP + "]" * DEEP, lambda x: True),
    "deep objects": ('{"a":' * DEEP + "1" + "}" * DEEP, lambda x: True),
    "a huge negative number": ("-1" + "0" * 30, number),
    "a huge whole number": ("1" + "0" * 30, whole),
    "a fraction": ("1.5", whole),
    "a lone surrogate": (r'"a\ud800b"', text),
    "an escape character": (r'"\u001b[31m"', text),
    "a bidirectional control": (r'"a\u202eb"', text),
    "a line break": (r'"a\nb"', text),
    "100,000 letters": ('"' + "x" * 100_000 + '"', text),
    "an empty text": ('""', text),
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values stand in a JSON document, the document itself left out."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from paths(child, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def replaced(document: Any, path: tuple[Any, ...], raw: str) -> str:
    """The document as text, with `raw` in the place of one value."""
    copy = json.loads(json.dumps(document))
    at(copy, path[:-1])[path[-1]] = MARK
    return json.dumps(copy).replace(f'"{MARK}"', raw)


def json_texts(
    document: dict[str, Any], free: tuple[str, ...], rng: np.random.Generator, count: int
) -> Iterator[tuple[str, str]]:
    """(what was done, the text) of `count` values in seeded places, each another spoiled value where there are so many."""
    places = [path for path in paths(document) if not dotted(path).startswith(free)]
    names = list(VALUES)
    for n in range(count):
        name = names[n % len(names)]
        raw, fits = VALUES[name]
        chosen = [path for path in places if at(document, path) is not None and fits(at(document, path))]
        if chosen:
            path = chosen[rng.integers(len(chosen))]
            yield f"{dotted(path)} is {name}", replaced(document, path, raw)
    for path in [path for path in paths(document) if isinstance(path[-1], str)][:3]:
        raw = json.dumps(at(document, path))
        yield f"{dotted(path)} stands twice", replaced(document, path, f"{raw}, {json.dumps(path[-1])}: {raw}")


def dotted(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


WHOLE_TEXTS = {
    "nothing": "",
    "a null": "null",
    "a list": "[]",
    "a number": "3",
    "a text": '"x"',
    "deep lists": "[" * DEEP,
    "5,000 digits": DIGITS,
}


def any_bytes(data: bytes, rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Spoiled encodings of any text."""
    place = int(rng.integers(1, len(data) - 1))
    yield "a byte that is not UTF-8", data[:place] + b"\xff" + data[place:]
    yield "a NUL", data[:place] + b"\0" + data[place:]
    yield "UTF-16", data.decode().encode("utf-16")
    yield "blanks only", b" \n\t\n"


TOKENS = ("x", "1.5", "nan", "inf", "²", "٣", DIGITS, "1" + "0" * 30, "\x1b[31m", "\u202e7", "0x3", "1_0")


def tokens(data: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Texts with another word in the place of a number."""
    found = list(re.finditer(r"(?<![\w.@:-])[0-9]+(?![\w.@:-])", data))
    for word in TOKENS:
        one = found[rng.integers(len(found))]
        yield f"{word[:20]!r} for {one[0]} at {one.start()}", data[: one.start()] + word + data[one.end() :]


def lines(data: str, header: bool) -> Iterator[tuple[str, str]]:
    """Texts with a word or a line too few or too many; `header` says that the first line names columns."""
    rows = data.rstrip("\n").split("\n")
    numbers = [i for i, row in enumerate(rows) if re.search("[0-9]", row)]
    last = numbers[-1]
    yield "the last word is missing", "\n".join([*rows[:last], re.split("[ ,][^ ,]*$", rows[last])[0]])
    yield "a further word", "\n".join([*rows[:last], rows[last] + (",9" if header else " 9")])
    yield "a further line", data + "7 7 7\n"
    first = 0 if header else numbers[0]
    yield "the first line is missing", "\n".join([*rows[:first], *rows[first + 1 :]])


def spoiled(original: Original, rng: np.random.Generator, count: int) -> Iterator[tuple[str, bytes]]:
    """(what was done, the new content) of the spoiled file; about `count`, of every way at least one."""
    if original.kind == "tensors":
        yield from checkpoints(original, rng, count)
        return
    data = original.data.decode()
    if original.kind == "text":
        new_lines = lines(data, header=original.spoiled.endswith(".csv"))
        yield from ((what, new.encode()) for what, new in (*tokens(data, rng), *new_lines))
        yield from any_bytes(original.data, rng)
        return
    first, rest = data.split("\n", 1) if original.kind == "lines" else (data, "")
    for what, new in json_texts(json.loads(first), original.free, rng, count):
        if original.kind == "lines" and "empty text" in what:
            continue  # some fields of results may be empty
        yield what, f"{new}\n{rest}".encode("utf-8", "surrogatepass")
    for what, new in WHOLE_TEXTS.items():
        if new or original.kind == "json":
            yield what, f"{new}\n{rest}".encode()
    yield "the end is cut off", f"{first[: int(rng.integers(2, len(first) - 1))]}\n{rest}".encode()
    yield "a further bracket", f"{first}]\n{rest}".encode()
    yield from list(any_bytes(original.data, rng))[: 3 if original.kind == "lines" else 4]


def checkpoints(original: Original, rng: np.random.Generator, count: int) -> Iterator[tuple[str, bytes]]:
    """safetensors: 8 bytes that say how long the header is, the header in JSON, tensors."""
    data = original.data
    size = int.from_bytes(data[:8], "little")
    header, tensors = json.loads(data[8 : 8 + size]), data[8 + size :]
    about = json.loads(header["__metadata__"]["about"])

    def file(header: Any, tensors: bytes = tensors) -> bytes:
        plain = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(plain)) + plain + tensors

    def described(text: str) -> bytes:
        return file({**header, "__metadata__": {"about": text}})

    yield from ((f"about: {what}", described(new)) for what, new in json_texts(about, original.free, rng, count))
    yield from ((f"about: {what}", described(new)) for what, new in WHOLE_TEXTS.items())
    names = [name for name in header if name != "__metadata__"]
    for what, change in {"dtype": "F64", "dtype ": "X9", "shape": [7], "data_offsets": [0, 2**60], "shape ": "x"}.items():
        name = names[rng.integers(len(names))]
        yield f"{name} has the {what} {change}", file({**header, name: {**header[name], what.strip(): change}})
    yield "a tensor is missing", file({name: value for name, value in header.items() if name != names[0]})
    yield "no metadata", file({name: value for name, value in header.items() if name != "__metadata__"})
    yield "metadata that are no texts", file({**header, "__metadata__": {"about": about}})
    yield "a header of lists", file(b"[" * 100_000)
    yield "a value that is not a number", file(header, np.full(len(tensors) // 4, np.nan, np.float32).tobytes())
    for what, new in {
        "nothing": b"",
        "a short file": data[:100],
        "a cut file": data[:-4],
        "a longer file": data + b"\0" * 4,
    }.items():
        yield what, new
    yield "a header of 2^62 bytes", struct.pack("<Q", 2**62) + data[8:]
