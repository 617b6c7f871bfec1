"""What mkdocs does with our notebooks: each becomes a page with its code and stored outputs. Nothing is executed."""

from __future__ import annotations

import json
from typing import Any

from mkdocs.structure.files import File, Files


def on_files(files: Files, *, config: Any, **_: Any) -> Files:
    """Add a page for each notebook; the notebook itself stays, to be downloaded."""
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            page = file.src_uri.removesuffix(".ipynb") + ".md"
            files.append(File.generated(config, page, content=markdown(json.loads(file.content_string), file.name)))
    return files


def markdown(notebook: dict[str, Any], name: str) -> str:
    """A notebook as Markdown: text as it is, code in fences, outputs below their code."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif source:
            parts += [f"```python\n{source}\n```", *(_output(output) for output in cell["outputs"])]
    parts.append(f'<a href="{name}.ipynb" download>Download this notebook</a>')
    return "\n\n".join(part for part in parts if part) + "\n"


def _output(output: dict[str, Any]) -> str:
    """A printed text, or a picture that lies in the page itself."""
    data = output.get("data", {})
    if "image/png" in data:
        return f"![output](data:image/png;base64,{''.join(data['image/png']).replace(chr(10), '')})"
    text = "".join(output.get("text", data.get("text/plain", []))).rstrip()
    return f"```text\n{text}\n```" if text else ""
