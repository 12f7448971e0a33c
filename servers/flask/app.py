"""Flask, and flask-sock for WebSocket. A host serves it: see hosts/."""

from flask import Flask, Response
from flask_sock import Sock

app = Flask(__name__)
sock = Sock(app)


@app.get("/")
def hello():
    return Response("Hello, World!", mimetype="text/plain")


@app.get("/json")
def as_json():
    return {"message": "Hello, World!"}


@sock.route("/ws")
def echo(ws):
    while True:
        ws.send(ws.receive())
