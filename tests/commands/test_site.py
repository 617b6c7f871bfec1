"""The documentation as a site: it builds without a warning, and has the pages, the docstrings and nothing from elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dispatchgym import __version__
from docs.site_hooks import on_page_markdown

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def test_every_page_is_in_the_menu_and_built(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    listed = set(re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert pages == listed
    assert all((site / page).with_suffix(".html").exists() for page in pages)


def test_the_reference_has_the_docstrings_and_the_search_finds_them(site: Path) -> None:
    text = (site / "api" / "comparing.html").read_text()
    assert "Run every method on every instance in processes of their own" in text
    found = json.loads((site / "search" / "search_index.json").read_text())
    assert any("DispatchVectorEnv" in one["title"] for one in found["docs"])


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        loads = re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=\"?(https?:[^\"\s>]+)", path.read_text())
        assert loads == [], path.name


class Page:
    class file:
        src_uri = "api/x.md"


def test_links_out_of_the_pages_are_names_on_the_site() -> None:
    text = on_page_markdown("[the rules](../../envs/core/rules.py) [`x.py`](../../a/x.py) [here](../agent.md#a)", page=Page)
    assert text == "the rules (`envs/core/rules.py`) `x.py` [here](../agent.md#a)"


def test_the_citation_names_the_version() -> None:
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
