"""Times as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Three digits in microseconds, milliseconds or seconds, as "70 us", "12.3 ms", "56.1 s", "612 s"."""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        if 0 < seconds * scale < 999.5:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:.3g} s" if seconds < 999.5 else f"{seconds:.0f} s"
