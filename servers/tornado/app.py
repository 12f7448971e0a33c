"""Tornado: request handlers, and its own WebSocket."""

import asyncio
import signal
import sys

import tornado.web
import tornado.websocket


class HelloHandler(tornado.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain")
        self.write("Hello, World!")


class JsonHandler(tornado.web.RequestHandler):
    def get(self):
        self.write({"message": "Hello, World!"})


class EchoHandler(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


def make_app():
    return tornado.web.Application(
        [(r"/", HelloHandler), (r"/json", JsonHandler), (r"/ws", EchoHandler)],
        log_function=lambda handler: None,
    )


async def main(host, port):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    make_app().listen(port, host)
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
