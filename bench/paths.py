"""Where things are: the one place that knows the layout of the checkout."""

from __future__ import annotations

import os
from pathlib import Path

from results import store

ROOT = Path(__file__).resolve().parent.parent
# The environment variables are for tests, which bring broken servers and must leave nothing among the real ones.
SERVERS = Path(os.environ.get("ANEMOMETER_SERVERS") or ROOT / "servers")
RUNS = store.RUNS
ENVIRONMENTS = Path(os.environ.get("ANEMOMETER_ENVIRONMENTS") or ROOT / ".environments")
PROFILES = ROOT / "bench" / "profiles.toml"
TEMPLATES = ROOT / "bench" / "templates"
