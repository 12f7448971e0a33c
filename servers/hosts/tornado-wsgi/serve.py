"""Tornado's HTTP server with a WSGI app in a thread pool."""

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from tornado.httpserver import HTTPServer
from tornado.wsgi import WSGIContainer

sys.path.insert(0, "")  # the app is in the working folder
from app import app


async def main(host, port):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    HTTPServer(WSGIContainer(app, ThreadPoolExecutor())).listen(port, host)
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
