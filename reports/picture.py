"""A picture of a report's first screen, taken by headless Chromium: what the README shows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from reports.build import ReportError, build

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONGEST_S = 120


def browser() -> str:
    """Return the path of a Chromium. ReportError, with the remedy, if there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise ReportError(f"no Chromium on PATH (looked for {', '.join(NAMES)}): on Debian, apt-get install chromium")
    return found


def take(folder: Path, out: Path, size: tuple[int, int], *, dark: bool = False) -> None:
    """Write a PNG of the page of the run in `folder`, `size` pixels large. ReportError if Chromium cannot."""
    program = browser()
    with tempfile.TemporaryDirectory(prefix="anemometer-") as name:
        page, shot = Path(name) / "report.html", Path(name) / "shot.png"
        build(folder, page)
        _run(command(program, page, shot, size, dark=dark))
        if not shot.is_file() or not shot.stat().st_size:
            raise ReportError(f"{program} took no picture of {folder.name}")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shot, out)
        except OSError as error:
            raise ReportError(f"{out}: cannot be written: {error.strerror}") from None


def command(program: str, page: Path, shot: Path, size: tuple[int, int], *, dark: bool) -> list[str]:
    """Return the command line that takes the picture."""
    options = [
        "--headless",
        "--hide-scrollbars",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--force-prefers-reduced-motion",
        "--no-first-run",
        f"--user-data-dir={page.parent / 'profile'}",
        f"--window-size={size[0]},{size[1]}",
        f"--screenshot={shot}",
    ]
    if dark:
        options += ["--blink-settings=preferredColorScheme=0"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses root without it; the page is our own, and makes no request
    return [program, *options, page.as_uri()]


def _run(argv: list[str]) -> None:
    # A process group of its own: Chromium's children are ended with it when it hangs.
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _, errors = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise ReportError(f"{argv[0]} did not finish within {LONGEST_S} s") from None
    if process.returncode:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ReportError(f"{argv[0]} ended with exit code {process.returncode}: {last[0][:200]}")
