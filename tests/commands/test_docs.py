"""The documentation points at files that exist and describes as many features as there are."""

import re
from pathlib import Path

import gymnasium
import pytest

from benchmarks import markdown_blocks as blocks
from dispatchgym import families
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.baselines.jobshop.methods import METHODS
from dispatchgym.envs.core.columns import markdown_table
from dispatchgym.envs.jobshop import layout
from dispatchgym.envs.jobshop.env import JobShopKeywords
from dispatchgym.evaluate import Options
from dispatchgym.instances.errors import InputError
from dispatchgym.train import Run
from docs import make_images
from tests.corpus.requests import kinds

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FAMILY = (ROOT / "docs" / "jobshop.md").read_text()


def anchors(page):
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    documented = re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)  # the site writes these sections from docstrings
    return {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads} | set(documented)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    assert links or page.name == "CONTRIBUTING.md" or page.parent.name == "api"
    for link in links:
        path, _, anchor = link.partition("#")
        if "://" not in link:
            target = (page.parent / path) if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_name_scripts_that_exist(page):
    for script in re.findall(r"python ([\w/]+\.py)", page.read_text()):
        assert (ROOT / script).exists(), script


@pytest.mark.parametrize("name", ["candidates", "context", "tasks", "resources", "runs-on"])
def test_feature_tables_are_those_of_the_layout(name):
    columns = {
        "candidates": layout.Candidate,
        "context": layout.Context,
        "tasks": layout.TaskNode,
        "resources": layout.ResourceNode,
        "runs-on": layout.RunsOn,
    }[name]
    assert blocks.replaced(FAMILY, f"jobshop-{name}", markdown_table(columns), Path("jobshop.md")) == FAMILY


def test_every_key_method_and_keyword_is_described():
    env = gymnasium.make("dispatchgym:dispatchgym/JobShop-v0", instance="ft06")
    for name in (*env.observation_space.spaces, *METHODS, *JobShopKeywords.words):
        assert f"`{name}`" in FAMILY, name


def test_methods_with_a_limit_that_texts_mention_exist():
    known = {name for family in map(families.load, families.NAMES) for name in family.method_help()} | {"policy", "my-search"}
    texts = [*PAGES, *(p for folder in ("agents", "baselines", "dispatchgym", "envs") for p in (ROOT / folder).glob("**/*.py"))]
    mentioned = {}
    for path in texts:
        for name in re.findall(r"[\s`\"(]([a-z][a-z0-9-]*):(?:x?\d+|\d*\.?\d+m?s)(?=[`\s\"),.;]|$)", path.read_text()):
            mentioned.setdefault(name, path)
    assert {"tabu", "cpsat", "policy", "heft"} <= mentioned.keys()
    assert {name: path for name, path in mentioned.items() if name not in known} == {}


def test_options_that_messages_and_pages_mention_exist():
    # Of every command; what a truth value's other option begins with; of torchrun.
    words = {"--help", "--version", "--config", "--no", "--nproc-per-node", "--python"}
    for family in map(families.load, families.NAMES):
        owners = [TrainConfig, Run, Options, *(x.value for x in (family.options, family.train_options) if x is not None)]
        words |= {option for owner in owners for option, _ in kinds(owner)}
    texts = [p for folder in ("agents", "baselines", "dispatchgym") for p in (ROOT / folder).glob("**/*.py")]
    mentioned = {}
    for path in texts:
        words |= set(re.findall(r"add_argument\(\"(--[a-z-]+)", path.read_text()))
        fields = re.findall(r"^    ([a-z_]+): ", path.read_text(), re.MULTILINE) if path.parent.name == "commands" else []
        words |= {f"--{name.replace('_', '-')}" for name in fields}
        for word in re.findall(r"[\s`\"(](--[a-z][a-z0-9.-]*[a-z0-9])", path.read_text()):
            mentioned.setdefault(word, path)
    assert "--resume" in mentioned
    assert {
        word: path for word, path in mentioned.items() if word.replace("--no-", "--") not in words and "--tyro-" not in word
    } == {}


def test_a_block_is_replaced_and_the_rest_is_kept(tmp_path):
    page, source = tmp_path / "page.md", tmp_path / "table.md"
    page.write_text("before\n<!-- a:begin -->\nold\n<!-- a:end -->\nafter\n<!-- b:begin -->\n<!-- b:end -->\n")
    source.write_text("# Speed\n\n| x |\n")
    assert blocks.main([str(page), "a", str(source), str(source)]) == 0
    one = "**Speed**\n\n| x |"
    expected = f"before\n<!-- a:begin -->\n\n{one}\n\n{one}\n\n<!-- a:end -->\nafter\n<!-- b:begin -->\n<!-- b:end -->\n"
    assert page.read_text() == expected
    assert blocks.main([str(page), "a", str(source), str(source)]) == 0
    assert page.read_text() == expected


@pytest.mark.parametrize("text", ["", "<!-- a:begin -->", "<!-- a:end --><!-- a:begin -->", "<!-- a:begin --><!-- a:end -->" * 2])
def test_a_page_without_its_block_is_refused(text):
    with pytest.raises(InputError, match="needs one"):
        blocks.replaced(text, "a", "new", Path("page.md"))


def test_the_blocks_that_scripts_fill_are_there():
    for page, name in (
        ("README.md", "results"),
        ("README.md", "peers"),
        ("docs/benchmarks.md", "throughput"),
        ("README.md", "training"),
        ("docs/agent.md", "curves"),
    ):
        blocks.replaced((ROOT / page).read_text(), name, "", Path(page))


def test_a_bad_log_is_refused_before_anything_is_drawn(tmp_path, capsys):
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "docs").rglob("*.*")}
    (tmp_path / "log.jsonl").write_text("nothing\n")
    assert make_images.main(["--log", str(tmp_path / "log.jsonl")]) == 2
    error = capsys.readouterr().err
    assert "is not the log of a run" in error
    assert error.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "docs").rglob("*.*")} == before
