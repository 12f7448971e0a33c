"""The page of a calibration: from a stored record alone, whatever is in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports import build, calibration, cli
from results import calibration_store
from results.calibration import SCHEMA, Calibration, Ceiling, Comparison, Shot, Truth
from results.schema import Flag

HOSTILE = "<script>alert(1)</script>\" ' & \x00\ud800".encode("utf-8", "replace").decode() + "</svg>"


def shots(*rates: float) -> list[Shot]:
    """Shots of a client, one a round."""
    return [
        Shot(round=n, rps=rate, requests=1000, cpu_us=5.0, busy=0.9, latency_us={"p50": 300.0})
        for n, rate in enumerate(rates)
    ]


def record(name: str = "null server in C") -> Calibration:
    """A calibration in which everything was measured, and some of it failed."""
    expected = {"p50": 10.0, "p90": 350_000.0, "p99": 485_000.0, "p99.9": 498_500.0}
    right = {key: value + 40 for key, value in expected.items()}

    def truth(client: str, reported: dict[str, float | None], judged: bool = True) -> Truth:
        return Truth(
            kind="stall", law="serves 1 s, stalls 500 ms", client=client, loop="open" if judged else "closed",
            rate=1000, expected_us=expected, reported_us=reported, judged=judged, requests=30_000, lateness_us=40.0,
            late_us={"p99": 12.0}, note=name, flags=[Flag("neighbour", name)],
        )  # fmt: skip

    return Calibration(
        schema=SCHEMA, id="2026-11-21T0130Z-ab12", created_at="2026-11-21T01:30:00Z", command=["nox"],
        suite={"commit": "abc"}, machine={"cpu_model": name}, settings={"size": "full"}, server_cores=[0],
        client_cores=[1], parts=["truth"], versions={"wrk": name}, finished=True, remarks=[name],
        ceiling=[
            Ceiling(server=server, workload=workload, connections=count, shots=shots(150e3, 151e3, 149e3))
            for server in ("c", "python") for workload in ("hello", "echo") for count in (1, 64)
        ] + [Ceiling(server="c", workload="hello", connections=256, shots=[Shot(round=0, reason=name)])],
        agreement=[
            Comparison(server="null", title=name, workload="hello", connections=64, other="wrk", target=1.15,
                       ours=shots(118, 119, 120), theirs=shots(100, 101, 100)),
            Comparison(server="tornado", title="tornado", workload="hello", connections=64, other="wrk",
                       ours=shots(10, 10.1, 10), theirs=shots(10, 10, 10.1)),
            Comparison(server="aiohttp", title=name, workload="hello", connections=64, other="wrk", reason=name,
                       hint=name),
        ],
        echo=[Comparison(server="null", title=name, workload="echo", connections=64, other=name, target=3.0,
                         ours=shots(200, 201), theirs=shots(100, 101))],
        truth=[
            truth("loadgen", dict(right)),
            truth("loadgen", {**right, "p90": 1.0, "p99.9": None}),
            Truth(kind="fixed", law="always 10 ms", client="loadgen", loop="open", rate=1, expected_us={}, reason=name),
            truth("wrk", dict(right), judged=False),
            truth(name, {"p50": 9000.0}, judged=False),
        ],
    )  # fmt: skip


def test_the_list_of_runs_leads_to_it(tmp_path: Path) -> None:
    """Where a calibration's page is there, and only then."""
    runs, pages = tmp_path / "runs", tmp_path / "html"
    assert "calibration.html" not in Reader(build.build_index(runs, pages).read_text()).links
    build.write(calibration.page_path(pages), calibration.render(record()))
    assert "calibration.html" in Reader(build.build_index(runs, pages).read_text()).links


class Reader(HTMLParser):
    """Collects elements, ids and where links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element is."""
        self.tags.append(tag)
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.links += [value for key, value in attrs if key in ("href", "src") and value]


def test_the_page_shows_every_part_with_a_plot_of_each() -> None:
    """Truth, the demonstration, agreement, WebSocket clients, the ceiling; what failed with its reason."""
    page = calibration.render(record())
    reader = Reader(page)
    assert {"truth", "stalls", "agreement", "echo", "ceiling", "machine"} <= set(reader.ids)
    assert page.count('<svg class="chart"') == 5
    assert len(reader.ids) == len(set(reader.ids))
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert "6 of 8" in page and "Not proven here" in page


def test_the_page_is_one_file_and_always_the_same() -> None:
    """No script, no request, the same bytes for the same record."""
    page = calibration.render(record())
    assert page == calibration.render(record())
    reader = Reader(page)
    assert "script" not in reader.tags and "link" in reader.tags
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert not re.search(r"url\((?!#)", page)


def test_nothing_in_a_record_is_markup() -> None:
    """Names, reasons and versions are text, in HTML and in the charts."""
    page = calibration.render(record(HOSTILE))
    assert "<script" not in page and "alert(1)" in page
    assert "script" not in Reader(page).tags


@pytest.mark.parametrize("part", ["truth", "agreement", "echo", "ceiling"])
def test_parts_that_were_not_asked_for_are_not_shown(part: str) -> None:
    """A page of one part alone, and of none, is a page."""
    whole, alone = record(), record()
    for name in ("truth", "agreement", "echo", "ceiling"):
        setattr(alone, name, getattr(whole, name) if name == part else [])
    page = calibration.render(alone)
    assert f'id="{part}"' in page and page.count('<section class="wide" id=') <= 3
    setattr(alone, part, [])
    assert "on this machine" in calibration.render(alone)


def test_a_calibration_that_is_right_says_so() -> None:
    """And one that was stopped says that."""
    good = record()
    good.truth, good.ceiling = good.truth[:1], good.ceiling[:2]
    assert "Right about latency: all 4 percentiles" in calibration.headline(good)
    good.finished = False
    assert "Not finished" in calibration.render(good)


def test_the_command_writes_the_page_and_can_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 only where the check was asked for; 2 and one line where there is no record."""
    stored = str(calibration_store.write(record(), tmp_path))
    out = tmp_path / "page.html"
    assert cli.main(["calibration", stored, "--out", str(out)]) == 0
    assert out.read_text("utf-8").startswith("<!doctype html>") or "<!doctype html>" in out.read_text("utf-8")[:200]
    assert cli.main(["calibration", stored, "--out", str(out), "--check"]) == 1
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert cli.main(["calibration", str(broken), "--out", str(out)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
