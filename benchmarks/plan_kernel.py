# ruff: noqa: F821
"""The latency of given plans, as a kernel function: compiled together with the simulator of memory mapping."""


def evaluate_plan(b, inst, s, r):
    """Write plan b anew, then simulate it: r.objective[b] of the first r.stays[b] rows of r.stay[b]."""
    i = s.row[b]
    for t in range(inst.slots[i]):
        s.sigma[b, t] = inst.sigma[i, t]
        s.phi[b, t] = 0
    s.stays[b] = 0
    for n in range(r.stays[b]):
        row = r.stay[b, n]
        j = row[OF]
        added = add_stay(inst, s, b, j, row[BEGIN], row[END], row[OFFSET], row[SERVES])
        s.stay[b, added, WRITTEN] = row[WRITTEN]
        a = inst.entry[i, j]
        while a >= 0 and inst.access[i, a, SLOT] < row[END]:
            if inst.access[i, a, SLOT] >= row[SERVES]:
                make_fast(inst, s, b, a)
            a = inst.access[i, a, FOLLOWS]
    r.objective[b] = latency_now(inst, s, b)
