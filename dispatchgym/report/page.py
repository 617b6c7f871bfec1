"""One HTML file that needs no other: template, style, scripts, data and Plotly in it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispatchgym.instances.extras import need
from dispatchgym.instances.files import write_text
from dispatchgym.report.figures import figure
from dispatchgym.report.scene import Chart, Scene
from dispatchgym.report.summary import Table

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("tables.js", "scene.js", "player.js", "page.js")
# Okabe & Ito's colours without yellow, as in the pictures of --plot.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


@dataclasses.dataclass
class Drawn:
    """A schedule of one method, with its heading."""

    heading: str
    scenes: list[Scene]


@dataclasses.dataclass
class Page:
    """All that a report shows, in the order of the file; empty parts are left out."""

    title: str
    head: Sequence[str]
    command: str
    facts: Sequence[tuple[str, str]]  # about the run: name and value
    alarms: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    curves: dict[str, Chart] = dataclasses.field(default_factory=dict)  # one of them is shown, by its name
    schedules: dict[str, list[Drawn]] = dataclasses.field(default_factory=dict)  # of an instance
    episodes: Sequence[Any] = ()  # of episodes.Played
    answers: Table | None = None
    notes: Sequence[str] = ()


def require() -> None:
    """MissingExtra unless reports can be written."""
    need("jinja2", "plotly", what="--report")


def write(page: Page, path: Path) -> None:
    """Write `page` to `path`. InputError where a package is missing."""
    require()
    write_text(path, render(page))


def render(page: Page) -> str:
    """The page as HTML."""
    import jinja2
    from plotly.offline import get_plotlyjs

    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    data = {
        "charts": [figure(chart, COLOURS) for chart in page.charts],
        "curves": {name: figure(chart, COLOURS) for name, chart in page.curves.items()},
        "schedules": {
            name: [{"heading": one.heading, "scenes": [_plain(scene) for scene in one.scenes]} for one in drawn]
            for name, drawn in page.schedules.items()
        },
        "episodes": [{"scene": _plain(one.scene), "steps": one.steps} for one in page.episodes],
    }
    plotted = bool(page.charts or page.curves)
    return environment.get_template("page.html").render(
        page=page,
        data=_for_script(json.dumps(_finite(data), separators=(",", ":"), allow_nan=False)),
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        scripts=[(TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS],
        plotly=_for_script(get_plotlyjs()) if plotted else "",
    )


def _plain(scene: Scene) -> dict[str, Any]:
    """A scene without its optional parts that are empty."""
    needed = {part.name for part in dataclasses.fields(scene) if part.default is part.default_factory is dataclasses.MISSING}
    return {name: value for name, value in vars(scene).items() if name in needed or value not in (None, "", [], {})}


def _for_script(text: str) -> str:
    """`text` so that nothing in it ends the script element that it stands in."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _finite(value: Any) -> Any:
    """`value` for JSON: numpy's numbers as Python's, and null for what is not finite."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value
