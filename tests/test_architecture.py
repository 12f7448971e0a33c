"""The house: data flows one way, and rooms stay small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "loadgen": {"loadgen"},
    "results": {"results"},
    "reports": {"reports", "results"},
    "bench": {"bench", "results", "loadgen"},
}


def imported(path: Path) -> set[str]:
    """Return the rooms that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found & {*MAY_IMPORT, "servers", "tests"}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_an_arrow_never_points_back(room: str) -> None:
    """A room imports only itself and what lies before it in the flow."""
    for path in (ROOT / room).rglob("*.py"):
        assert imported(path) <= MAY_IMPORT[room], path.relative_to(ROOT)


def test_bench_reaches_the_instrument_as_a_process_only() -> None:
    """The experiment starts loadgen as a program, so that the client's work is never the experiment's own."""
    for path in (ROOT / "bench").rglob("*.py"):
        assert "loadgen" not in imported(path), path.relative_to(ROOT)


def test_a_module_is_one_concept() -> None:
    """No module is longer than about 400 lines."""
    for room in MAY_IMPORT:
        for path in (ROOT / room).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 420, path.relative_to(ROOT)
