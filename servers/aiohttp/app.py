"""aiohttp: its web server, and its own WebSocket."""

import sys

from aiohttp import WSMsgType, web

routes = web.RouteTableDef()


@routes.get("/")
async def hello(request):
    return web.Response(text="Hello, World!")


@routes.get("/json")
async def as_json(request):
    return web.json_response({"message": "Hello, World!"})


@routes.get("/ws")
async def echo(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    # shutdown_timeout: how long open connections may go on after SIGTERM (60 s unless told)
    web.run_app(app, host=sys.argv[1], port=int(sys.argv[2]), access_log=None, print=None, shutdown_timeout=1.0)
