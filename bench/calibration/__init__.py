"""`nox -s calibrate`: what the instrument reaches, whether others agree, and whether its latencies are true."""
