"""gevent's WSGI server with a patched standard library, so that threads of the app are greenlets."""

# ruff: noqa: E402  (the patch must come before everything else)

from gevent import monkey

monkey.patch_all()

import argparse
import signal
import socket
import sys

import gevent
from gevent.pywsgi import WSGIServer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--nodelay", action="store_true", help="set TCP_NODELAY on the listening socket")
    args = parser.parse_args()

    sys.path.insert(0, "")  # the app is in the working folder
    from app import app

    server = WSGIServer((args.host, args.port), app, log=None)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    server.start()
    if args.nodelay:
        server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
    server.serve_forever()


if __name__ == "__main__":
    main()
