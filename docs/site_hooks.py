"""What mkdocs does with our pages: links to files beside docs/ are for readers of the repository, on the site they are names."""

from __future__ import annotations

import re
from typing import Any

LINK = re.compile(r"\[([^\]]*)\]\((\.\./[^)\s]*)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """`[words](../FILE)` as `words (FILE)`, once where the words are the file's name, unless the file is in docs/."""
    depth = page.file.src_uri.count("/")

    def plain(found: re.Match[str]) -> str:
        words, path = found.groups()
        if path.count("../") <= depth:
            return found[0]
        name = path.replace("../", "").partition("#")[0]
        return words if words.strip("`") and words.strip("`") in name else f"{words} (`{name}`)"

    return LINK.sub(plain, markdown)
