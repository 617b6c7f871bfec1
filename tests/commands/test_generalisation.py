"""The benchmark of generalisation: who is compared with whom, what is kept, and what its numbers mean."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import distributions, generalisation
from benchmarks.distributions import DISTRIBUTIONS, RULES, Distribution, of_family
from benchmarks.generalisation import Played, compare
from dispatchgym import families
from dispatchgym.instances.errors import InputError

ANSWERS = {"policy": (10.0, 30.0), "a": (20.0, 20.0), "b": (10.0, 50.0), "none": (None, None)}


def answer(method: str, instance: int) -> Played | None:
    value = ANSWERS[method][instance]
    return None if value is None else Played(value, {"policy": 8.0}.get(method, 10.0))


def line_of(*rules: str, alike: bool) -> Any:
    return compare(Distribution("toy", "toy", lambda i: i, alike), 2, "policy", rules, answer)


def test_alike_instances_have_one_best_rule_and_others_their_own() -> None:
    common, own = line_of("a", "b", "none", alike=True), line_of("a", "b", "none", alike=False)
    assert (common.rule, common.ratios) == ("a", (0.5, 1.5))  # a: 20 * 20, b: 10 * 50
    assert (own.rule, own.ratios) == ("each its own", (1.0, 1.5))
    assert common.mean == pytest.approx(math.sqrt(0.75))
    assert common.jobs == pytest.approx(0.8)
    with pytest.raises(InputError, match="no answer to compare"):
        line_of("none", alike=False)


def test_every_distribution_loads_and_differs_from_instance_to_instance() -> None:
    assert {x.family for x in DISTRIBUTIONS} == set(RULES)
    assert len({(x.family, x.label) for x in DISTRIBUTIONS}) == len(DISTRIBUTIONS) > 50
    for distribution in DISTRIBUTIONS:
        first, second = distribution.instances(2)
        assert first.name != second.name
    for family, rules in RULES.items():
        for rule in rules:
            families.load(family).validate(rule)


def test_the_table_is_written_and_what_was_played_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["static-dag", "--policy", "policy", "--only", "pipelines, cons", "--count", "2", "--rules", "heft", "met"]
    words += ["--out", str(tmp_path / "kept"), "--tables", str(tmp_path)]
    generalisation.main(words)
    page = (tmp_path / "generalisation-static-dag.md").read_text()
    assert "| pipelines, consistent | 2 |" in page
    kept = (tmp_path / "kept" / "static-dag.jsonl").read_text()
    assert len(kept.splitlines()) == 6
    (tmp_path / "kept" / "static-dag.jsonl").write_text(kept + '{"torn')
    generalisation.main(words)
    assert (tmp_path / "generalisation-static-dag.md").read_text() == page
    assert len((tmp_path / "kept" / "static-dag.jsonl").read_text().splitlines()) == 7
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["jobshops"], "jobshops: no distributions are listed"),
        (["soc", "--only", "chip's"], "no distribution of soc begins with chip's"),
        (["soc", "--count", "0"], "--count 0 is not positive"),
        (["soc", "--rules", "fast"], "fast"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        generalisation.main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert distributions.of_family("soc", ()) == of_family("soc", [])
