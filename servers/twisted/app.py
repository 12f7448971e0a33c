"""Twisted: twisted.web's resources, and its own WebSocket (since 26.10)."""

import json
import sys

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

try:
    from twisted.web.websocket import WebSocketResource
except ImportError:  # an older release
    WebSocketResource = None


class Hello(Resource):
    isLeaf = True

    def render_GET(self, request):
        request.setHeader(b"content-type", b"text/plain")
        return b"Hello, World!"


class Json(Resource):
    isLeaf = True

    def render_GET(self, request):
        request.setHeader(b"content-type", b"application/json")
        return json.dumps({"message": "Hello, World!"}).encode()


class Echo:
    @classmethod
    def buildProtocol(cls, request):
        return cls()

    def negotiationStarted(self, transport):
        self.transport = transport

    def negotiationFinished(self):
        pass

    def textMessageReceived(self, message):
        self.transport.sendTextMessage(message)

    def bytesMessageReceived(self, data):
        self.transport.sendBytesMessage(data)

    def pongReceived(self, payload):
        pass

    def connectionLost(self, reason):
        pass


class QuietSite(Site):
    def log(self, request):
        """No access log."""


def main(host, port):
    root = Resource()
    root.putChild(b"", Hello())
    root.putChild(b"json", Json())
    if WebSocketResource is not None:
        root.putChild(b"ws", WebSocketResource(Echo))
    reactor.listenTCP(port, QuietSite(root), interface=host)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
