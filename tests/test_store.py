"""The folder of a run: nothing stored is ever lost, and what is wrong is said in one line."""

import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from results import store
from results.schema import SCHEMA, Cell, Contract, Event, Sample
from results.store import Journal, Lock, Migration, StoreError, load, resolve
from tests.synthetic import synthetic_run, write

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a stored run of two stacks and two blocks."""
    run, records = synthetic_run(2, blocks=2, workloads=["hello"])
    return write(tmp_path, run, records)


def event(text: str = "x") -> Event:
    """Return a small record."""
    return Event("2026-11-21T01:30:00Z", "started", text)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """A run and its records are the same after a round trip, of every kind of record."""
    run, records = synthetic_run(3, blocks=2)
    folder = store.new_folder(tmp_path)
    store.write_run(folder, run)
    with Journal(folder) as journal:
        for record in records:
            journal.append(record)
        assert journal.recovered is None
    loaded = load(folder)
    assert loaded.run == run
    assert loaded.records == records
    assert loaded.complaints == []
    assert {type(record) for record in loaded.records} == {Event, Contract, Sample}


def test_a_run_without_records_is_a_run(tmp_path: Path) -> None:
    """A run killed before its first record can be loaded, and resumed."""
    run, _ = synthetic_run(2)
    folder = store.new_folder(tmp_path)
    store.write_run(folder, run)
    assert load(folder) == (run, [], [])


def test_ids_tell_the_time_and_never_collide(tmp_path: Path) -> None:
    """Folders made in the same minute, at the same time, by many threads are all different."""
    now = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: store.new_folder(tmp_path, now).name, range(200)))
    assert len(set(made)) == 200
    assert all(re.fullmatch(r"2026-11-21T0130Z-[0-9a-f]{4}", name) for name in made)


def test_a_taken_id_is_not_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the random part is taken another one is drawn; what is in the taken folder stays."""
    draws = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr(store.secrets, "token_hex", lambda _: next(draws))
    now = datetime(2026, 11, 21, tzinfo=UTC)
    first = store.new_folder(tmp_path, now)
    (first / "run.json").write_text("kept")
    assert store.new_folder(tmp_path, now).name.endswith("bbbb")
    assert (first / "run.json").read_text() == "kept"


@pytest.mark.parametrize("lost", [1, 2, 50, 100_000])
def test_a_last_line_cut_short_is_recovered_and_reported(folder: Path, lost: int) -> None:
    """kill -9 in the middle of a write costs the record being written and no other."""
    path = folder / store.JOURNAL_FILE
    whole = load(folder).records
    data = path.read_bytes()
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    line = data[last:]
    path.write_bytes(data[:last] + line[: max(1, len(line) - lost)])
    loaded = load(folder)
    if lost == 1:  # only the newline is missing: the record is whole
        assert loaded.records == whole
    else:
        assert loaded.records == whole[:-1]
        assert "cut short" in loaded.complaints[0]
        assert f"line {len(whole)}" in loaded.complaints[0]
    with Journal(folder) as journal:
        assert journal.recovered is not None
        journal.append(event("after"))
    assert load(folder).records == [*loaded.records, event("after")]
    assert load(folder).complaints == []


def test_every_cut_of_a_journal_can_be_loaded(tmp_path: Path) -> None:
    """Wherever the file ends, the whole lines before are there and nothing else is."""
    run, _ = synthetic_run(2)
    folder = store.new_folder(tmp_path)
    store.write_run(folder, run)
    records = [event(str(i)) for i in range(4)]
    with Journal(folder) as journal:
        for record in records:
            journal.append(record)
    data = (folder / store.JOURNAL_FILE).read_bytes()
    for end in range(len(data) + 1):
        (folder / store.JOURNAL_FILE).write_bytes(data[:end])
        whole = data[:end].count(b"\n")
        assert load(folder).records in (records[:whole], records[: whole + 1])
        with Journal(folder) as journal:
            journal.append(event("after"))
        after = load(folder)
        assert after.complaints == []
        assert after.records[-1] == event("after")
        assert after.records[:-1] in (records[:whole], records[: whole + 1])


@pytest.mark.parametrize(
    "broken",
    [
        b"\x00" * 40,
        b'{"kind": "sample"}',
        b"{",
        b"",
        b"\xff\xfe",
        b'{"kind": "unheard-of"}',
        b'{"kind":"event","at":1}',
    ],
)
def test_a_corrupt_line_in_the_middle_is_named(folder: Path, broken: bytes) -> None:
    """The error says file and line; without strictness the good lines come with a complaint."""
    path = folder / store.JOURNAL_FILE
    lines = path.read_bytes().split(b"\n")
    good = load(folder).records
    lines[3] = broken
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(StoreError, match=rf"{re.escape(str(path))}, line 4: .*--salvage"):
        load(folder)
    loaded = load(folder, strict=False)
    assert loaded.records == good[:3] + good[4:]
    assert len(loaded.complaints) == 1
    assert "line 4" in loaded.complaints[0]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "one"}', '{"schema": 1}', '{"schema": 1, "run_id": 5}'])
