"""Dispatching by a rule, as a kernel function: compiled together with a blocking problem's kernel.

The choices are the environment's, which a rule could not do without: without swaps, hardly any schedule ends otherwise.
"""


def dispatch(b, inst, s, r):
    """One episode of copy `b` on instance 0: the earliest move, of equal ones the one with the smallest score; no idle waiting.

    The score of a move is r.factor[b, task] * (r.score[task] + r.arrival * tick since when it waits); r.random = 1 draws it.
    """
    reset(inst, s, b)
    choices = r.choices[b]
    wait = choices.shape[0] - 1
    counter = 0
    while not finished(inst, s, b):
        count = legal(inst, s, b, choices)
        best = wait
        first = 0
        lowest = 0.0
        for n in range(count):
            k = choices[n]
            if k != wait:
                tick = offered_at(inst, s, b, k)
                task = task_of(inst, s, b, k)
                score = r.factor[b, task] * (r.score[task] + r.arrival * ready_at(inst, s, b, k))
                if r.random == 1:
                    score = float(draw(r.seed[b], counter))
                    counter += 1
                if best == wait or tick < first or (tick == first and score < lowest):
                    best = k
                    first = tick
                    lowest = score
        step(inst, s, b, best)
    r.objective[b] = objective(inst, s, b)
