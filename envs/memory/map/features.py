"""What the agent sees of memory mapping: features of choices and of the state, and the graph of buffers and instructions."""


def task_of(inst, s, b, k):
    return inst.access[s.row[b], s.cursor[b], BUFFER]


def resource_of(inst, s, b, k):
    """The level of memory that choice k serves from; levels come after the instructions."""
    return inst.slots[s.row[b]] + (1 if k == DROP else 0)


def deed_of(inst, s, b, k):
    """Each access has a deed for fast and one for slow memory, and each a row of starts and offsets."""
    return CHOICES * s.cursor[b] + k


def offered_at(inst, s, b, k):
    return s.option[b, k, SINCE]


def candidate(inst, s, b, k, out):
    """Features of serving the access by choice k; ticks are in mean times of an instruction, bytes in shares of the capacity."""
    i = s.row[b]
    a = s.cursor[b]
    access = inst.access[i, a]
    j = access[BUFFER]
    slot = access[SLOT]
    option = s.option[b, k]
    rate = inst.rate[i]
    size = inst.size[i, j]
    demand = inst.demand[i, j]
    follows = access[FOLLOWS]
    fast = k != DROP
    gain = s.latency[b] - option[LATENCY]
    begin = option[SINCE] if k >= BRING else slot
    window = slot - begin
    away = inst.access[i, follows, SLOT] - slot if follows >= 0 else 0
    wait = inst.reached[i, slot + away] - inst.reached[i, slot] if follows >= 0 else 0
    later = inst.later[i, a]
    soon = inst.worth[i, follows] if follows >= 0 else 0
    out[0] = clip(gain * rate, 8.0)
    out[1] = clip(gain * rate * 16.0, 4.0)
    out[2] = clip(gain / max(demand, 1), 4.0)
    out[3] = 1.0 if fast else 0.0
    out[4] = 1.0 if k == STAY else 0.0
    out[5] = 1.0 if k >= BRING and access[WRITES] == 1 else 0.0
    out[6] = 1.0 if k >= BRING and access[WRITES] == 0 else 0.0
    out[7] = 0.5 * ((k - BRING) // 3) if k >= BRING else 0.0
    out[8] = 1.0 if k >= BRING and (k - BRING) % 3 == 0 else 0.0
    out[9] = 1.0 if k >= BRING and (k - BRING) % 3 == 1 else 0.0
    out[10] = clip(option[LOST] * rate, 8.0) if fast else 0.0
    out[11] = clip(option[LOST] * rate * 8.0, 4.0) if fast else 0.0
    out[12] = clip(window / 8.0, 4.0)
    out[13] = clip(size * inst.share[i] * 4.0, 4.0)
    out[14] = clip(demand * rate, 8.0)
    out[15] = clip(inst.worth[i, a] * rate, 8.0)
    out[16] = clip(soon * rate, 8.0)
    out[17] = clip(later * rate, 8.0)
    out[18] = clip(later / max(demand, 1), 8.0)
    out[19] = clip(away / 16.0, 4.0)
    out[20] = clip(wait * rate / 8.0, 4.0)
    out[21] = 1.0 if option[WRITES_BY] >= 0 else 0.0
    out[22] = 1.0 if option[WRITES_BY] == IMPOSSIBLE else 0.0
    out[23] = 1.0 if inst.output[i, j] == 1 else 0.0
    out[24] = 1.0 if inst.define[i, j] < 0 else 0.0
    out[25] = 1.0 if inst.members[i, inst.storage[i, j]] > 1 else 0.0
    out[26] = clip(s.crowd[b] * inst.share[i], 2.0)
    out[27] = clip((s.crowd[b] + size) * inst.share[i] - 1.0, 2.0) if k >= BRING else 0.0
    out[28] = clip(later * rate / max(wait * rate, 0.1) * 0.25, 4.0)
    out[29] = clip(option[AT] * inst.share[i], 1.0) if fast else 0.0


def context(inst, s, b, out):
    """Features of the whole state: how far it is, what is saved, how full and how busy the next instructions are."""
    i = s.row[b]
    a = min(s.cursor[b], inst.accesses[i] - 1)
    slot = inst.access[i, a, SLOT]
    rate = inst.rate[i]
    busy = s.sigma[b, slot] + s.phi[b, slot]
    out[0] = slot / inst.slots[i]
    out[1] = s.latency[b] * inst.gain[i]
    out[2] = (s.latency[b] - inst.bound[i]) * inst.gain[i]
    out[3] = clip(inst.compute[i, slot] * rate, 8.0)
    out[4] = clip(s.sigma[b, slot] * rate, 8.0)
    out[5] = clip((busy - inst.compute[i, slot]) * rate, 8.0)
    out[6] = clip(s.spare[b, max(slot - 1, 0)] * rate, 8.0)
    out[7] = inst.access[i, a, WRITES] * 1.0
    # Bytes of current stays, which matter to every choice.
    crowd = 0
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        if stay[HOPE] > slot and stay[OF] >= 0:
            crowd += stay[TOP] - stay[OFFSET]
    s.crowd[b] = crowd
    out[8] = clip(crowd * inst.share[i], 2.0)
    out[9] = inst.pressure[i]
    out[10] = clip(s.backups[b] / 4.0, 4.0)
