"""What a synthetic run measures: stacks, runtimes, environments, and the speed that each cell truly has."""

from __future__ import annotations

from collections.abc import Sequence

from results.schema import Environment, Missing, Note, Runtime, Stack

# id, title, family, host, requests per second on CPython, PyPy's factor, keeps connections open
KNOWN: list[tuple[str, str, str, str | None, float, float, bool]] = [
    ("asyncio", "asyncio", "raw", None, 46_000, 1.3, True),
    ("tornado", "Tornado", "coroutine", None, 10_400, 1.5, True),
    ("twisted", "Twisted", "callback", None, 9_900, 3.0, True),
    ("aiohttp", "aiohttp", "coroutine", None, 21_000, 0.8, True),
    ("gevent+nodelay", "gevent with TCP_NODELAY", "greenlet", None, 15_500, 1.1, True),
    ("eventlet", "Eventlet", "greenlet", None, 16_000, 1.6, True),
    ("flask@waitress", "Flask on Waitress", "WSGI", "waitress", 5_200, 2.2, True),
    ("flask@gunicorn-sync", "Flask on gunicorn sync", "WSGI", "gunicorn-sync", 3_100, 1.7, False),
]
WORKLOAD_FACTOR = {"hello": 1.0, "json": 0.93, "echo": 1.8, "connect": 0.35}
APP = '"""{title}, as its documentation teaches."""\n\nimport sys\n\nHOST, PORT = sys.argv[1], int(sys.argv[2])\n'


def true_rps(stack: str, runtime: str, workload: str) -> float:
    """Return what the figures scatter around, in requests per second."""
    if stack == "null":
        return 135_000 * WORKLOAD_FACTOR.get(workload, 0.8)
    known = next((entry for entry in KNOWN if entry[0] == stack), None)
    if known is not None:
        base, factor = known[4], known[5]
    else:
        number = int(stack.rsplit("-", 1)[1])
        base, factor = 40_000 * 0.97**number, 0.7 + (number * 37 % 100) / 40
    return base * (factor if runtime.startswith("pypy") else 1.0) * WORKLOAD_FACTOR.get(workload, 0.8)


def make_stacks(stacks: int | Sequence[str], workloads: Sequence[str]) -> list[Stack]:
    """Make so many stacks, or those named: the known ones first, then made-up ones."""
    if isinstance(stacks, int):
        known = KNOWN[:stacks]
        names = [entry[0] for entry in known] + [f"stack-{i}" for i in range(len(known), stacks)]
    else:
        names = list(stacks)
    by_id = {entry[0]: entry for entry in KNOWN}
    made: list[Stack] = []
    for name in names:
        default = (name, name, "coroutine", None, 0.0, 0.0, True)
        _, title, family, host, _, _, keep_alive = by_id.get(name, default)
        implementation = name.split("@")[0].split("+")[0]
        made.append(
            Stack(
                id=name,
                title=title,
                implementation=implementation,
                host=host,
                option=name.split("+")[1] if "+" in name else None,
                homepage=f"https://example.org/{implementation}",
                family=family,
                workloads=[w for w in workloads if keep_alive or w != "echo"],
                files={f"{implementation}/app.py": APP.format(title=title)},
                lines_of_code=20 + 7 * len(made) % 60,
                keep_alive=keep_alive,
                notes=[] if keep_alive else [Note(1, "Closes the connection after every request.")],
            )
        )
    return made


def make_runtime(name: str) -> Runtime:
    """Make a runtime from its id."""
    implementation = "PyPy" if name.startswith("pypy") else "CPython"
    version = name.removeprefix("pypy").removeprefix("cpython").rstrip("t")
    return Runtime(
        id=name,
        implementation=implementation,
        version="7.3.19" if implementation == "PyPy" else f"{version}.1",
        python_version=f"{version}.1",
        build="synthetic",
        origin="PATH",
        free_threaded=name.endswith("t"),
    )


def make_environments(
    stacks: list[Stack], runtimes: Sequence[str], faults: bool
) -> tuple[list[Environment], list[Missing], set[tuple[str, str]]]:
    """Make the environments, what is missing, and the pairs of stack and runtime that cannot be measured."""
    environments: list[Environment] = []
    missing: list[Missing] = []
    broken: set[tuple[str, str]] = set()
    for i, stack in enumerate(stacks):
        for runtime in runtimes:
            pypy = runtime.startswith("pypy")
            if faults and pypy and i % 10 == 5:
                reason = "gcc: error: greenlet.cpp: compilation failed"
                environments.append(Environment(stack.id, runtime, "failed", reason))
                broken.add((stack.id, runtime))
            elif faults and pypy and i % 10 == 9:
                reason, hint = "needs the C API of CPython", f"run it on {runtimes[0]}"
                missing.append(Missing(reason, stack.id, runtime, hint=hint))
                broken.add((stack.id, runtime))
            else:
                version = f"{1 + i % 7}.{'4' if faults and pypy and i % 10 == 3 else '6'}.0"
                packages = {stack.implementation: version, "h11": "0.16.0"}
                environments.append(Environment(stack.id, runtime, "ok", None, packages, True, f"sha256:{i:064x}"))
    if faults:
        missing.append(Missing("not found on this machine", runtime="cpython3.14t", hint="uv python install 3.14t"))
    return environments, missing, broken
