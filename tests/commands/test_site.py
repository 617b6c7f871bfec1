"""The documentation as a site: it builds without a warning, and has the pages, the docstrings and nothing from elsewhere."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from dispatchgym import __version__
from docs.site_hooks import on_page_markdown
from tests.report.browser import Browser, find

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def test_every_page_is_in_the_menu_and_built(site: Path) -> None:
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    pages |= {path.relative_to(docs).with_suffix(".md").as_posix() for path in docs.rglob("*.ipynb")}
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


def test_links_and_pictures_of_every_page_are_there(site: Path) -> None:
    for path in site.rglob("*.html"):
        if path.name == "404.html":  # its links are those of a server's root
            continue
        for link in set(re.findall(r"(?:href|src)=[\"']?([^\"'\s>]+)", path.read_text())):
            target = unquote(html.unescape(link)).partition("#")[0].partition("?")[0]
            if target and not re.match(r"[a-z]+:", target):
                assert (path.parent / target).exists(), f"{path.name}: {link}"


def test_the_search_of_the_site_works_from_a_file(site: Path) -> None:
    program = find()
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    field, results = (
        "document.querySelector('[data-md-component=search-query]')",
        "document.querySelectorAll('.md-search-result__link')",
    )
    with Browser(program) as browser:
        browser.open(site / "tasks" / "train.html")
        browser.wait(f"{field} !== null")
        browser.evaluate(f"({field}.focus(), {field}.value = 'deadlock', true)")
        browser.evaluate(f"{field}.dispatchEvent(new KeyboardEvent('keyup', {{ bubbles: true, key: 'k' }}))")
        browser.wait(f"{results}.length > 0")
        assert "/blocking.html" in browser.evaluate(f"{results}[0].href")
        assert browser.errors == []


def test_a_notebook_is_a_page_with_its_outputs(site: Path) -> None:
    page = (site / "tutorials" / "first-environment.html").read_text()
    assert "100 random episodes: best " in html.unescape(re.sub("<[^>]+>", "", page))
    assert 'src="data:image/png;base64,' in page
    assert 'href="first-environment.ipynb" download' in page


class Page:
    class file:
        src_uri = "api/x.md"


def test_links_out_of_the_pages_are_names_on_the_site() -> None:
    text = on_page_markdown("[the rules](../../envs/core/rules.py) [`x.py`](../../a/x.py) [here](../agent.md#a)", page=Page)
    assert text == "the rules (`envs/core/rules.py`) `x.py` [here](../agent.md#a)"
    assert on_page_markdown("[one](tutorials/a.ipynb) [two](a.ipynb#b)", page=Page) == "[one](tutorials/a.md) [two](a.md#b)"


def test_the_citation_names_the_version() -> None:
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
