"""JSON Schemas of the JSON files that dispatchgym reads and writes, made from the tables that its readers use.

    python -m dispatchgym.schemas [FOLDER]      writes them, by default to docs/schemas

A file that a schema refuses is refused by the reader too. The reader also checks what one value must be in the light of
others, so it is the last word.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispatchgym import families
from dispatchgym.agents import bounds, checkpoint
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.commands import schedules
from dispatchgym.evaluation import record, row
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import write_text
from dispatchgym.instances.json_shapes import DRAFT, Key, Object, OneOf, Text, document
from dispatchgym.instances.names import printable
from dispatchgym.tuning import results

FOLDER = Path("docs/schemas")


def policy() -> dict[str, Any]:
    """Of policy.json, which is the metadata of policy.safetensors too."""
    head = {"format": Key(OneOf((checkpoint.FORMAT,))), "problem": Key(Text(), "the family"), "network": Key(checkpoint.NETWORK)}
    found = document("policy.json: what a policy's network is, and how it was trained", Object(head, closed=False))
    found["properties"]["config"] = bounds.schema(TrainConfig())
    return found


def _made(shape: Any) -> Any:
    """A shape, or what the function gives that makes it."""
    return shape() if callable(shape) else shape


def schemas() -> dict[str, dict[str, Any]]:
    """Name of the file -> JSON Schema."""
    cards = [families.load(name) for name in families.NAMES]
    return {
        **{name: document(what, _made(shape.value)) for card in cards for name, (what, shape) in card.schemas.items()},
        "policy": policy(),
        "settings": {"$schema": DRAFT, "title": "settings of a training", **bounds.schema(TrainConfig())},
        "result": row.schema(),
        "run": document("run.json: how an evaluation was made", record.RUN),
        "tune": document("tune.json: what a tuning found", results.RESULT),
        "schedule": document("a schedule, with the fields of its family", schedules.HEAD),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if len(words) > 1 or words[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0 if len(words) == 1 else 2
    folder = Path(words[0]) if words else FOLDER
    try:
        if not folder.is_dir():
            raise InputError(f"{folder}: is no folder")
        for name, schema in schemas().items():
            write_text(folder / f"{name}.schema.json", json.dumps(schema, indent=1) + "\n")
    except InputError as error:
        print(printable(f"error: {error}", 300), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
