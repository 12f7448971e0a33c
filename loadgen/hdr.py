"""The text form of a percentile distribution, which HdrHistogram's plotter reads."""

from __future__ import annotations

import io
import re

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it ships no types

NS_PER_MS = 1_000_000


def text(encoded: str) -> str:
    """Percentiles in milliseconds, from an encoded histogram in nanoseconds."""
    out = io.BytesIO()
    HdrHistogram.decode(encoded).output_percentile_distribution(out, NS_PER_MS)
    return re.sub(r"[ \t]+\n", "\n", out.getvalue().decode("ascii"))
