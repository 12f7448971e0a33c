"""The parts of a calibration, small but real: servers, clients, and what is recorded of them."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import main, parser
from bench.calibration import agreement, ceiling, null, programs, table, truth
from bench.calibration.laws import Fixed, Mixture, Stall
from bench.calibration.plan import FULL, QUICK, Setting, Size, rotated
from bench.commands import calibrate
from bench.errors import UserError
from bench.progress import Terminal
from results import calibration_store
from results.calibration import OURS, judge

TINY = Size(
    0.3, 1, 2, 0.1, 0.3, (200,), counts=(1, 4), compared=(4,), echo_connections=4, demo_s=0.3, users=4, tail=0.5
)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """A setting in which nothing takes long, with the null server in Python alone."""
    record = calibrate.describe(["ceiling"], "tiny", TINY)
    found = Setting(TINY, record, record.server_cores, record.client_cores, tmp_path, lambda: None, lambda _: None)
    found.nulls = {"python": null.python}
    return found


def carry_out(steps: list[calibrate.Step]) -> None:
    """Do them all."""
    for step in steps:
        step.work()


def test_the_ceiling_is_measured_at_each_number_of_connections(setting: Setting) -> None:
    """HTTP and WebSocket, every answer verified, CPU time with it."""
    carry_out(ceiling.steps(setting))
    found = setting.record.ceiling
    assert [(entry.workload, entry.connections) for entry in found] == [
        ("hello", 1), ("hello", 4), ("echo", 1), ("echo", 4),
    ]  # fmt: skip
    for entry in found:
        [shot] = entry.shots
        assert shot.reason is None and shot.rps and shot.cpu_us and not shot.errors and shot.requests > 10


def test_a_server_that_does_not_start_is_a_reason(setting: Setting) -> None:
    """In the shots of every number of connections; nothing is raised."""
    setting.nulls = {"python": lambda host, port: [sys.executable, "-c", "raise SystemExit('no such luck')"]}
    carry_out(ceiling.steps(setting))
    assert all("no such luck" in str(entry.shots[0].reason) for entry in setting.record.ceiling)


@pytest.mark.parametrize("law", [Fixed(0.01), Mixture(0.002, 0.02, 20), Stall(0.2, 0.1, 100_000.0)])
def test_no_client_sees_answers_before_they_are_due(setting: Setting, law: Fixed | Mixture | Stall) -> None:
    """In open loop against a known server no percentile lies below the truth by more than may be; the server accounts
    for what it did, and that is never sooner than its law either."""
    [step] = truth.steps(setting, None, (law,))[:1]
    step.work()
    [entry] = [entry for entry in setting.record.truth if entry.judged]
    assert entry.reason is None and not entry.errors and entry.requests > 20
    assert set(entry.late_us) == set(entry.served_us) == {"p50", "p90", "p99", "p99.9", "max"}
    assert 0 <= entry.late_us["p50"] < entry.served_us["max"]
    for judged in judge(entry):
        # A stalled server that was late itself moves the borders of its cycle a little.
        if judged.reported is not None and entry.kind != "stall":
            assert judged.reported >= judged.expected - judged.tolerance
            assert entry.served_us[judged.name] >= judged.expected
    assert "%" not in truth.in_words(entry) and entry.law in truth.in_words(entry)


def test_clients_that_are_not_installed_have_a_row_that_says_so(setting: Setting) -> None:
    """wrk: with the command that installs it. A client whose environment cannot be made: with the reason."""
    assert agreement.http_steps(setting, {}, None) == []
    assert [(entry.reason, entry.hint) for entry in setting.record.agreement] == [
        ("wrk is not installed", "apt-get install wrk")
    ]
    assert agreement.echo_steps(setting, {"picows": "no network"}) == []
    assert [entry.reason for entry in setting.record.echo] == [
        "picows cannot be installed: no network",
        "websockets cannot be installed: it was not installed",
    ]
    truth.steps(setting, None, (Stall(0.2, 0.1, 100_000.0),))
    [entry] = [entry for entry in setting.record.truth if entry.client == "wrk"]
    assert "apt-get install wrk" in str(entry.reason)


@pytest.mark.skipif(programs.wrk() is None, reason="wrk is not installed: apt-get install wrk")
def test_wrk_and_the_instrument_are_interleaved(setting: Setting) -> None:
    """Each round has both, on one server process, and a ratio comes of it."""
    carry_out(agreement.http_steps(setting, {}, programs.wrk()))
    [entry] = setting.record.agreement
    assert [shot.round for shot in entry.ours] == [shot.round for shot in entry.theirs] == [0, 1]
    assert all(shot.rps and shot.cpu_us and shot.reason is None for shot in (*entry.ours, *entry.theirs))
    assert entry.theirs[0].latency_us["p99"]


@pytest.mark.skipif(programs.wrk() is None, reason="wrk is not installed: apt-get install wrk")
def test_what_wrk_could_not_do_is_a_reason(tmp_path: Path) -> None:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/"
        shot = programs.run_wrk(str(programs.wrk()), url, 1, 1, [0])
    assert str(shot.reason).startswith("wrk: ")


def test_an_echo_client_is_a_process_whose_last_line_counts(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures become a shot; its failure a reason."""
    clients = setting.logs
    (clients / "good_echo.py").write_text(
        'import sys\nprint(\'noise\')\nprint(\'{"requests": 300, "errors": 0, "duration_s": 0.5, "cpu_s": 0.003}\')'
    )
    (clients / "bad_echo.py").write_text("raise SystemExit('cannot connect')")
    (clients / "mute_echo.py").write_text("")
    monkeypatch.setattr(programs, "CLIENTS", clients)
    python = Path(sys.executable)
    shot = programs.run_echo(python, "good", "127.0.0.1", 1, 4, 0.1, [0], 2)
    assert (shot.round, shot.rps, shot.reason) == (2, 600.0, None) and shot.cpu_us == pytest.approx(10.0)
    assert "cannot connect" in str(programs.run_echo(python, "bad", "127.0.0.1", 1, 4, 0.1, [0], 0).reason)
    assert "no result" in str(programs.run_echo(python, "mute", "127.0.0.1", 1, 4, 0.1, [0], 0).reason)


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """With everything in its process group."""
    with pytest.raises(programs.ProgramError, match="did not end"):
        programs.run([sys.executable, "-c", "import time; time.sleep(60)"], [0], 0.2, tmp_path)


