"""gevent: its own WSGI server, and simple-websocket, which runs on greenlets when the standard library is patched."""

# ruff: noqa: E402  (the patch must come before everything else)

from gevent import monkey

monkey.patch_all()

import argparse
import json
import signal
import socket

import gevent
from gevent.pywsgi import WSGIServer
from simple_websocket import ConnectionClosed, Server


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/ws" and environ.get("HTTP_UPGRADE", "").lower() == "websocket":
        return echo(environ)
    if path == "/":
        status, kind, body = "200 OK", "text/plain", b"Hello, World!"
    elif path == "/json":
        status, kind, body = "200 OK", "application/json", json.dumps({"message": "Hello, World!"}).encode()
    else:
        status, kind, body = "404 Not Found", "text/plain", b"Not Found"
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def echo(environ):
    ws = Server.accept(environ)
    try:
        while True:
            ws.send(ws.receive())
    except ConnectionClosed:
        environ["wsgi.input"].close()  # or pywsgi would wait for another request on this connection
        return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--nodelay", action="store_true", help="set TCP_NODELAY on the listening socket")
    args = parser.parse_args()

    server = WSGIServer((args.host, args.port), application, log=None)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    server.start()
    if args.nodelay:
        server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
    server.serve_forever()


if __name__ == "__main__":
    main()
