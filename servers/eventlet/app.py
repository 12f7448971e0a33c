"""Eventlet: its own WSGI server and WebSocket."""

import json
import sys

import eventlet
from eventlet import websocket, wsgi


@websocket.WebSocketWSGI
def echo(ws):
    while True:
        message = ws.wait()
        if message is None:
            break
        ws.send(message)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/ws":
        return echo(environ, start_response)
    if path == "/":
        status, kind, body = "200 OK", "text/plain", b"Hello, World!"
    elif path == "/json":
        status, kind, body = "200 OK", "application/json", json.dumps({"message": "Hello, World!"}).encode()
    else:
        status, kind, body = "404 Not Found", "text/plain", b"Not Found"
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


if __name__ == "__main__":
    wsgi.server(eventlet.listen((sys.argv[1], int(sys.argv[2]))), application, log_output=False)
