"""What all tests share: their markers."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "browser: drives a real Chromium; skipped where there is none")
