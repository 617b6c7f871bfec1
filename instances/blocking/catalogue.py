"""Blocking shops by name: `la01/bws`, or with interruptions `la01/bws/p0.1/t3` (down share 0.1, trace 3).

Before the first stroke stands what the job shop's catalogue takes: the name of a classic instance, or a file. After the
share follow options if they are not the defaults: `la01/bns/p0.05,repair=4,restart,bernoulli/t0`.
"""

from __future__ import annotations

import csv
import os
import re
import zlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from dispatchgym.instances.blocking.instance import VARIANTS, BlockingShop, Interruptions, Variant, interrupt
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.names import Option, number, printable, read_options, split_options, write_options, written

_NAME = re.compile(rf"(?P<shop>.+?)/(?P<variant>{'|'.join(VARIANTS)})(?:/p(?P<law>[^/]+)/t(?P<trace>[0-9]{{1,9}}))?", re.DOTALL)
_OPTIONS = {  # of a law of interruptions
    "repair": Option("repair", float),
    "restart": Option("restart", value=True),
    "exponential": Option("mode", value="exponential"),
    "bernoulli": Option("mode", value="bernoulli"),
}
_DIGITS = 6  # of numbers in the names of laws


class BlockingName(NamedTuple):
    """The parts of `SHOP/VARIANT/pLAW/tTRACE`; a name without a variant is a shop, and only a name with a law has a trace."""

    shop: str
    variant: str | None = None
    law: str | None = None
    trace: int | None = None

    def __str__(self) -> str:
        interruptions = "" if self.law is None else f"/p{self.law}/t{self.trace}"
        return self.shop if self.variant is None else f"{self.shop}/{self.variant}{interruptions}"


def split(name: str) -> BlockingName:
    """The parts of a name. What stands for the shop may be anything that the job shop's catalogue expands."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        return BlockingName(name)
    trace = None if parts["trace"] is None else int(parts["trace"])
    return BlockingName(parts["shop"], parts["variant"], parts["law"], trace)


def original(name: str) -> str:
    """The name of the shop without interruptions: `la01/bws` of `la01/bws/p0.1/t3`."""
    return str(split(name)._replace(law=None, trace=None))


def level(name: str) -> str:
    """The variant and the law of interruptions: `bws`, or `bws p0.1`."""
    _, variant, law, _ = split(name)
    return (variant or "") + ("" if law is None else f" p{law}")


@lru_cache(maxsize=1)
def bounds() -> dict[tuple[str, str], tuple[int, int]]:
    """(name, variant) -> best published lower and upper bound on the makespan without interruptions.

    A schedule of bns or nwt is one of bws, and one of bws is one of the job shop. So the published values are closed under job
    shop <= bws, bws <= bns and bws <= nwt: a lower bound holds for the harder problem, an upper bound for the easier one.
    """
    text = (files("dispatchgym.instances") / "data" / "blocking" / "bounds.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    found = {(row["name"], row["variant"].lower()): (int(row["lower"]), int(row["upper"])) for row in rows}
    relaxed = {name: bound.lower for name, bound in catalogue.bounds().items()}
    for (name, variant), (lower, upper) in sorted(found.items(), key=lambda item: VARIANTS.index(item[0][1])):  # bws first
        easier = [relaxed.get(name, 0), found[name, "bws"][0] if (name, "bws") in found else 0]
        found[name, variant] = max(lower, *easier), upper
    for (name, _), (_, upper) in list(found.items()):
        if (name, "bws") in found:
            lower, best = found[name, "bws"]
            found[name, "bws"] = lower, min(best, upper)
    return found


def name_of(shop: str, variant: str, law: Interruptions, trace: int) -> str:
    """What `load` takes."""
    if law.down_share == 0.0:
        return f"{shop}/{variant}"
    share = written(law.down_share, _DIGITS)
    return f"{shop}/{variant}/p{share}{write_options(Interruptions(), law, _OPTIONS, _DIGITS)}/t{trace}"


def load(what: str | Path, variant: Variant = "bws") -> BlockingShop:
    """The blocking shop called `what`; a name without a variant is read as `variant`. A file is always one without.

    Raises InputError for whatever cannot be read, as the job shop's catalogue does.
    """
    name = BlockingName(str(what)) if os.path.isfile(what) else split(str(what))
    if name.variant is None:
        return blocking(catalogue.load(what), variant)
    shop = blocking(catalogue.load(name.shop), name.variant)  # type: ignore[arg-type]
    if name.law is None or name.trace is None:
        return shop
    return traced(shop, _law(str(what), name.law), name.trace)


def blocking(shop: JobShop, variant: Variant) -> BlockingShop:
    """A job shop read as a blocking one, with its published bounds."""
    lower, upper = bounds().get((shop.name, variant), (None, None))
    if catalogue.bounds().get(shop.name) is None:
        lower = upper = None  # a file that happens to be called like a classic instance
    return BlockingShop(shop, variant, name=f"{shop.name}/{variant}", lower_bound=lower, best_known=upper)


def traced(shop: BlockingShop, law: Interruptions, trace: int) -> BlockingShop:
    """`shop` with trace number `trace` of `law`; the same for all variants and all methods."""
    base = shop.name.split("/")[0]
    interrupted = interrupt(shop, law, (zlib.crc32(base.encode()), trace))
    object.__setattr__(interrupted, "name", name_of(base, shop.variant, law, trace))
    return interrupted


def _law(name: str, text: str) -> Interruptions:
    share, options = split_options(text)
    down_share = float(number(name, f"p{share}", share, float))
    fields = read_options(name, options, _OPTIONS)
    try:
        return Interruptions(down_share, **fields)
    except InputError as error:
        raise InputError(f"{printable(name)}: {error}") from None
