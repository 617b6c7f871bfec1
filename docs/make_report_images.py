"""Draws the pictures of docs/report.md: the report of an evaluation in Chromium, on a wide screen and on a phone.

    python docs/make_report_images.py

The rules and the shipped policy play with a fixed seed and no time limit, so that every run shows the same schedules; times and
the machine differ. It needs Chromium on the path. Writes docs/images/report-*.png.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from PIL import Image

from dispatchgym import evaluate
from dispatchgym.instances.files import write_bytes
from tests.report.browser import LARGEST_BOX, Browser, find

IMAGES = Path(__file__).resolve().parent / "images"
COMMAND = ("jobshop", "--instances", "ft06", "la01..la05", "--methods", "spt", "policy", "policy:x16", "tabu:moves=20000")
WIDTHS = {"wide": (1280, 1000), "phone": (390, 844)}
COLOURS = 128  # of a picture: a third of the bytes, and no difference that an eye sees


def main() -> int:
    """0; 2 where there is no Chromium."""
    path = find()
    if path is None:
        print("make_report_images.py: there is no Chromium on the path", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        evaluate.main([*COMMAND, "--out", str(out), "--report"])
        with Browser(path) as browser:
            for name, (width, height) in WIDTHS.items():
                browser.resize(width, height)
                browser.open(out / "report.html")
                keep(browser, f"report-{name}")
                browser.evaluate("document.querySelector('#schedules').scrollIntoView()")
                browser.hover(*browser.evaluate(LARGEST_BOX))
                browser.wait("!tip.hidden")
                keep(browser, f"report-{name}-schedules")
    return 0


def keep(browser: Browser, name: str) -> None:
    """What the window shows, as docs/images/NAME.png."""
    with tempfile.TemporaryDirectory() as folder:
        browser.picture(Path(folder) / "shot.png", whole=False)
        data = io.BytesIO()
        with Image.open(Path(folder) / "shot.png") as picture:
            picture.convert("RGB").quantize(COLOURS).save(data, "PNG", optimize=True)
    write_bytes(IMAGES / f"{name}.png", data.getvalue())


if __name__ == "__main__":
    raise SystemExit(main())
