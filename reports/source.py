"""Source code for the page: Pygments' tokens in a handful of classes, so that light and dark are a matter of CSS."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers import JavascriptLexer, PythonLexer, TOMLLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

_LEXERS: dict[str, type[Lexer]] = {"py": PythonLexer, "toml": TOMLLexer, "js": JavascriptLexer, "mjs": JavascriptLexer}
_CLASSES: list[tuple[_TokenType, str]] = [
    (Comment, "hc"),
    (String.Doc, "hc"),
    (String, "hs"),
    (Number, "hn"),
    (Operator.Word, "hk"),
    (Keyword, "hk"),
    (Name.Function, "hf"),
    (Name.Class, "hf"),
    (Name.Decorator, "hd"),
    (Name.Builtin, "hb"),
]
LONGEST = 60_000
"""Characters of a file that are shown; a longer one ends with a line that says so."""


@lru_cache(maxsize=512)
def highlight(path: str, text: str) -> Markup:
    """Return a file's text as markup with classes hk, hs, hc ...; an unknown kind of file comes back as plain text."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + f"\n... {len(text) - LONGEST:,} more characters are not shown\n"
    lexer = _LEXERS.get(path.rpartition(".")[2])
    if lexer is None:
        return Markup(escape(text))  # noqa: S704  (escaped here)
    parts: list[str] = []
    last, run = "", ""
    for token, value in lexer(stripnl=False, ensurenl=False).get_tokens(text):
        known = _class(token)
        if known != last:
            parts.append(_span(last, run))
            last, run = known, ""
        run += value
    parts.append(_span(last, run))
    return Markup("".join(parts))  # noqa: S704  (every part was escaped)


def _span(known: str, text: str) -> str:
    if not known or not text.strip():
        return escape(text, quote=False)
    return f'<b class="{known}">{escape(text, quote=False)}</b>'


@lru_cache(maxsize=512)
def _class(token: _TokenType) -> str:
    ancestors = set(token.split())
    return next((known for kind, known in _CLASSES if kind in ancestors), "")
