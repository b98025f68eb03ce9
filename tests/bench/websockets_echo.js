// SPDX-License-Identifier: MIT
// A WebSocket server by npm's ws that sends each message back: websockets_echo.js PORT
'use strict'
const { WebSocketServer } = require('/usr/share/nodejs/ws')

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), perMessageDeflate: true })
server.on('connection', socket => socket.on('message', (data, binary) => socket.send(data, { binary })))
