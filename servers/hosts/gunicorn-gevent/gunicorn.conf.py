"""Gunicorn's settings: one worker of greenlets. Settings that an older release does not know are ignored by it."""

workers = 1
worker_class = "gevent"
graceful_timeout = 2
loglevel = "warning"
control_socket_disable = True
