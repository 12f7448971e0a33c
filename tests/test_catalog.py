"""The catalogue: what is declared, what is wrong with it, and what a stack is made of."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import catalog
from bench.declaration import DeclarationError, Host, Implementation, parse
from bench.errors import UserError
from bench.paths import SERVERS

GOOD = """
name = "Demo"
homepage = "https://demo.example/"
family = "raw"
packages = ["demo"]
workloads = ["hello", "json"]
"""
HOST = """
name = "Host"
homepage = "https://host.example/"
family = "thread"
interface = "wsgi"
packages = ["host"]
command = ["{python}", "{folder}/serve.py", "{host}", "{port}"]
"""


def add(servers: Path, name: str, text: str, file: str = "server.toml") -> Path:
    """Write a folder of servers/ and return it."""
    folder = servers / ("hosts" if file == "host.toml" else "") / name
    folder.mkdir(parents=True)
    (folder / file).write_text(text)
    if file == "server.toml":
        (folder / "app.py").write_text('"""Doc."""\nprint(1)\n')
    return folder


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ("pakages = []", "pakages", "did you mean 'packages'"),
        ("keep_alive = 3", "keep_alive", "expected `bool`, got `int`"),
        ('[options.x]\ndescription = "d"\nworkloads = [1]', "options[...].workloads[0]", "expected `str`"),
        ('[options.x]\ndescription = "d"\narg = ["a"]', "options[...].arg", "did you mean 'args'"),
        ('[options."X Y"]\ndescription = "d"', "options.X Y", "lower-case"),
        ('interface = "wsgi"', "hosts", "at least one host"),
        ('hosts = ["a"]', "interface", "missing"),
        ('command = ["{pyhton}", "{host}", "{port}"]', "command", "unknown placeholder"),
        ('command = ["{python}", "{host}"]', "command", "{port} is missing"),
        ('[[notes]]\nid = 1\ntext = "a"\n[[notes]]\nid = 1\ntext = "b"', "notes", "twice"),
    ],
)
def test_a_broken_declaration_names_file_and_key(change: str, key: str, says: str) -> None:
    """Each mistake gets one line: the file, the key, what is wrong with it."""
    with pytest.raises(DeclarationError) as error:
        parse(GOOD + change, Implementation, "servers/demo/server.toml")
    message = str(error.value)
    assert message.startswith(f"servers/demo/server.toml: {key}")
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize("key", ["name", "homepage", "family", "workloads"])
def test_a_required_key_that_is_missing_is_named(key: str) -> None:
    """What has no default must be there."""
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(key))
    with pytest.raises(DeclarationError, match=rf"{key}: missing"):
        parse(text, Implementation, "f")


def test_values_outside_of_the_known_ones_are_refused() -> None:
    """A family or a workload that nobody knows is an error, and so is TOML that does not parse."""
    for text in (GOOD.replace('"raw"', '"magic"'), GOOD.replace('"json"', '"xml"'), "name = "):
        with pytest.raises(DeclarationError):
            parse(text, Implementation, "f")


@given(st.text())
def test_no_text_makes_the_reader_fall_over(text: str) -> None:
    """Whatever a file holds, it is a declaration or one clear error."""
    try:
        parse(text, Host, "f")
    except DeclarationError as error:
        assert str(error).startswith("f: ")


def test_all_mistakes_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    """Missing files, duplicate names and unknown hosts in several folders come in one error, a line each."""
    servers = tmp_path / "servers"
    add(servers, "a", GOOD)
    add(servers, "b", GOOD)
    add(servers, "c", GOOD.replace("Demo", "C") + 'interface = "wsgi"\nhosts = ["waitres"]')
    (add(servers, "d", GOOD.replace("Demo", "D")) / "app.py").unlink()
    (servers / "e").mkdir()
    add(servers, "waitress", HOST, "host.toml")
    with pytest.raises(UserError) as error:
        catalog.load(servers)
    lines = str(error.value).splitlines()
    assert any("servers/b/server.toml: name: 'Demo' is already the name of servers/a" in line for line in lines)
    assert any(
        "servers/c/server.toml: hosts: there is no servers/hosts/waitres; did you mean waitress?" in x for x in lines
    )
    assert any(line.startswith("servers/d/server.toml: app.py is missing") for line in lines)
    assert any(line.startswith("servers/e/server.toml: missing") for line in lines)


def test_app_and_host_are_combined(tmp_path: Path) -> None:
    """A hosted app becomes one stack a host and option, with both sides' packages and the workloads of the two."""
    servers = tmp_path / "servers"
    app = GOOD.replace('["hello", "json"]', '["hello", "echo"]') + 'interface = "wsgi"\nhosts = ["fast", "slow"]\n'
    add(servers, "demo", app + '[options.x]\ndescription = "d"\nargs = ["--x"]\n[unsupported]\n"pypy*" = "no"')
    add(servers, "fast", HOST, "host.toml")
    slow = HOST.replace('"Host"', '"Slow"') + 'keep_alive = false\nworkloads = ["hello"]\n'
    add(servers, "slow", slow, "host.toml")
    stacks = catalog.load(servers)
    assert list(stacks) == ["demo@fast", "demo@fast+x", "demo@slow", "demo@slow+x"]
    assert [stack.id for stack in stacks.values() if stack.default] == ["demo@fast"]
    fast, slow_ = stacks["demo@fast"], stacks["demo@slow"]
    assert fast.workloads == ["hello", "echo", "connect"]
    assert slow_.workloads == ["connect"]
    assert fast.requirements("cpython3.13") == ("demo", "host")
    assert fast.unsupported("pypy3.11") == "no"
    assert fast.unsupported("cpython3.13") is None
    argv = stacks["demo@slow+x"].argv(Path("py"), "127.0.0.1", 80)
    assert argv == ["py", f"{servers}/hosts/slow/serve.py", "127.0.0.1", "80", "--x"]
    assert fast.lock("pypy3.11") == servers / "demo" / "locks" / "fast.pypy3.11.txt"
    recipes = catalog.recipes(stacks.values(), "cpython3.13")
    assert [recipe.name for recipe in recipes] == ["demo@fast", "demo@slow"]
    assert recipes[0].stacks == ("demo@fast", "demo@fast+x")
    assert catalog.recipes(stacks.values(), "pypy3.11") == []


