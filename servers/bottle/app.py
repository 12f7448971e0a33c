"""Bottle. A host serves it: see hosts/."""

from bottle import Bottle, response

app = Bottle()


@app.get("/")
def hello():
    response.content_type = "text/plain"
    return "Hello, World!"


@app.get("/json")
def as_json():
    return {"message": "Hello, World!"}
