"""Why an installation failed: uv's and the compilers' output, in one line for a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.install_reason import reason

OUTPUTS = [
    (
        """$ uv pip install x
Using Python 3.11.11 environment at: v
error: No solution found when resolving dependencies
  cause: Because there is no version of litestar==99 and you require litestar==99, we can conclude that your \
requirements are unsatisfiable.
""",
        "no solution for pypy3.9: Because there is no version of litestar==99 and you require litestar==99, we can "
        "conclude that your requirements are unsatisfiable.",
    ),
    (
        """  \u00d7 No solution found when resolving dependencies:
  \u2570\u2500\u25b6 Because only robyn<=0.88 is available and the current Python version
      (3.9.16) does not satisfy Python>=3.10, we can conclude that robyn
      cannot be used.

      hint: something else
""",
        "no solution for pypy3.9: Because only robyn<=0.88 is available and the current Python version (3.9.16) does "
        "not satisfy Python>=3.10, we can conclude that robyn cannot be used.",
    ),
    (
        """error: Failed to fetch: http://mirror.example:9/simple/h11/
  cause: error sending request for url (http://mirror.example:9/simple/h11/)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)
""",
        "no network: cannot reach the package index (error sending request)",
    ),
    (
        """   Building bjoern==3.2.2
error: Failed to build `bjoern==3.2.2`
  cause: The build backend returned an error
         bjoern/request.h:4:10: fatal error: ev.h: No such file or directory
         error: Command '['gcc', '-pthread']' returned non-zero exit status 1.
hint: This error likely indicates that you need to install a library that provides `ev.h` for `bjoern@3.2.2`
""",
        "needs a library's C header to build bjoern==3.2.2: ev.h is missing",
    ),
    (
        """error: Failed to build `httptools==0.9.0`
  cause: The build backend returned an error
         error: command '/usr/bin/gcc' failed: No such file or directory
hint: Build failures usually indicate a problem with the package or the build environment
""",
        "needs a C compiler: httptools==0.9.0 is built from source and none was found",
    ),
    (
        """  \u00d7 Failed to build `gevent==26.9.0`
  \u251c\u2500\u25b6 The build backend returned an error
      configure: error: no acceptable C compiler found in $PATH
""",
        "needs a C compiler: gevent==26.9.0 is built from source and none was found",
    ),
    (
        """error: Failed to build `thing==1`
         thing.c:1:10: fatal error: Python.h: No such file or directory
""",
        "needs Python's C headers to build thing==1 (Python.h is missing: a -dev package)",
    ),
    (
        """error: Failed to build `robyn==0.88`
         error: can't find Rust compiler
""",
        "needs a Rust compiler: robyn==0.88 is built from source and none was found",
    ),
    (
        """error: Failed to build `msgspec==0.20.0`
         src/core.c:12:3: error: unknown type name 'PyThing'
         src/core.c:13:3: error: and more
         error: command '/usr/bin/gcc' failed with exit code 1
""",
        "building msgspec==0.20.0 failed: src/core.c:12:3: error: unknown type name 'PyThing'",
    ),
    (
        "error: Failed to install: x\n  cause: failed to write file: No space left on device (os error 28)\n",
        "the disk is full (No space left on device)",
    ),
    (
        "error: Invalid hash digest length (expected 64 hexadecimal characters, found 2)",
        "Invalid hash digest length (expected 64 hexadecimal characters, found 2)",
    ),
    ("", "uv failed and said nothing"),
]


@pytest.mark.parametrize(("output", "expected"), OUTPUTS)
def test_each_kind_of_failure_has_its_words(output: str, expected: str) -> None:
    """What uv prints for each kind of failure is put in one line that says what is lacking."""
    assert reason(output, "pypy3.9") == expected


@given(st.text() | st.lists(st.sampled_from([text for text, _ in OUTPUTS]) | st.text()).map("\n".join))
def test_any_output_gives_one_short_line(output: str) -> None:
    """Whatever comes, the reason is one line, not empty, not endless, and holds no address."""
    line = reason(output, "pypy3.9")
    assert line.strip()
    assert "\n" not in line
    assert len(line) < 400
    assert "http://mirror.example" not in line