def test_names_are_chosen_or_refused_with_a_suggestion() -> None:
    """--servers and --stacks take what is there; a misspelt name is answered with the nearest."""
    stacks = catalog.load(SERVERS)
    assert [s.id for s in catalog.select(stacks, ["tornado"])] == ["tornado"]
    assert len(catalog.select(stacks, ["flask"], ["all"])) > 5
    assert [s.id for s in catalog.select(stacks, None, ["flask@waitress"])] == ["flask@waitress"]
    with pytest.raises(UserError, match="did you mean tornado"):
        catalog.select(stacks, ["tornadoo"])
    with pytest.raises(UserError, match="did you mean flask@waitress"):
        catalog.select(stacks, None, ["flask@waitres"])


def test_words_are_servers_or_stacks() -> None:
    """A word that names an implementation is one, even where a stack is named alike; others are left to select()."""
    stacks = catalog.load(SERVERS)
    assert catalog.split(stacks, ["tornado", "flask@waitress", "nosuch"]) == (["tornado"], ["flask@waitress", "nosuch"])
    assert catalog.split(stacks, []) == ([], [])


def test_the_seven_are_there() -> None:
    """The suite's own catalogue is sound, and has one recommended stack of each framework."""
    defaults = {stack.implementation for stack in catalog.load(SERVERS).values() if stack.default}
    assert defaults >= {"asyncio", "tornado", "twisted", "gevent", "eventlet", "flask", "aiohttp"}


def test_lines_of_code_count_what_somebody_had_to_write() -> None:
    """Blank lines, comments and docstrings are not code; a statement over three lines is three."""
    source = (
        '"""Doc.\n\nMore."""\n\n# comment\nimport os\n\n\ndef f():\n    """Doc."""\n    return [\n        1,\n    ]\n'
    )
    assert catalog.lines_of_code(source) == 5


def test_a_stack_can_be_entered_twice() -> None:
    """An A/A experiment: the same command and environment under a second name, found by that name on resume too."""
    stacks = catalog.load(SERVERS)
    for name in ("tornado", "gevent+nodelay", "flask@waitress"):
        twin = catalog.again(stacks[name])
        assert twin.id != name
        assert catalog.select(stacks, None, [twin.id]) == [twin]
        assert twin.environment_name() == stacks[name].environment_name()
        assert twin.argv(Path("py"), "h", 1) == stacks[name].argv(Path("py"), "h", 1)
        assert not twin.default
