# ruff: noqa: F821
"""Random legal play as kernel functions, compiled together with a problem's kernel and the engine's."""

WAITS = 32


def random_legal(mask, count, bits):
    """The choice of rank `bits` modulo `count` among the `count` legal ones."""
    left = bits % count
    for k in range(mask.shape[0]):
        if mask[k] == 1:
            if left == 0:
                return k
            left -= 1
    return -1


def episode(b, inst, s, e):
    """One whole episode of copy `b` without observations: the bare rules."""
    s.row[b] = b % inst.pool
    reset(inst, s, b)
    mask = e.legal[b]
    t = 0
    while not finished(inst, s, b):
        count = legal(inst, s, b, mask)
        step(inst, s, b, random_legal(mask, count, draw(e.seed[b], t)))
        t += 1
    e.final_objective[b] = objective(inst, s, b)
    e.final_length[b] = t


def pick(b, e, t):
    """A random legal action of copy `b` into e.action."""
    mask = e.legal[b]
    count = 0
    for k in range(mask.shape[0]):
        count += mask[k]
    e.action[b] = random_legal(mask, count, draw(e.seed[b] + 1, t))


def venture(b, e, t):
    """As `pick`, but the last choice, to wait, only if it is the only one, or once in WAITS times."""
    mask = e.legal[b]
    last = mask.shape[0] - 1
    count = 0
    for k in range(last):
        count += mask[k]
    bits = draw(e.seed[b] + 1, t)
    if count == 0 or (mask[last] == 1 and bits % WAITS == 0):
        e.action[b] = last
    else:
        e.action[b] = random_legal(mask, count, bits // WAITS)
