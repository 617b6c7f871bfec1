"""Directed graphs in DOT, Graphviz' language, as networkx, pydot and Graphviz write them.

Read are nodes, edges (also chains `a -> b -> c` and groups `a -> {b c}`), their attributes, `node [...]` and `edge [...]` with
defaults for what follows, and subgraphs as mere groups. Ports are passed over. Refused are undirected graphs and HTML texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

MAX_DEPTH = 50  # of groups in each other
MAX_EDGES = 5_000_000  # groups multiply them
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/|^\#[^\n]*)
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<id>[A-Za-z_\x80-\U0010ffff][\w]*|-?(?:\.\d+|\d+(?:\.\d*)?)(?![\w.]))
    |(?P<mark>->|--|[{}\[\];,=:])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_HEAD = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|\#[^\n]*)*(?:strict\s+)?(?:di)?graph\b[^\n{]*\{", re.DOTALL | re.IGNORECASE)

Attributes = dict[str, str]


@dataclass
class Graph:
    """Nodes in the order in which they are named first, and edges, with their attributes."""

    nodes: dict[str, Attributes] = field(default_factory=dict)
    edges: dict[tuple[str, str], Attributes] = field(default_factory=dict)


def is_dot(text: str) -> bool:
    """Whether `text` begins as a DOT file does."""
    return _HEAD.match(text[:10_000]) is not None


def parse(text: str, source: str) -> Graph:
    """The graph in `text`; errors name the file `source` and the line. Raises InputError."""
    return _Parser(text, source).graph()


class _Parser:
    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.tokens: list[tuple[str, str, int]] = []  # kind, text, line
        self.at = 0
        place, line = 0, 1
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise InputError(f"{source} line {line}: {shown(text[place : place + 20])} is not DOT")
            kind, word = str(found.lastgroup), found[0]
            if kind != "space":
                value = re.sub(r"\\(.)", r"\1", word[1:-1], flags=re.DOTALL) if kind == "text" else word
                self.tokens.append(("id" if kind == "text" else kind, value, line))
            line += word.count("\n")
            place = found.end()
        self.result = Graph()

    def graph(self) -> Graph:
        if self._is("strict"):
            self.at += 1
        if self._is("graph"):
            raise self._error("an undirected graph does not say what comes first")
        self._take("digraph")
        if self._kind() == "id":
            self.at += 1
        self._group({}, {}, 0)
        if self.at < len(self.tokens):
            raise self._error("nothing may follow the graph")
        return self.result

    def _group(self, node: Attributes, edge: Attributes, depth: int) -> list[str]:
        """Statements in braces, with the defaults of nodes and edges; returns the nodes that are named in them."""
        if depth > MAX_DEPTH:
            raise self._error(f"groups are nested deeper than {MAX_DEPTH}")
        self._take("{")
        node, edge = dict(node), dict(edge)
        named: dict[str, None] = {}
        while not self._is("}"):
            if self._is(";") or self._is(","):
                self.at += 1
            else:
                named |= dict.fromkeys(self._statement(node, edge, depth))
        self.at += 1
        return list(named)

    def _statement(self, node: Attributes, edge: Attributes, depth: int) -> list[str]:
        word = self._word().lower()
        if word in ("graph", "node", "edge") and self._word(1) == "[":
            self.at += 1
            given = self._attributes()
            {"graph": {}, "node": node, "edge": edge}[word].update(given)
            return []
        if self._kind() == "id" and self._word(1) == "=":  # an attribute of the graph
            self.at += 2
            self._name()
            return []
        chain = [self._operand(node, edge, depth)]
        while self._is("->") or self._is("--"):
            if self._is("--"):
                raise self._error("an edge -- does not say what comes first")
            self.at += 1
            chain.append(self._operand(node, edge, depth))
        given = self._attributes()
        if len(chain) == 1 and len(chain[0]) == 1:
            self.result.nodes[chain[0][0]].update(given)
        for before, after in pairwise(chain):
            if len(self.result.edges) + len(before) * len(after) > MAX_EDGES:
                raise self._error(f"more than {MAX_EDGES} edges")
            for pair in ((a, b) for a in before for b in after):
                self.result.edges[pair] = {**edge, **self.result.edges.get(pair, {}), **given}
        return [name for part in chain for name in part]

    def _operand(self, node: Attributes, edge: Attributes, depth: int) -> list[str]:
        """A node or a group."""
        if self._is("subgraph"):
            self.at += 1
            if self._kind() == "id":
                self.at += 1
        if self._is("{"):
            return self._group(node, edge, depth + 1)
        name = self._name()
        self.result.nodes.setdefault(name, dict(node))
        while self._is(":"):
            self.at += 1
            self._name()
        return [name]

    def _attributes(self) -> Attributes:
        found: Attributes = {}
        while self._is("["):
            self.at += 1
            while not self._is("]"):
                key = self._name()
                if self._is("="):
                    self.at += 1
                    found[key.lower()] = self._name()
                if self._is(",") or self._is(";"):
                    self.at += 1
            self.at += 1
        return found

    def _name(self) -> str:
        if self._kind() != "id":
            raise self._error(f"{shown(self._word())} stands where a name is expected")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _take(self, word: str) -> None:
        if not self._is(word):
            raise self._error(f"{shown(self._word())} stands where {word!r} is expected")
        self.at += 1

    def _is(self, word: str) -> bool:
        return self._word().lower() == word

    def _word(self, ahead: int = 0) -> str:
        if self.at + ahead >= len(self.tokens):
            if ahead:
                return ""
            raise InputError(f"{self.source}: ends before its graph does")
        return self.tokens[self.at + ahead][1]

    def _kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _error(self, message: str) -> InputError:
        line = self.tokens[min(self.at, len(self.tokens) - 1)][2] if self.tokens else 1
        return InputError(f"{self.source} line {line}: {message}")
