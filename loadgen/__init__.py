"""The instrument: a load generator. Useful on its own; knows no framework, no nox, no report."""
