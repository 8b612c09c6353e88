#!/usr/bin/env node
// server-everything over streamable HTTP, on a free port of the loopback address only: the package itself would
// listen on every address and could not say which free port it got. Prints one ready line with its URL.
import { Server } from 'node:http';

const listen = Server.prototype.listen;
Server.prototype.listen = function (_port, ready) {
  return listen.call(this, 0, '127.0.0.1', () => {
    console.log(`everything http://127.0.0.1:${this.address().port}/mcp`);
    ready?.();
  });
};
await import('@modelcontextprotocol/server-everything/dist/transports/streamableHttp.js');
