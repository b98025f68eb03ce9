#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A WebSocket server by python3-websockets that sends each message back: websockets_echo.py PORT"""

import asyncio
import sys

import websockets


async def echo(websocket, _path=None):
    async for message in websocket:
        await websocket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1])):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
