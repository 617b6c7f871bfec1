"""Attention among the legal choices of a decision, as kernel functions; `network.Decoder.seen` is the same in torch.

Scaled dot products with several heads (Vaswani et al. 2017, section 3.2.2). The scratch is in `Workspace.hidden` and
`Workspace.logit`, so that nothing is allocated for a network without attention.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dispatchgym.agents.records import Workspace

if TYPE_CHECKING:
    from dispatchgym.agents.network import DecoderWeights

ZERO = np.float32(0.0)


def show(b: int, count: int, net: DecoderWeights, work: Workspace) -> None:
    """Keys and values of the `count` choices of copy `b`, into the rows of work.hidden[b] behind the choices."""
    width = net.weight_out.shape[0]
    most = work.choices.shape[1]
    hidden = work.hidden[b]
    for c in range(count):
        one = hidden[c]
        key = hidden[most + c]
        value = hidden[2 * most + c]
        for h in range(width):
            key[h] = ZERO
            value[h] = ZERO
        for g in range(width):
            x = one[g]
            if x > ZERO:
                for h in range(width):
                    key[h] += x * net.weight_key[g, h]
                for h in range(width):
                    value[h] += x * net.weight_value[g, h]


def look(b: int, c: int, count: int, net: DecoderWeights, work: Workspace) -> None:
    """Add what choice `c` of copy `b` sees of all `count` choices to work.pool[b]."""
    width = net.weight_out.shape[0]
    most = work.choices.shape[1]
    depth = width // net.heads
    scale = np.float32(1.0) / np.float32(math.sqrt(depth))
    hidden = work.hidden[b]
    share = work.logit[b]  # from position `most` on
    one = hidden[c]
    query = hidden[3 * most]
    found = hidden[3 * most + 1]
    pool = work.pool[b]
    for h in range(width):
        query[h] = ZERO
        found[h] = ZERO
    for g in range(width):
        x = one[g]
        if x > ZERO:
            for h in range(width):
                query[h] += x * net.weight_query[g, h]
    for a in range(net.heads):
        first = a * depth
        top = ZERO
        for o in range(count):
            match = ZERO
            for h in range(first, first + depth):
                match += query[h] * hidden[most + o, h]
            match *= scale
            share[most + o] = match
            top = match if o == 0 or match > top else top
        total = ZERO
        for o in range(count):
            x = np.float32(math.exp(share[most + o] - top))
            share[most + o] = x
            total += x
        for o in range(count):
            x = share[most + o] / total
            for h in range(first, first + depth):
                found[h] += x * hidden[2 * most + o, h]
    for g in range(width):
        x = found[g]
        for h in range(width):
            pool[h] += x * net.weight_seen[g, h]
