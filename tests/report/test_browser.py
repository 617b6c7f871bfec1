"""A report of every family in a browser: it opens without an error and without the network, and it can be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatchgym import evaluate, families, train
from dispatchgym.report import page
from dispatchgym.report.page import Drawn, Page
from dispatchgym.report.scene import Chart, Line, Scene
from dispatchgym.report.summary import Cell, Table
from tests.report.browser import LARGEST_BOX, Browser, find

# Family -> what follows `evaluate.py FAMILY`: rules and, in each, the shipped policy.
COMMANDS = {
    "jobshop": "--instances ft06 la01 --methods spt policy",
    "blocking": "--instances la01/bws la02/bws --methods mwkr policy",
    "soc": "--instances gym-ds3-5,horizon=400 --scale 25 50 --streams 1 --methods etf policy",
    "static-dag": "--instances topcuoglu/v20/ccr1/s0 --methods heft policy",
    "memory-pack": "--instances minimalloc-example --methods size policy",
    "memory-map": "--instances alexnet-b1 --methods all-slow xla policy",
    "cpmodel": "--instances mk01 --methods mwkr policy",
}
# One family of each kind of picture; `DISPATCHGYM_EVERY_REPORT=1` opens those of all families.
OPENED = tuple(COMMANDS) if os.environ.get("DISPATCHGYM_EVERY_REPORT") else ("jobshop", "soc", "memory-map")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find()
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with Browser(path) as found:
        yield found


def test_every_family_has_a_command() -> None:
    assert set(COMMANDS) == set(families.NAMES)


@pytest.mark.parametrize("family", OPENED)
def test_a_report_opens_and_can_be_used(family: str, browser: Browser, tmp_path: Path) -> None:
    evaluate.main([family, *COMMANDS[family].split(), "--out", str(tmp_path / "out"), "--report"])
    browser.errors.clear()
    for width in (1280, 390):
        browser.resize(width, 800)
        browser.open(tmp_path / "out" / "report.html")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width  # only tables scroll sideways
    browser.resize(1280, 800)
    assert browser.evaluate("document.querySelectorAll('.chart .main-svg').length") >= 1

    first = "document.querySelector('#table-0 tbody tr').cells[0].textContent"
    order = [browser.evaluate(first)]
    for _ in range(2):
        browser.click("#table-0 th button")
        order.append(browser.evaluate(first))
    assert len(set(order[1:])) == 2

    browser.hover(*browser.evaluate(LARGEST_BOX))
    browser.wait("!tip.hidden")
    assert "start: " in browser.evaluate("tip.textContent") or "instruction: " in browser.evaluate("tip.textContent")

    span = "report.views[0].x1 - report.views[0].x0"
    before = browser.evaluate(span)
    browser.click("#schedules button[aria-label='zoom in']")
    assert browser.evaluate(span) == pytest.approx(before / 2)
    assert browser.evaluate(
        "report.views.every((view) => view.x1 === report.views[0].x1 || view.group !== report.views[0].group)"
    )
    browser.click("#schedules button[aria-label='show everything']")
    assert browser.evaluate(span) == pytest.approx(before)

    browser.click("#player button[aria-label='next step']")
    assert browser.evaluate("report.player.at") == 1
    shares = browser.evaluate(
        "[...document.querySelectorAll('.choices li span:last-child')].map((x) => parseFloat(x.textContent))"
    )
    assert shares == sorted(shares, reverse=True)
    assert browser.evaluate("(report.player.go(1e9), report.player.view.visible().length === report.player.view.count)")

    browser.click("#copy")
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("[...document.querySelectorAll('details.schedules')].every((x) => x.open && x.dataset.drawn)")
    assert browser.errors == []


def test_a_large_schedule_is_utilisation_until_it_is_zoomed_into(browser: Browser, tmp_path: Path) -> None:
    evaluate.main(["jobshop", "--instances", "ta71", "dmu41", "--methods", "spt", "--out", str(tmp_path / "out"), "--report"])
    dmu, large = "report.views[1]", "report.views[0]"
    browser.errors.clear()
    browser.open(tmp_path / "out" / "report.html")
    browser.evaluate("document.querySelectorAll('details').forEach((x) => { x.open = true; })")
    browser.wait("report.views.length === 2 && Boolean(report.views[1].f)")
    assert browser.evaluate(f"{large}.count") == 2000
    assert browser.evaluate(f"{large}.many") is False
    browser.evaluate(f"{large}.scene.left.push(0), {large}.scene.right.push(1), {large}.scene.low.push(0)")  # one box too many
    browser.evaluate(f"{large}.order.unshift(2000), {large}.draw()")
    assert browser.evaluate(f"{large}.many") is True
    assert browser.evaluate(f"{large}.at(400, 400)") == -1
    browser.evaluate(f"{large}.zoom(0.25)")
    assert browser.evaluate(f"{large}.many") is False
    milliseconds = browser.evaluate(f"((t) => {{ {large}.draw(); return performance.now() - t; }})(performance.now())")
    assert milliseconds < 1000
    assert browser.evaluate(f"{dmu}.many") is False
    assert browser.errors == []


def test_a_name_with_markup_is_text(browser: Browser, tmp_path: Path) -> None:
    bad = "</script><img src=x onerror=alert(1)>"
    scene = Scene("Gantt chart", "time", [0], [1], [0], [0], [bad], [0], ["#000000"], rows=[bad], columns={bad: [bad]})
    line = Line(bad, [1, 2], [3, 4], text=[bad, bad])
    made = Page(bad, [bad], bad, [(bad, bad)], alarms=[bad], schedules={bad: [Drawn(bad, [scene])]}, notes=[bad])
    made.charts, made.curves = [Chart(bad, "x", "y", [line])], {bad: Chart(bad, "x", "y", [line])}
    made.tables = [Table(bad, [bad], [[Cell(bad, bad)]], (bad,))]
    page.write(made, tmp_path / "report.html")
    browser.errors.clear()
    browser.open(tmp_path / "report.html")
    browser.hover(*browser.evaluate(LARGEST_BOX))
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.querySelector('h1').textContent") == bad
    assert bad in browser.evaluate("tip.textContent")
    assert browser.errors == []


def test_the_report_of_a_training_opens(browser: Browser, tmp_path: Path) -> None:
    budget = "--steps 3 --log-every 1 --sizes 3x2 --instances 2 --samples 2"
    train.main(["jobshop", *budget.split(), "--out", str(tmp_path / "run"), "--report"])
    browser.errors.clear()
    for width in (1280, 390):
        browser.resize(width, 800)
        browser.open(tmp_path / "run" / "report.html")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
    text = browser.evaluate("document.body.textContent")
    assert "best validation" in text
    assert "best rule: " in browser.evaluate("document.querySelector('#chart-0').textContent")
    assert browser.evaluate("document.querySelectorAll('#table-0 tbody tr').length") == 3
    assert browser.errors == []
