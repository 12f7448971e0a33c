"""Why an installation failed, in one line: read from what uv and the compilers behind it printed."""

from __future__ import annotations

import re

_MARKS = re.compile(r"^(?:(?:error|cause|caused by):|[\u00d7\u2570\u251c\u2502\u2500\u25b6\s]+)\s*", re.IGNORECASE)
_IS_UVS = re.compile(r"\s*(?:error|cause|caused by):|\s*[\u00d7\u2570\u251c]", re.IGNORECASE)
_URL = re.compile(r"\s*[(`]?\b[a-z+]+://[^\s`)]+[`)]?")
_LONGEST = 300
NO_NETWORK = "no network"  # how a reason begins that another try, later or elsewhere, may cure
_NETWORK = re.compile(
    r"dns error|failed to lookup address|tcp connect error|connection (?:refused|reset|closed)|network is unreachable"
    r"|operation timed out|error sending request|no route to host|invalid peer certificate",
    re.IGNORECASE,
)
_BUILT = re.compile(r"Failed to (?:build|download and build) `?([^\s`]+)`?")
_NO_COMPILER = re.compile(
    r"command '[^']*(?:gcc|cc|clang)' failed: (?:No such file|Permission denied)"
    r"|unable to execute '?[^'\s]*(?:gcc|cc|clang)'?|[^\s:]*(?:gcc|\bcc|clang): (?:command )?not found"
    r"|No such file or directory: '[^']*(?:gcc|cc|clang)'|no acceptable C compiler|C compiler cannot create"
    r"|command '[^']*(?:gcc|cc|clang)' not found"
)
_NO_RUST = re.compile(
    r"can't find Rust compiler|(?:cargo|rustc)\b.{0,40}(?:not found|not installed|No such file)", re.IGNORECASE
)
_NO_HEADER = re.compile(r"fatal error: ([^\s:]+): No such file or directory")
_COMPILER_LINE = re.compile(r"[^\s:]+:\d+(?::\d+)?: (?:fatal )?error: ")
_HEADLINE = re.compile(r"error: Failed to build|hint")
_ERROR_LINE = re.compile(r"(?:^|[\s:])(?:fatal )?error\b|Error:", re.IGNORECASE)


def reason(output: str, runtime: str) -> str:
    """One line for a person: no solution, no network, a missing compiler or header, a full disk, or uv's own words."""
    text = output.replace("\r", "")
    built = _BUILT.search(text)
    if "No space left on device" in text:
        return "the disk is full (No space left on device)"
    if "No solution found" in text:
        return _short(f"no solution for {runtime}: {_after(text, 'No solution found')}")
    if built is not None:
        return _short(_build_failure(text, built[1]))
    if network := _NETWORK.search(text):
        return f"{NO_NETWORK}: cannot reach the package index ({network[0].lower()})"
    words = list(dict.fromkeys(_plain(line) for line in text.splitlines() if _IS_UVS.match(line)))
    words = words or [_plain(line) for line in text.splitlines() if line.strip()][-1:]
    if not words:
        return "uv failed and said nothing"
    return _short(words[0] if len(words) == 1 else f"{words[0]}: {words[-1]}")


def _build_failure(text: str, package: str) -> str:
    if header := _NO_HEADER.search(text):
        if header[1].endswith("Python.h"):
            return f"needs Python's C headers to build {package} (Python.h is missing: a -dev package)"
        return f"needs a library's C header to build {package}: {header[1]} is missing"
    if _NO_COMPILER.search(text):
        return f"needs a C compiler: {package} is built from source and none was found"
    if _NO_RUST.search(text):
        return f"needs a Rust compiler: {package} is built from source and none was found"
    network = _NETWORK.search(text)
    if network is not None and "Failed to resolve requirements" in text:
        return f"{NO_NETWORK}: cannot fetch what building {package} needs ({network[0].lower()})"
    lines = [line.strip() for line in text.splitlines()]
    if compiler := next((line for line in lines if _COMPILER_LINE.match(line)), None):
        return f"building {package} failed: {compiler}"
    told = [line for line in lines if _ERROR_LINE.search(line) and not _HEADLINE.match(line)]
    return f"building {package} failed: {told[-1] if told else 'the compiler does not say why'}"


def _after(text: str, words: str) -> str:
    """uv's explanation: the lines below a headline, without its ornaments, up to the next paragraph."""
    lines = text[text.index(words) :].splitlines()[1:]
    told: list[str] = []
    for line in lines:
        if line.strip().startswith("hint") or (told and not line.strip()):
            break
        told.append(_plain(line))
    return " ".join(" ".join(told).split())


def _plain(line: str) -> str:
    return _MARKS.sub("", _MARKS.sub("", line.strip()))


def _short(text: str) -> str:
    """On one line, without addresses, cut at a word."""
    text = " ".join(_URL.sub("", text).split())
    if len(text) <= _LONGEST:
        return text
    return text[:_LONGEST].rsplit(" ", 1)[0] + " ..."
