"""Gantt charts: what is drawn, at every size."""

from __future__ import annotations

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest

from dispatchgym.envs.core.drawing import busy_shares, job_colours, job_hatches
from dispatchgym.envs.jobshop.render import draw
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import JobShop, Schedule
from tests.jobshop.shops import ID

INSTANCE = JobShop(np.array([[0, 1], [1, 0]]), np.array([[30, 20], [20, 40]]), 2, name="two by two")


def words(figure: object) -> list[str]:
    from matplotlib.text import Text

    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]  # type: ignore[attr-defined]


def bars(figure: object) -> list[tuple[float, float, float]]:
    """(left, right, machine) of every bar."""
    paths = figure.axes[0].collections[0].get_paths()  # type: ignore[attr-defined]
    boxes = [p.get_extents() for p in paths]
    return [(float(x.x0), float(x.x1), round(float(x.y0 + x.y1) / 2)) for x in boxes]


def test_every_operation_is_a_bar_on_its_machine() -> None:
    figure = draw(INSTANCE, Schedule(np.array([[0, 30], [0, 30]])))
    assert sorted(bars(figure)) == [(0, 20, 1), (0, 30, 0), (30, 50, 1), (30, 70, 0)]
    text = words(figure)
    assert {"two by two", "M0", "M1", "makespan = lower bound 70"} & set(text) >= {"two by two", "M0", "M1"}
    assert any("makespan 70" in x for x in text)
    assert any("lower bound" in x and "70" in x for x in text)
    assert text.count("0") >= 2
    assert text.count("1") >= 2


def test_a_partial_schedule_shows_what_has_started() -> None:
    figure = draw(INSTANCE, Schedule(np.array([[0, -1], [0, -1]])), title="halfway")
    assert sorted(bars(figure)) == [(0, 20, 1), (0, 30, 0)]
    text = words(figure)
    assert "halfway" in text
    assert "latest end 30" in text
    assert any("2 of 4 operations started" in x for x in text)
    assert bars(draw(INSTANCE, Schedule(np.full((2, 2), -1)))) == []


def test_the_best_known_makespan_is_marked() -> None:
    ft10 = catalogue.load("ft10")
    text = words(draw(ft10, Schedule(np.full((10, 10), -1))))
    assert "lower bound = best known 930" in text


def lightness_and_hue(colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """CIELAB (D65) of sRGB colours, by the formulas of CIE 15."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def test_24_jobs_have_colours_that_can_be_told_apart_and_neighbours_all_the_more() -> None:
    lab = lightness_and_hue(job_colours(24))
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    assert apart[~np.eye(24, dtype=bool)].min() > 21
    assert min(apart[i, i - 1] for i in range(24)) > 50


def test_no_two_of_96_jobs_have_the_same_colour_and_hatch() -> None:
    looks = [(*colour, hatch) for colour, hatch in zip(job_colours(96).tolist(), job_hatches(96), strict=True)]
    assert len(set(looks)) == 96
    assert set(job_hatches(24)) == {""}


def test_jobs_beyond_the_colours_are_hatched() -> None:
    shop = JobShop(np.zeros((30, 1), np.int64), np.full((30, 1), 5))
    plain, hatched = draw(shop, Schedule(5 * np.arange(30)[:, None])).axes[0].collections
    assert (len(plain.get_paths()), plain.get_hatch()) == (24, None)
    assert (len(hatched.get_paths()), bool(hatched.get_hatch())) == (6, True)


def test_more_than_2000_operations_are_shown_as_utilisation() -> None:
    jobs = 1001
    shop = JobShop(np.tile([0, 1], (jobs, 1)), np.tile([4, 2], (jobs, 1)))
    first = 4 * np.arange(jobs)
    figure = draw(shop, Schedule(np.stack([first, first + 4], axis=1)))
    axes = figure.axes[0]
    assert not axes.collections
    shares = np.asarray(axes.images[0].get_array())
    assert shares.shape == (2, 240)
    assert shares[0, :239] == pytest.approx(1.0)  # machine 0 is busy until the last job has left it
    assert shares[1, 5:235].mean() == pytest.approx(0.5, abs=0.01)
    assert any(text.startswith("share of time busy") for text in words(figure))
    few = JobShop(shop.machine[:1000], shop.duration[:1000])
    assert not draw(few, Schedule(np.stack([first, first + 4], axis=1)[:1000])).axes[0].images


def test_a_share_is_the_exact_part_of_an_interval_that_bars_cover() -> None:
    bars = np.array([[0, 0, 3], [0, 4, 10], [1, 9, 10]])
    assert busy_shares(bars, 3, np.array([0.0, 2.0, 5.0, 10.0])).tolist() == [[1, 2 / 3, 1], [0, 0, 0.2], [0, 0, 0]]


@pytest.mark.parametrize("name", ["ft06", "ta71", "tai_10_1000_1"])
def test_a_chart_fits_its_picture_at_every_size(name: str) -> None:
    env = gymnasium.make(ID, instance=name, observation="candidates", render_mode="rgb_array", disable_env_checker=True)
    _, info = env.reset(seed=0)
    for _ in range(60):
        _, _, over, _, info = env.step(int(info["action_mask"].argmax()))
        if over:
            break
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (1200, 3)
    assert 300 < picture.shape[0] < 3000
    assert len(np.unique(picture.reshape(-1, 3)[::7], axis=0)) > 5
    assert np.array_equal(picture, env.render())
