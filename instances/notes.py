"""What a reader has to say about a file that it takes: a line of the logger `dispatchgym`, by default on standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from dispatchgym.instances.names import printable

_LOG = logging.getLogger("dispatchgym")
_HELD: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def note(text: str) -> None:
    """Say it, as "note: ...", or put it into the list of `hold`."""
    held = _HELD.get()
    if held is None:
        _LOG.warning("note: %s", printable(text, 300))
    else:
        held.append(text)


@contextmanager
def hold() -> Iterator[list[str]]:
    """Notes of the block go into the list that this gives, and are not said."""
    held: list[str] = []
    token = _HELD.set(held)
    try:
        yield held
    finally:
        _HELD.reset(token)


@contextmanager
def when_accepted() -> Iterator[None]:
    """Notes of the block are said at its end; none if it raises, as then the error is all that there is to say."""
    with hold() as held:
        yield
    for text in held:
        note(text)
