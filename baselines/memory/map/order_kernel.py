"""Whole allocations by priority, as a kernel function: compiled together with the environment's `order_rules.py`."""


def play_order(b, inst, s, r):
    """Serve the storages of program s.row[b] in the order r.order[b], up to the first -1."""
    reset(inst, s, b)
    for n in range(r.order.shape[1]):
        j = r.order[b, n]
        if j < 0:
            break
        serve_storage(inst, s, b, j)
    r.objective[b] = s.latency[b]