def test_too_many_errors_are_a_failure() -> None:
    """A client that got wrong answers is not faster for it."""
    assert programs.judged(programs.Shot(round=0, requests=1000, errors=1)).reason is None
    assert "500 failed" in str(programs.judged(programs.Shot(round=0, requests=1000, errors=500), "reset").reason)
    assert "0 failed" in str(programs.judged(programs.Shot(round=0)).reason)


@pytest.mark.parametrize("text", ["", "noise", "{broken", "[1]", '{"requests": "many"}'])
def test_a_result_that_cannot_be_read_is_an_error(text: str) -> None:
    """Whatever a client prints."""
    with pytest.raises(programs.ProgramError):
        programs.wrk_shot(programs.last_object(text), 0.0, 0)


def test_the_null_server_in_c_is_compiled_once(tmp_path: Path) -> None:
    """Where there is a compiler; what does not compile is a remark, and the one in Python remains."""
    first = null.compiled(tmp_path)
    if isinstance(first, str):
        pytest.skip(first)
    at = first.stat().st_mtime_ns
    assert null.compiled(tmp_path) == first and first.stat().st_mtime_ns == at
    broken = tmp_path / "broken.c"
    broken.write_text("int main(")
    assert "cannot be compiled" in str(null.compiled(tmp_path, broken))
    assert "missing" in str(null.compiled(tmp_path, tmp_path / "none.c"))
    makers, remarks = null.makers(tmp_path)
    assert list(makers) == ["c", "python"] and not remarks


def test_orders_rotate_so_that_none_is_always_first() -> None:
    """Over as many rounds as there are clients each has been everywhere."""
    names = ["a", "b", "c"]
    assert [rotated(names, by)[0] for by in range(3)] == names and rotated([], 3) == []


def test_only_parts_that_there_are_can_be_asked_for() -> None:
    """In their own order; a wrong name is one line."""
    assert calibrate.parts_of(["truth", "ceiling"]) == ["ceiling", "truth"]
    assert len(calibrate.parts_of(None)) == 4
    with pytest.raises(UserError, match="no part 'speed'"):
        calibrate.parts_of(["speed"])
    with pytest.raises(UserError):
        calibrate.parts_of([])
    assert main(["calibrate", "--only", "speed"]) == 2
    assert parser().parse_args(["calibrate", "--quick"]).quick


def test_a_minute_is_about_a_minute() -> None:
    """The quick size's steps come to less than 90 s, the full one's to less than a quarter of an hour."""
    for size, most in ((QUICK, 90), (FULL, 900)):
        record = calibrate.describe(["truth"], "x", size)
        found = Setting(size, record, [0], [1], Path(), lambda: None, lambda _: None, {"c": null.python})
        steps = ceiling.steps(found) + agreement.http_steps(found, {}, "wrk") + truth.steps(found, "wrk")
        steps += agreement.echo_steps(found, {"picows": Path("x"), "websockets": Path("x")})
        assert sum(step.seconds for step in steps) < most


def test_what_was_measured_is_kept_when_it_is_interrupted(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second step: the first is on disk, and the record says that it is not finished."""
    monkeypatch.setattr(calibrate, "CALIBRATIONS", tmp_path)
    setting.save = lambda: calibrate._save(setting.record)

    def interrupt() -> None:
        raise KeyboardInterrupt

    steps = [*ceiling.steps(setting)[:1], calibrate.Step("x", 1.0, interrupt)]
    with pytest.raises(KeyboardInterrupt):
        calibrate.carry_out(setting, steps, Terminal(Console(file=(tmp_path / "said.txt").open("w"))))
    stored = calibration_store.read(calibration_store.path_of(setting.record, tmp_path))
    assert not stored.finished and stored.ceiling[0].shots[0].rps
    calibrate.carry_out(setting, [], Terminal(Console(file=(tmp_path / "said.txt").open("w"))))
    assert calibration_store.read(calibration_store.path_of(setting.record, tmp_path)).finished


def test_the_table_in_the_terminal_has_every_part(setting: Setting, tmp_path: Path) -> None:
    """With reasons in place of figures where there are none."""
    carry_out(ceiling.steps(setting)[:1])
    agreement.http_steps(setting, {}, None)
    truth.steps(setting, None)[0].work()
    console = Console(width=140, record=True, file=(tmp_path / "out.txt").open("w"))
    table.show(setting.record, console)
    text = console.export_text()
    assert all(word in text for word in ("HTTP, server in Python", "apt-get install wrk", "always 10 ms", OURS))
    assert "percentiles within" in table.conclusion(setting.record)
