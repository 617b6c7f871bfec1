"""What mkdocs does with our pages, which are written for readers of the repository, too.

Links to files beside docs/ are names on the site, and links to notebooks lead to their pages.
"""

from __future__ import annotations

import re
from typing import Any

NOTEBOOK = re.compile(r"(\]\([^)\s]*)\.ipynb(?=[)#])")
LINK = re.compile(r"\[([^\]]*)\]\((\.\./[^)\s]*)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """`[words](../FILE)` as `words (FILE)`, once where the words are the file's name, unless the file is in docs/.

    `FILE.ipynb` is `FILE.md` in links.
    """
    depth = page.file.src_uri.count("/")

    def plain(found: re.Match[str]) -> str:
        words, path = found.groups()
        if path.count("../") <= depth:
            return found[0]
        name = path.replace("../", "").partition("#")[0]
        return words if words.strip("`") and words.strip("`") in name else f"{words} (`{name}`)"

    return LINK.sub(plain, NOTEBOOK.sub(r"\1.md", markdown))
