"""Draws the animations of the gallery: how the shipped policies build schedules, a decision at a time.

    python docs/make_animations.py
    python docs/make_animations.py --only soc static-dag   # of these families

The policies choose greedily, so every run draws the same. Writes docs/images/play-FAMILY.gif.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from PIL import Image, ImageDraw, ImageFont

from dispatchgym import families
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import write_bytes
from dispatchgym.report.episodes import Played, episodes
from dispatchgym.report.scene import Scene

IMAGES = Path(__file__).resolve().parent / "images"
PLAYED = {  # family -> instance
    "jobshop": "ft10",
    "blocking": "la01/bws/p0.1/t3",
    "soc": "gym-ds3-5,horizon=600/s0",
    "static-dag": "topcuoglu/v40/ccr1/s0",
    "memory-pack": "A",
    "memory-map": "resnet50-b8",
    "cpmodel": "mk01",
}
SIZE, LEFT, RIGHT, TOP, BOTTOM = (720, 320), 72, 14, 36, 40  # pixels
FRAMES = 48  # at most, beside the last
PAUSE, END = 120, 2500  # milliseconds of a frame, and of the last
TICKS = 6
INK, PAPER, FAINT, CLOSED = "#222222", "#ffffff", "#ececec", "#b4b4b4"


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=sorted(PLAYED), default=sorted(PLAYED), help="families; default: all")
    options = parser.parse_args(arguments)
    try:
        for family in options.only:
            content = animation(*play(family, PLAYED[family]))
            write_bytes(IMAGES / f"play-{family}.gif", content, make_folder=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def play(family: str, name: str) -> tuple[Played, str]:
    """The greedy episode of the shipped policy, and what came of it in words. Raises InputError if there is none."""
    card = families.load(family)
    found, notes = episodes(card, [(card.load(name), "policy")])
    if not found:
        raise InputError(" ".join(notes) or f"{family}: no episode of {name} can be shown")
    return found[0], f"{card.objective} {card.objective_text(found[0].objective)}"


def animation(played: Played, outcome: str) -> bytes:
    """A GIF: each frame has the boxes that are placed after some more decisions."""
    placed = placements(played)
    last = len(played.steps)
    shown = sorted({round(last * i / FRAMES) for i in range(FRAMES)} | {last})
    frames = [frame(played, placed, count, f": {outcome}" if count == last else "") for count in shown]
    palette = frames[-1].quantize(64)  # one for all, so that only what changes is stored
    first, *others = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    stream = io.BytesIO()
    times = [PAUSE] * (len(frames) - 1) + [END]
    first.save(stream, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=True)
    return stream.getvalue()


def placements(played: Played) -> list[int]:
    """For each box of the scene after how many decisions it is there; a box that no decision names comes when time gets there."""
    order: dict[str, int] = {}
    for number, step in enumerate(played.steps, 1):
        order.setdefault(step["key"], number)
    scene = played.scene
    if scene.key is not None:
        return [order.get(key, len(played.steps)) for key in scene.key]
    return [1 + sum(step["time"] < left for step in played.steps) for left in scene.left]


@dataclass
class Scale:
    """From the numbers of a scene to pixels."""

    first: float
    last: float
    high: float  # of the vertical axis, or the number of rows
    rows: bool  # the first row is on top, while numbers grow upward

    def x(self, value: float) -> float:
        return LEFT + (SIZE[0] - LEFT - RIGHT) * (value - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        part = value / self.high
        return TOP + (SIZE[1] - TOP - BOTTOM) * (part if self.rows else 1 - part)

    @staticmethod
    def of(scene: Scene) -> Scale:
        high = len(scene.rows) or max([*scene.high, *scene.levels.values()])
        return Scale(min(scene.left), max(scene.right), high, bool(scene.rows))


def frame(played: Played, placed: Sequence[int], count: int, outcome: str) -> Image.Image:
    """The scene after `count` decisions."""
    scene, scale = played.scene, Scale.of(played.scene)
    image = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    small, large = ImageFont.load_default(11), ImageFont.load_default(15)
    pen.text((LEFT, 10), f"{played.instance}, {count} of {len(played.steps)} decisions{outcome}", INK, large)
    for row, name in enumerate(scene.rows):
        pen.rectangle((LEFT, scale.y(row), SIZE[0] - RIGHT, scale.y(row + 1) - 3), FAINT)
        pen.text((LEFT - 6, (scale.y(row) + scale.y(row + 1)) / 2 - 1), name[:11], INK, small, anchor="rm")
    for row, left, right in scene.shade:
        pen.rectangle((scale.x(left), scale.y(row), min(scale.x(right), SIZE[0] - RIGHT), scale.y(row + 1) - 3), CLOSED)
    for i, after in enumerate(placed):
        if after <= count:
            _box(pen, scene, scale, i)
    _axes(pen, scene, scale, small)
    return image


def _box(pen: ImageDraw.ImageDraw, scene: Scene, scale: Scale, i: int) -> None:
    """A box in its colour; what is pale in a report is so here."""
    low, high = scene.low[i], scene.high[i]
    top, bottom = (scale.y(low) + 1, scale.y(low + 1) - 4) if scene.rows else (scale.y(high), scale.y(low) - 1)
    left, right = scale.x(scene.left[i]), max(scale.x(scene.right[i]) - 1, scale.x(scene.left[i]))
    colour = scene.palette[scene.colour[i]]
    solid = left if scene.solid is None else min(max(scale.x(scene.solid[i]), left), right)
    if solid > left:
        pen.rectangle((left, top, solid, max(bottom, top)), _pale(colour))
    pen.rectangle((solid, top, right, max(bottom, top)), colour, outline=PAPER if bottom - top > 6 and not scene.rows else None)


def _pale(colour: str) -> tuple[int, ...]:
    return tuple((int(colour[k : k + 2], 16) + 2 * 255) // 3 for k in (1, 3, 5))


def _axes(pen: ImageDraw.ImageDraw, scene: Scene, scale: Scale, font: ImageFont.ImageFont) -> None:
    """Numbers along both axes, and the levels of the scene."""
    floor = SIZE[1] - BOTTOM
    for value in _ticks(scale.first, scale.last):
        pen.line((scale.x(value), floor, scale.x(value), floor + 4), INK)
        pen.text((scale.x(value), floor + 6), f"{value:g}", INK, font, anchor="mt")
    pen.text((LEFT, SIZE[1] - 14), scene.across if scene.rows else f"{scene.upward} over {scene.across}", INK, font)
    if not scene.rows:
        for value in _ticks(0, scale.high):
            pen.text((LEFT - 6, scale.y(value)), f"{value:g}", INK, font, anchor="rm")
        for value in scene.levels.values():
            pen.line((LEFT, scale.y(value), SIZE[0] - RIGHT, scale.y(value)), INK)


def _ticks(first: float, last: float) -> list[float]:
    """About TICKS round numbers of the range."""
    rough = (last - first) / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
    return [step * k for k in range(math.ceil(first / step), math.floor(last / step) + 1)]


if __name__ == "__main__":
    sys.exit(main())
