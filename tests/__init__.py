"""Tests mirror the modules; tests/broken holds servers with deliberate faults."""
