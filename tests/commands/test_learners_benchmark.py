"""The comparison of the learners trains what is missing, has every schedule judged, and writes table, data and page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest

from benchmarks import ablation, learners, study
from dispatchgym.agents import bounds
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.instances.errors import InputError
from dispatchgym.train import main as train
from tests.core.test_layout import ROOT

PAGE = "# Agent\n<!-- learners-jobshop:begin -->\nold\n<!-- learners-jobshop:end -->\nrest\n"
TINY = ["--clock", "cpu", "--minutes", "1e-5", "--sizes", "3x3", "--hard", "0", "--instances", "2", "--samples", "4"]
SMALL = ["--width", "8", "--layers", "1", "--hidden", "8"]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> learners.Options:
    """Three tiny runs, and a page to fill."""
    folder = tmp_path_factory.mktemp("learners")
    (folder / "agent.md").write_text(PAGE)
    made = learners.Options(minutes=0.0, count=9, study=folder / "study", tables=folder / "tables", docs=folder)
    for learner, seed in (("ppo", 0), ("ppo", 1), ("preference", 0)):
        out = str(learners.study_of(made).folder(learner, seed))
        train(["jobshop", *TINY, *SMALL, "--learner", learner, "--seed", str(seed), "--out", out])
    learners.benchmark(made)
    return made


def test_the_table_has_the_gaps_of_all_seeds_and_their_mean(options: learners.Options) -> None:
    rows = json.loads((options.tables / "learners-jobshop.json").read_text())["rows"]
    assert [(row["name"], row["seed"], len(row["gaps"])) for row in rows] == [
        ("ppo", 0, 9),
        ("ppo", 1, 9),
        ("preference", 0, 9),
    ]
    for row in rows:
        assert row["gap"] == pytest.approx(fmean(row["gaps"]))
        assert min(row["gaps"]) >= 0.0
    text = (options.tables / "learners-jobshop.md").read_text()
    a, b, c = (row["gap"] for row in rows)
    assert f"| {a:.2f} {b:.2f} | {(a + b) / 2:.2f} ± {abs(a - b) / 2**0.5:.2f} |" in text
    assert f"| {c:.2f} | {c:.2f} |" in text
    page = (options.docs / "agent.md").read_text()
    assert text.strip() in page
    assert "old" not in page


def test_the_same_command_plays_the_same(options: learners.Options) -> None:
    before = json.loads((options.tables / "learners-jobshop.json").read_text())["rows"]
    learners.benchmark(options)
    assert json.loads((options.tables / "learners-jobshop.json").read_text())["rows"] == before


def test_what_was_stopped_is_resumed_and_what_is_done_is_left(options: learners.Options, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def run(words: list[str], check: bool) -> Any:
        started.append(words[2:])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    asked = {"study": options.study, "learners": ("ppo", "reinforce"), "seeds": (0, 1)}
    study.train(learners.study_of(learners.Options(minutes=5.0, **asked)))
    names = [Path(words[words.index("--out") + 1]).name for words in started]
    assert names == ["ppo-seed0", "reinforce-seed0", "ppo-seed1", "reinforce-seed1"]
    assert [words[-1] == "--resume" for words in started] == [True, False, True, False]
    assert all("--clock cpu --minutes 5 " in " ".join(words) for words in started)
    assert "--samples 8" in " ".join(started[1])
    finished = learners.study_of(options).folder("ppo", 1) / "policy.json"
    about = json.loads(finished.read_text())
    finished.write_text(json.dumps(about | {"minutes": 5.0}))
    started.clear()
    study.train(learners.study_of(learners.Options(minutes=5.0, **asked)))
    assert "ppo-seed1" not in " ".join(started[2])
    assert len(started) == 3
    finished.write_text(json.dumps(about))


def test_every_learner_that_resumes_is_compared_with_settings_that_exist() -> None:
    assert {*learners.SETTINGS, "sb3"} == set(get_args(get_type_hints(TrainConfig)["learner"]))


def test_the_page_has_the_blocks() -> None:
    text = (ROOT / "docs" / "agent.md").read_text()
    for family in learners.SIZES:
        assert text.count(f"<!-- learners-{family}:") == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learners": ("luck",)}, "--learners luck is none of ppo, "),
        ({"minutes": -1.0}, "--minutes must be between 0 and 100000"),
        ({"minutes": float("nan")}, "--minutes must be between"),
        ({"count": 0}, "--count between 1 and 10000"),
        ({"family": "static-dag"}, "needs one '<!-- learners-static-dag:begin -->'"),
        ({"learners": ("reinforce",)}, "has no trained policy; give --minutes"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(changes: dict[str, Any], said: str, options: learners.Options) -> None:
    asked = {"minutes": 0.0, "study": options.study, "tables": options.tables, "docs": options.docs, **changes}
    with pytest.raises(InputError, match=said):
        learners.benchmark(learners.Options(**asked))


def test_networks_are_compared_with_the_rate_of_each(tmp_path: Path) -> None:
    (tmp_path / "agent.md").write_text("<!-- ablation:begin -->\n<!-- ablation:end -->\n")
    names = ("plain", "attention-4")
    asked = {"networks": names, "seeds": (5,), "sizes": ("3x3",), "count": 8, "seconds": 1e-3}
    made = ablation.Options(minutes=0.0, study=tmp_path / "runs", tables=tmp_path, docs=tmp_path, **asked)
    compared = ablation.study_of(made)
    for name in names:
        train(["jobshop", *TINY, *SMALL, *ablation.NETWORKS[name].split(), "--seed", "5", "--out", str(compared.folder(name, 5))])
    ablation.benchmark(made)
    rows = json.loads((tmp_path / "ablation.json").read_text())["rows"]
    assert [(row["name"], row["seed"], len(row["gaps"])) for row in rows] == [("plain", 5, 8), ("attention-4", 5, 8)]
    rates = [float(row["measured"]["schedules/CPU-s at 10x10"].replace(",", "")) for row in rows]
    assert min(rates) > 0
    page = (tmp_path / "agent.md").read_text()
    assert "| attention-4 | `--attention 4` | 1 | 0.0 |" in page
    assert "--networks plain attention-4 --seeds 5 --sizes 3x3 --minutes 1e-05`" in page


def test_every_network_is_one_that_can_be_trained() -> None:
    for words in ablation.NETWORKS.values():
        values = dict(zip(words.split()[::2], words.split()[1::2], strict=True))
        bounds.validate(TrainConfig(steps=1, **{k.removeprefix("--").replace("-", "_"): int(v) for k, v in values.items()}))
    with pytest.raises(InputError, match="--networks luck is none of plain, "):
        ablation.study_of(ablation.Options(networks=("luck",)))
