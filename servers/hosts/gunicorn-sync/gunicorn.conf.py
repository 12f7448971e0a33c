"""Gunicorn's settings: one synchronous worker. Settings that an older release does not know are ignored by it."""

workers = 1
worker_class = "sync"
graceful_timeout = 2
loglevel = "warning"
control_socket_disable = True