def test_a_broken_run_file_is_one_clear_line(folder: Path, content: str) -> None:
    """run.json that cannot be read is an error that names the file."""
    (folder / store.RUN_FILE).write_text(content)
    with pytest.raises(StoreError, match=re.escape(str(folder / store.RUN_FILE))) as error:
        load(folder, strict=False)
    assert "\n" not in str(error.value)


def test_a_newer_schema_is_refused(folder: Path) -> None:
    """What a newer suite wrote is not guessed at."""
    _set_schema(folder, SCHEMA + 1)
    with pytest.raises(StoreError, match=f"schema {SCHEMA + 1}.*update"):
        load(folder)


def test_an_older_schema_is_refused_or_migrated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a migration an old run is refused; with one, run.json and each record go through it."""
    expected = load(folder)
    _set_schema(folder, SCHEMA - 1)
    path = folder / store.JOURNAL_FILE
    path.write_bytes(path.read_bytes().replace(b'"kind":"sample"', b'"kind":"measurement"'))
    with pytest.raises(StoreError, match=f"schema {SCHEMA - 1}.*no longer"):
        load(folder)
    renamed = {"measurement": "sample"}
    migration = Migration(
        run=lambda run: {**run, "schema": SCHEMA},
        record=lambda record: {**record, "kind": renamed.get(record["kind"], record["kind"])},
    )
    monkeypatch.setitem(store.MIGRATIONS, SCHEMA - 1, migration)
    assert load(folder) == expected


def _set_schema(folder: Path, schema: int) -> None:
    plain = json.loads((folder / store.RUN_FILE).read_text())
    (folder / store.RUN_FILE).write_text(json.dumps({**plain, "schema": schema}))


def test_two_writers_cannot_have_one_run(folder: Path) -> None:
    """The second writer is told who has it; when the first ends, the next may write."""
    with Journal(folder), pytest.raises(StoreError, match=rf"{folder.name} is being written by process {os.getpid()}"):
        Journal(folder)
    Journal(folder).close()


def _hold(path: Path, ready: object) -> None:
    lock = Lock(path)
    ready.set()  # type: ignore[attr-defined]
    signal.pause()
    lock.close()


def test_a_killed_writer_lets_go(tmp_path: Path) -> None:
    """The lock of a process that was killed with -9 is free at once."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "lock", ready))
    process.start()
    assert ready.wait(30)
    with pytest.raises(StoreError, match=f"by process {process.pid}"):
        Lock(tmp_path / "lock")
    process.kill()
    process.join()
    Lock(tmp_path / "lock").close()


WRITER = """
import resource, sys
from pathlib import Path
from results.schema import Event
from results.store import Journal, StoreError
journal = Journal(Path(sys.argv[1]))
journal.append(Event("t", "first", "x" * 100))
print("stored", flush=True)
if len(sys.argv) > 2:
    size = journal.path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    for number in range(100_000):
        journal.append(Event("t", "more", f"{number} " + "x" * 1000))
except StoreError as error:
    print(error)
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        journal.append(Event("t", "last", "there is room again"))
"""


