"""What was measured: schema, store, statistics. Imports neither bench nor reports."""
