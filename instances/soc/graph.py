"""Functions of directed graphs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def topological(tasks: int, edges: npt.NDArray[np.int32]) -> list[int]:
    """The tasks, predecessors first, of equal ones the smaller number; shorter than `tasks` if there is a cycle."""
    missing = [0] * tasks
    after: list[list[int]] = [[] for _ in range(tasks)]
    for a, b, _ in edges.tolist():
        missing[b] += 1
        after[a].append(b)
    order = [t for t in range(tasks) if missing[t] == 0]
    for t in order:
        for u in after[t]:
            missing[u] -= 1
            if missing[u] == 0:
                order.append(u)
    return order
