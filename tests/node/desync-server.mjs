#!/usr/bin/env node
// A server on Node's http that tells every request it saw, a line of JSON each, and answers as an MCP server would.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    const headers = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) headers.push(request.rawHeaders.slice(at, at + 2));
    const seen = { connection: request.socket.remotePort, method: request.method, target: request.url, headers };
    console.log(JSON.stringify({ ...seen, body: body.toString('latin1') }));
    let id = null;
    try {
      id = JSON.parse(body.toString()).id ?? null;
    } catch {
      // Answered all the same: the test has what was seen.
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', content: [] } }));
  });
});
server.on('clientError', (error, socket) => {
  // A connection that Weir closes is no fault.
  if (error.code !== 'ECONNRESET') console.log(JSON.stringify({ fault: String(error) }));
  socket.destroy();
});
server.listen(0, '127.0.0.1', () => console.log(`desync on http://127.0.0.1:${server.address().port}/mcp`));
