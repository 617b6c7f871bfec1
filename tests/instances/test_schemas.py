"""The JSON Schemas in docs/schemas are those of the readers; every valid file satisfies its own; no schema refuses more."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator as Validator

from dispatchgym import evaluate, schemas
from dispatchgym.agents import bounds, checkpoint
from dispatchgym.agents.settings import TrainConfig, parts
from dispatchgym.commands import schedules
from dispatchgym.evaluation import record
from dispatchgym.instances.cpmodel import json_files as cpmodel_files
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import json_files
from dispatchgym.instances.json_fields import parse
from dispatchgym.instances.memory import files as memory_files
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.tuning import results as tuning
from tests.corpus import originals
from tests.corpus.spoil import at, paths

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = schemas.schemas()
NETWORK = {
    "features": {"candidate": 3, "context": 2, "task": 4, "resource": 1, "runs_on": 0},
    "width": 8, "layers": 1, "hidden": 8, "encode_every": 0, "attention": 2,
}  # fmt: skip
POLICY = {"format": 1, "problem": "jobshop", "network": NETWORK, "config": {"rate": 0.1}}
WHOLE = {**originals.WORKLOAD, "platform": originals.PLATFORM, "applications": [originals.APPLICATION]}
CPMODEL = {
    "problem": "cpmodel", "name": "mine", "horizon": 60, "lower_bound": 3, "best_known": 90,
    "resources": [{"name": "saw", "capacity": 1, "breaks": [[4, 6, 1]]}],
    "tasks": [
        {"name": "a", "modes": [{"duration": 2, "demands": [[0, 1]], "cost": 1}, {"duration": 3}], "release": 1, "group": 0},
        {"name": "b", "modes": [{"duration": 2}, {"duration": 4}], "deadline": 50, "due": 5},
    ],
    "lags": [{"first": 0, "second": 1, "kind": "SS", "least": 2, "first_mode": 0, "second_mode": 1}],
    "links": [{"first": 0, "first_mode": 1, "second": 1, "second_modes": [0]}],
    "objective": {"makespan": 2, "completion": [1, 0], "tardiness": [0, 1], "lateness": 1, "cost": 1, "offset": 7},
}  # fmt: skip
# schema -> a valid document
DOCUMENTS: dict[str, dict[str, Any]] = {
    "jobshop": originals.OWN,
    "cpmodel": CPMODEL,
    "soc-job": originals.APPLICATION,
    "soc-platform": originals.PLATFORM,
    "soc-workload": WHOLE,
    "static-het-dag": originals.GRAPH,
    "memory-program": originals.PROGRAM,
    "policy": POLICY,
    "run": {
        "command": "python evaluate.py jobshop", "date": "2026-01-02T03:04:05+00:00",
        "seed": 0, "workers": 2, "solver_workers": 1, "clock": "cpu",
        "versions": {"python": "3.12"}, "machine": {"cpu": "a", "cores": 2}, "earlier": [{"command": "b"}],
    },
    "tune": {
        "format": "dispatchgym-tune/1", "problem": "jobshop",
        "tuning": {"seeds": [0], "trials": [
            {"number": 0, "settings": {"rate": 0.1}, "gaps": [{"rung": 1, "gaps": [9.5]}], "state": "stopped"},
        ]},
        "test": {"seeds": [1000], "settings": [{"number": 0, "gaps": [9.5]}]}, "best": 0,
    },
    "schedule": {
        "problem": "jobshop", "instance": "ft06", "source": "ft06", "digest": "ab", "method": "spt", "seed": 0, "objective": 60,
        "table": {"job": [0, 1]}, "curve": [[0.1, 60, 50.5], [0.2, None, None]],
    },
}  # fmt: skip
BUNDLED = sorted((ROOT / "instances" / "data").rglob("*.json")) + sorted((ROOT / "agents" / "pretrained").rglob("policy.json"))
NONE = object()  # no value: the key, or the member of a list, is gone
SPOILED = ("x y", "a/b", {"a": 1}, [[]], 7, -2, 1.5, True, None, 10**30, NONE)


def schema_of(document: dict[str, Any]) -> str:
    """Which schema a file is of, by its `format`."""
    form = str(document.get("format", "jobshop"))
    return {"1": "policy", "dispatchgym-memory-program": "memory-program"}.get(form, form.partition("/")[0])


def read(name: str, document: dict[str, Any]) -> Any:
    """What the reader of that schema makes of a document."""
    text = json.dumps(document)
    readers: dict[str, Callable[[], Any]] = {
        "jobshop": lambda: json_files.parse_json(text, "x.json"),
        "cpmodel": lambda: cpmodel_files.parse_json(text, "x.json"),
        "memory-program": lambda: memory_files.parse_program(text, "x.json"),
        "policy": lambda: checkpoint.network_of(parse(text, "x.json")["network"]),
        "run": lambda: record.RUN.read(parse(text, "x.json")),
        "tune": lambda: tuning.RESULT.read(parse(text, "x.json")),
        "schedule": lambda: schedules.HEAD.read(parse(text, "x.json")),
    }
    return readers.get(name, lambda: soc_files.parse(text, "x.json", Path("/nowhere")))()


def changes(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what was done, the document) for every value in every place, and for a new key in every object."""
    for path in paths(document):
        for value in SPOILED:
            spoiled = copy.deepcopy(document)
            if value is NONE:
                del at(spoiled, path[:-1])[path[-1]]
            else:
                at(spoiled, path[:-1])[path[-1]] = value
            yield f"{path}: {value}", spoiled
        if isinstance(at(document, path), dict):
            spoiled = copy.deepcopy(document)
            at(spoiled, path)["strange"] = 1
            yield f"{path}: a new key", spoiled


