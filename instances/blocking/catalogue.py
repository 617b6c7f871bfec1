"""Blocking shops by name: `la01/bws`, or with interruptions `la01/bws/p0.1/t3` (down share 0.1, trace 3).

Before the first stroke stands what the job shop's catalogue takes: the name of a classic instance, or a file. After the
share follow options if they are not the defaults: `la01/bns/p0.05,repair=4,restart,bernoulli/t0`.
"""

from __future__ import annotations

import csv
import re
import zlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from dispatchgym.instances.blocking.instance import VARIANTS, BlockingShop, Interruptions, Variant, interrupt
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import JobShop

_NAME = re.compile(r"(?P<shop>.+?)/(?P<variant>[a-z]+)(?:/p(?P<law>[^/]+)/t(?P<trace>\d{1,9}))?")


@lru_cache(maxsize=1)
def bounds() -> dict[tuple[str, str], tuple[int, int]]:
    """(name, variant) -> best published lower and upper bound on the makespan without interruptions."""
    text = (files("dispatchgym.instances") / "data" / "blocking" / "bounds.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(row["name"], row["variant"].lower()): (int(row["lower"]), int(row["upper"])) for row in rows}


def name_of(shop: str, variant: str, law: Interruptions, trace: int) -> str:
    """What `load` takes."""
    if law.down_share == 0.0:
        return f"{shop}/{variant}"
    words = [f"p{law.down_share:g}"]
    words += [f"repair={law.repair:g}"] * (law.repair != 2.0) + ["restart"] * law.restart
    words += [law.mode] * (law.mode != "exponential")
    return f"{shop}/{variant}/{','.join(words)}/t{trace}"


def load(what: str, variant: Variant = "bws") -> BlockingShop:
    """The blocking shop called `what`; a name without a variant is read as `variant`.

    Raises InputError for whatever cannot be read, as the job shop's catalogue does.
    """
    found = _NAME.fullmatch(str(what)) if not Path(what).is_file() else None
    if found is None or found["variant"] not in VARIANTS:
        return blocking(catalogue.load(what), variant)
    shop = blocking(catalogue.load(found["shop"]), found["variant"])  # type: ignore[arg-type]
    if found["law"] is None:
        return shop
    return traced(shop, _law(str(what), found["law"]), int(found["trace"]))


def blocking(shop: JobShop, variant: Variant) -> BlockingShop:
    """A job shop read as a blocking one, with its published bounds."""
    lower, upper = bounds().get((shop.name, variant), (None, None))
    if catalogue.bounds().get(shop.name) is None:
        lower = upper = None  # a file that happens to be called like a classic instance
    return BlockingShop(shop, variant, name=f"{shop.name}/{variant}", lower_bound=lower, best_known=upper)


def traced(shop: BlockingShop, law: Interruptions, trace: int) -> BlockingShop:
    """`shop` with trace number `trace` of `law`; the same for all variants and all methods."""
    base = shop.name.split("/")[0]
    found = interrupt(shop, law, (zlib.crc32(base.encode()), trace))
    object.__setattr__(found, "name", name_of(base, shop.variant, law, trace))
    return found


def _law(what: str, text: str) -> Interruptions:
    share, *options = text.split(",")
    words: dict[str, object] = {}
    try:
        words["down_share"] = float(share)
        for option in options:
            if option == "restart":
                words["restart"] = True
            elif option.startswith("repair="):
                words["repair"] = float(option.removeprefix("repair="))
            else:
                words["mode"] = option
        return Interruptions(**words)  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(f"{what}: {error}") from None
