"""Gunicorn's settings: one worker, 100 threads. Settings that an older release does not know are ignored by it."""

workers = 1
worker_class = "gthread"
threads = 100
graceful_timeout = 2
loglevel = "warning"
control_socket_disable = True
