#!/usr/bin/env node
// http2.mjs URL
// Node's own HTTP/2 client: many calls at once over one connection, by prior knowledge.
import http2 from 'node:http2';

const url = new URL(process.argv[2]);
const session = http2.connect(url.origin);
const version = 'io.modelcontextprotocol/protocolVersion', capabilities = 'io.modelcontextprotocol/clientCapabilities';

function call(id) {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: {
    name: 'echo', arguments: {}, _meta: { [version]: '2026-07-28', [capabilities]: {} },
  } });
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST', ':path': url.pathname, 'content-type': 'application/json', 'mcp-method': 'tools/call',
      'mcp-name': 'echo', 'mcp-protocol-version': '2026-07-28', accept: 'application/json, text/event-stream',
    });
    let status, text = '';
    stream.setEncoding('utf8');
    stream.on('response', (headers) => { status = headers[':status']; });
    stream.on('data', (piece) => { text += piece; });
    stream.on('end', () => resolve({ status, id: JSON.parse(text).id }));
    stream.on('error', reject);
    stream.end(body);
  });
}

const ids = Array.from({ length: 60 }, (_, at) => at + 1);
const answers = await Promise.all(ids.map(call));
if (answers.some((answer, at) => answer.id !== ids[at])) throw new Error(JSON.stringify(answers));
const statuses = [...new Set(answers.map((answer) => answer.status))];
console.log(`${statuses} ${answers.length} answers`);
session.close();
