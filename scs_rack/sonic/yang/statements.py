"""Reads YANG into a tree of statements (RFC 7950, section 6.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_TOKEN = re.compile(
    r"""
    (?P<skip> \s+ | //[^\n]* | /\*.*?\*/ )
  | (?P<mark> [{};] )
  | "(?P<double> (?: [^"\\] | \\. )* )"
  | '(?P<single> [^']* )'
  | (?P<bare> (?: (?! // | /\* ) [^\s{};"'] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\"": '"', r"\\": "\\"}


class BadYang(ValueError):
    """A file is no YANG."""


@dataclass(eq=False)
class Statement:
    """A statement: its keyword, its argument, and the statements in it."""

    keyword: str
    argument: str = ""
    parent: "Statement | None" = None
    children: list["Statement"] = field(default_factory=list)

    def each(self, *keywords: str) -> Iterator["Statement"]:
        """Statements in this one of some kinds, in their order."""
        return (child for child in self.children if child.keyword in keywords)

    def value(self, keyword: str) -> str | None:
        """Argument of the first statement of a kind in this one."""
        return next((child.argument for child in self.each(keyword)), None)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind (`mark`, `word` or `text`) and value of each token."""
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            line = text.count("\n", 0, position) + 1
            raise BadYang(f"line {line}: {text[position : position + 20]!r} is no YANG")
        position, kind = found.end(), found.lastgroup
        if kind == "double":
            yield (
                "text",
                re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), found[kind], flags=re.DOTALL),
            )
        elif kind == "single":
            yield "text", found[kind]
        elif kind in ("mark", "bare"):
            yield {"mark": "mark", "bare": "word"}[kind], found[kind]


def parse(text: str) -> Statement:
    """Read the text of a module.

    Raises:
        BadYang: it is not well-formed.
    """
    top = Statement("")
    inside, words = top, list[str]()
    joins = False
    for kind, value in _tokens(text):
        if kind == "mark" and value == "}":
            if inside.parent is None or words:
                raise BadYang("a brace is closed that was not opened" if not words else f"{words[0]} has no end")
            inside = inside.parent
        elif kind == "mark":
            if not words:
                raise BadYang(f"{value} follows no statement")
            statement = Statement(words[0], "".join(words[1:]), inside)
            inside.children.append(statement)
            words = []
            inside = statement if value == "{" else inside
        elif kind == "word" and value == "+" and len(words) > 1 and not joins:
            joins = True  # the next text belongs to the one before (RFC 7950, section 6.1.3)
            continue
        else:
            words.append(value)
        joins = False
    if inside is not top or len(top.children) != 1:
        raise BadYang("not one whole module")
    module = top.children[0]
    module.parent = None
    return module


def read(path: Path) -> Statement:
    """Read a file with a module.

    Raises:
        BadYang: it can't be read, or is not well-formed.
    """
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadYang) as error:
        raise BadYang(f"{path}: {error}") from error