def _writer(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("room", [0, 1, 500, 2500])
def test_a_write_that_fails_half_way_leaves_no_trace(folder: Path, room: int) -> None:
    """When the file may not grow in the middle of a line the part is taken back, and writing can go on later."""
    before = load(folder).records
    process = _writer(folder, str(room))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "cannot store a record in" in output
    loaded = load(folder)
    assert loaded.complaints == []
    assert loaded.records[: len(before)] == before
    names = [record.name for record in loaded.records[len(before) :] if isinstance(record, Event)]
    assert names == ["first"] + ["more"] * (room // 1000) + ["last"]


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    """On a real full file system the error says so, and all that was stored before is there."""
    run, _ = synthetic_run(1, workloads=["hello"], blocks=1)
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    store.write_run(disk, run)
    data = (disk / store.RUN_FILE).read_bytes()
    # In a mount namespace of its own, so that nothing stays mounted whatever happens.
    writer = f"{sys.executable} -c '{WRITER}' {disk}"
    script = f"{' '.join(mount)} && cat > {disk}/run.json && {writer} && cat {disk}/journal.jsonl"
    unshare = ["unshare", "--mount", "--user", "--map-root-user"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespaces")
    done = subprocess.run([*unshare, "sh", "-c", script], cwd=ROOT, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "stored"
    assert "no space left on device; make room" in lines[1]
    records = [msgspec.json.decode(line, type=Event | Sample) for line in lines[2:]]
    assert len(records) > 100
    assert all(isinstance(record, Event) and record.name == "more" for record in records[1:])


def test_kill_9_at_any_moment_loses_one_record_at_most(folder: Path) -> None:
    """A writer is killed while it writes at full speed; all it had stored can be read, and appended to."""
    before = len(load(folder).records)
    process = _writer(folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "stored\n"
    path = folder / store.JOURNAL_FILE
    start = path.stat().st_size
    while path.stat().st_size < start + 50_000:
        assert process.poll() is None
    process.kill()
    process.wait()
    process.stdout.close()
    with Journal(folder) as journal:
        journal.append(event("resumed"))
    loaded = load(folder)
    assert loaded.complaints == []
    numbers = [int(r.detail.split()[0]) for r in loaded.records if isinstance(r, Event) and r.name == "more"]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 40
    assert len(loaded.records) == before + 1 + len(numbers) + 1


def test_an_atomic_write_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    """A file that cannot be written wholly is not touched, and no temporary file stays."""
    path = tmp_path / "summary.json"
    store.write_atomically(path, b"old")
    code = (
        "import resource, sys; from pathlib import Path; from results import store\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "try: store.write_atomically(Path(sys.argv[1]), b'x' * 1000)\n"
        "except store.StoreError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"cannot write {path}" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 10


def test_runs_are_found_by_id_beginning_path_and_latest(tmp_path: Path) -> None:
    """An id, a beginning that only one has, a path, or the word latest."""
    run, _ = synthetic_run(1)
    names = ["2026-11-21T0130Z-aaaa", "2026-11-21T0130Z-aabb", "2026-11-22T0000Z-0001"]
    for name in names:
        (tmp_path / name).mkdir()
        store.write_run(tmp_path / name, run)
    (tmp_path / "2026-11-23T0000Z-dead").mkdir()  # made, but killed before run.json: no run
    assert [folder.name for folder in store.list_runs(tmp_path)] == names
    assert resolve("latest", tmp_path).name == names[2]
    assert resolve(names[0], tmp_path).name == names[0]
    assert resolve("2026-11-21T0130Z-aab", tmp_path).name == names[1]
    assert resolve(str(tmp_path / names[1]), tmp_path / "elsewhere").name == names[1]
    with pytest.raises(StoreError, match="beginning of 2 runs"):
        resolve("2026-11-21", tmp_path)
    with pytest.raises(StoreError, match=r"no run 'nonsense'.*latest is 2026-11-22T0000Z-0001"):
        resolve("nonsense", tmp_path)
    with pytest.raises(StoreError, match="no run ''"):
        resolve("", tmp_path)
    with pytest.raises(StoreError, match="no runs in"):
        resolve("latest", tmp_path / "empty")


def test_what_is_not_a_run_is_said(tmp_path: Path) -> None:
    """Loading a folder without run.json is one clear line."""
    with pytest.raises(StoreError, match=r"is not a run: it has no run\.json"):
        load(tmp_path)


def test_done_is_what_has_a_final_sample() -> None:
    """A failure is final; a rejected sample and a sentinel's are not; the last of several counts."""
    cell, other = Cell("a", "cpython3.13", "hello"), Cell("b", "cpython3.13", "hello")
    records = [
        Sample(cell, 0, "t", "ok", rejected=True),
        Sample(cell, 0, "t", "ok", attempt=1),
        Sample(cell, 1, "t", "failed", stage="start", reason="port taken"),
        Sample(other, 0, "t", "ok", sentinel=True),
        Sample(other, 1, "t", "ok", rejected=True),
    ]
    assert [store.done(records, block, cell) for block in (0, 1, 2)] == [True, True, False]
    assert [store.done(records, block, other) for block in (0, 1)] == [False, False]
    assert store.final_samples(records)[0, cell].attempt == 1


def test_latest_is_the_run_that_was_written_to_last(tmp_path: Path) -> None:
    """A run that was resumed is the latest, though another began after it."""
    run, _ = synthetic_run(stacks=1, blocks=1, seed=1)
    old, new = tmp_path / "2026-01-01T0000Z-aaaa", tmp_path / "2026-02-01T0000Z-bbbb"
    for seconds, folder in enumerate((old, new)):
        folder.mkdir()
        store.write_run(folder, run)
        os.utime(folder / "run.json", (seconds, seconds))
    assert store.resolve("latest", tmp_path) == new
    with store.Journal(old) as journal:
        journal.append(Event("", "resumed"))
    assert store.resolve("latest", tmp_path) == old
