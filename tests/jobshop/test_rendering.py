"""Gantt charts: what is drawn, at every size."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from dispatchgym.envs.core.drawing import job_colours
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


def test_colours_of_different_jobs_differ() -> None:
    for jobs in (1, 6, 12, 13, 100):
        colours = job_colours(jobs)
        assert colours.shape == (jobs, 3)
        assert len(np.unique(colours.round(6), axis=0)) == jobs
        if jobs > 1:
            assert np.abs(np.diff(colours, axis=0)).max(axis=1).min() > 0.1


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
