"""The study of the learners trains what is missing, measures what exists and writes what the documentation shows."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import curves
from dispatchgym.instances.errors import InputError
from dispatchgym.train import main as train
from tests.agents.trainings import TINY_WORDS

PAGE = "# Agent\n<!-- curves:begin -->\nold\n<!-- curves:end -->\nrest\n"
TINY = ["--minutes", "1e-5", "--clock", "cpu", *TINY_WORDS]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for learner, seed in (("ppo", 0), ("ppo", 1), ("self-label", 0)):
        train(["jobshop", *TINY, "--learner", learner, "--seed", str(seed), "--out", str(folder / f"{learner}-seed{seed}")])
    return folder


@pytest.fixture(scope="module")
def outcome(study, tmp_path_factory):
    docs = tmp_path_factory.mktemp("docs")
    (docs / "agent.md").write_text(PAGE)
    options = curves.Options(instances=("ft06", "la01"), study=study, out=docs / "results", docs=docs)
    curves.benchmark(options)
    return docs


def test_the_table_has_a_row_for_each_run_and_a_mean_for_each_learner_with_several_seeds(outcome):
    text = (outcome / "agent.md").read_text()
    data = json.loads((outcome / "data" / "curves.json").read_text())
    gaps = [run["gap"] for run in data["runs"]]
    assert [(run["learner"], run["seed"]) for run in data["runs"]] == [("ppo", 0), ("ppo", 1), ("self-label", 0)]
    rows = [line for line in text.splitlines() if line.startswith("| ppo") or line.startswith("| self-label")]
    assert [row.split("|")[-2].strip() for row in rows] == [f"{gap:.2f}" for gap in gaps]
    assert f"**{(gaps[0] + gaps[1]) / 2:.2f} ± {abs(gaps[0] - gaps[1]) / 2**0.5:.2f}**" in text
    assert "**self-label**" not in text
    assert "old" not in text
    assert text.startswith("# Agent")
    assert text.endswith("rest\n")


def test_the_data_hold_every_gap_and_the_validation_series(outcome):
    for run in json.loads((outcome / "data" / "curves.json").read_text())["runs"]:
        assert set(run["gaps"]) == {"ft06", "la01"}
        assert all(gap >= 0 for gap in run["gaps"].values())
        assert min(run["rules"].values()) > 0
        assert [set(point) for point in run["log"]] == [{"minutes", "episodes", "validation"}]


def test_the_picture_is_written(outcome):
    assert (outcome / "images" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_training_runs_what_is_missing_and_resumes_what_was_stopped(study, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "run", lambda words, check: started.append(words[2:]) or SimpleNamespace(returncode=0))
    runs = shutil.copytree(study, tmp_path / "study")
    finished = json.loads((runs / "ppo-seed0" / "policy.json").read_text()) | {"minutes": 7.0}
    (runs / "ppo-seed0" / "policy.json").write_text(json.dumps(finished))
    curves.train(curves.Options(minutes=7, seeds=(0, 1), study=runs))
    assert [Path(words[words.index("--out") + 1]).name for words in started] == [
        "self-label-seed0",
        "ppo-seed1",
        "self-label-seed1",
    ]
    assert [words[-1] == "--resume" for words in started] == [True, True, False]
    assert all("--clock cpu --minutes 7 " in " ".join(words) for words in started)


def test_a_failed_training_ends_the_study_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda words, check: SimpleNamespace(returncode=2))
    with pytest.raises(InputError, match=r"python train\.py jobshop .* ended with status 2"):
        curves.train(curves.Options(study=tmp_path))


@pytest.mark.parametrize(("change", "said"), [({"clock": "wall"}, "CPU-minutes"), ({"minutes": 9.0}, "1e-05 and 9 CPU-minutes")])
def test_runs_that_do_not_compare_are_refused(change, said, study, tmp_path):
    runs = shutil.copytree(study, tmp_path / "study")
    about = json.loads((runs / "ppo-seed0" / "policy.json").read_text())
    about["config"] |= change
    (runs / "ppo-seed0" / "policy.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=said):
        curves.find_runs(runs)


def test_a_stopped_run_says_so():
    assert curves.spent({"minutes": 3.04, "budget": 20.0}) == "3.0 of 20"
    assert curves.spent({"minutes": 20.0, "budget": 20.0}) == "20.0"


@pytest.mark.parametrize(("page", "said"), [(None, "no such file"), ("no block", "needs one"), (PAGE, "no trained policy")])
def test_bad_input_is_one_line_and_status_two(page, said, tmp_path, capsys):
    if page is not None:
        (tmp_path / "agent.md").write_text(page)
    with pytest.raises(SystemExit, match="2"):
        curves.main(["--docs", str(tmp_path), "--study", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
