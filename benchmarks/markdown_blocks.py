"""Replaces generated parts of the documentation: what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

python benchmarks/markdown_blocks.py docs/benchmarks.md throughput benchmarks/results/throughput.md

puts the contents of the last files, one after another, into the block `throughput` of the first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if len(words) < 3 or words[0].startswith("-"):
        print(__doc__)
        return 2
    page, name, sources = Path(words[0]), words[1], [Path(word) for word in words[2:]]
    try:
        fill(page, name, "\n\n".join(demoted(read_text(source)) for source in sources))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def fill(page: Path, name: str, body: str) -> None:
    """Put `body` into block `name` of the file `page`; InputError if the file has no such block."""
    write_text(page, replaced(read_text(page), name, body, page))


def replaced(text: str, name: str, body: str, source: Path) -> str:
    """`text` with `body` in block `name`; raises InputError, naming `source`, unless both comments stand there once, in order."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed or begin in rest or end in after:
        raise InputError(f"{source}: needs one '{begin}' and after it one '{end}'")
    return f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}"


def demoted(text: str) -> str:
    """Markdown with its headings as bold lines, to stand under a heading of another page."""
    lines = text.strip().splitlines()
    return "\n".join(f"**{line.lstrip('#').strip()}**" if line.startswith("#") else line for line in lines)


if __name__ == "__main__":
    sys.exit(main())
