"""`nox -s new`: what it writes keeps the contract as it stands."""

import os
import sys
from pathlib import Path

import pytest

from bench import catalog, contract, launch
from bench.commands.new import write
from bench.errors import UserError


def test_the_new_folder_is_in_the_catalogue_and_keeps_the_contract(tmp_path: Path) -> None:
    """Nothing needs to be changed anywhere else, and nothing in it, before it runs."""
    servers = tmp_path / "servers"
    folder = write("fresh", servers)
    stack = catalog.load(servers)["fresh"]
    assert stack.default
    assert stack.workloads == ["hello", "json", "echo", "connect"]
    make = lambda host, port: stack.argv(Path(sys.executable), host, port)  # noqa: E731
    cores = sorted(os.sched_getaffinity(0))
    with launch.start(make, folder, stack.workloads, cores, tmp_path / "log") as server:
        checks = contract.check(server, stack.workloads)
    assert contract.failed(checks) == {}


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "..", "hosts", "-x"])
def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The reason is said, and nothing is written."""
    with pytest.raises(UserError, match="cannot be the name"):
        write(name, tmp_path / "servers")
    assert not (tmp_path / "servers").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """Somebody's work is never overwritten."""
    folder = write("fresh", tmp_path / "servers")
    (folder / "app.py").write_text("mine")
    with pytest.raises(UserError, match="there already"):
        write("fresh", tmp_path / "servers")
    assert (folder / "app.py").read_text() == "mine"