def test_the_schemas_in_the_docs_are_those_of_the_readers(tmp_path: Path) -> None:
    assert schemas.main([str(tmp_path)]) == 0
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text() for path in (ROOT / schemas.FOLDER).iterdir()}
    assert {f"{name}.schema.json" for name in SCHEMAS} == set(written)
    for schema in SCHEMAS.values():
        Validator.check_schema(schema)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_comes_with_the_suite_satisfies_its_schema(path: Path) -> None:
    document = json.loads(path.read_text())
    if schema_of(document) in SCHEMAS and "workflow" not in document:  # WfFormat is not ours
        Validator(SCHEMAS[schema_of(document)]).validate(document)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_schema_refuses_the_reader_refuses_too(name: str) -> None:
    document, schema = DOCUMENTS[name], Validator(SCHEMAS[name])
    schema.validate(document)
    read(name, document)
    refused = 0
    for done, spoiled in changes(document):
        if not schema.is_valid(spoiled):
            refused += 1
            if name == "policy" and spoiled.get("network") == NETWORK:  # its reader looks at the head when it loads weights
                continue
            with pytest.raises(InputError):
                raise AssertionError(f"accepted: {done}: {read(name, spoiled)}")
    assert refused >= 40


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_object_in_the_place_of_a_plain_value_satisfies_no_schema(name: str) -> None:
    schema = Validator(SCHEMAS[name])
    for path in paths(DOCUMENTS[name]):
        if not isinstance(at(DOCUMENTS[name], path), dict | list):
            spoiled = copy.deepcopy(DOCUMENTS[name])
            at(spoiled, path[:-1])[path[-1]] = {"strange": 1}
            assert not schema.is_valid(spoiled), path


def test_what_is_written_satisfies_its_schema(tmp_path: Path) -> None:
    for name in ("soc-job", "soc-platform", "soc-workload", "static-het-dag"):
        soc_files.write(read(name, DOCUMENTS[name]), tmp_path / "x.json")
        Validator(SCHEMAS[name]).validate(json.loads((tmp_path / "x.json").read_text()))
    memory_files.write_program(read("memory-program", originals.PROGRAM), tmp_path / "x.json")
    Validator(SCHEMAS["memory-program"]).validate(json.loads((tmp_path / "x.json").read_text()))


def test_what_an_evaluation_writes_satisfies_its_schemas(tmp_path: Path) -> None:
    words = ["jobshop", "--instances", "ft06", "--methods", "spt", "--out", str(tmp_path / "out")]
    for more in ([], ["--resume"]):
        evaluate.main([*words, *more])
        Validator(SCHEMAS["run"]).validate(json.loads((tmp_path / "out" / "run.json").read_text()))
    for path in (tmp_path / "out" / "schedules").iterdir():
        Validator(SCHEMAS["schedule"]).validate(json.loads(path.read_text()))


def test_settings_out_of_their_bounds_satisfy_no_schema() -> None:
    config = TrainConfig(minutes=1.0)
    settings = Validator(SCHEMAS["settings"])
    settings.validate(json.loads(json.dumps(dataclasses.asdict(config))))
    for part in parts(config):
        own = settings if part is config else Validator(bounds.schema(part))
        for field in dataclasses.fields(part):
            if field.name in bounds.BOUNDS:
                for value in (bounds.BOUNDS[field.name].high * 2, -1.0, "much"):
                    assert not own.is_valid({field.name: value}), field.name
    assert not settings.is_valid({"learner": "none"})
    assert not settings.is_valid({"compile": 1})
    assert not settings.is_valid({"ppo": {"epochs": 0}})
