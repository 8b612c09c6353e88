#!/usr/bin/env node
// http2.mjs URL [CA]
// Node's own HTTP/2 client: many calls at once over one connection, small ones, big ones and streams; by prior knowledge,
// or by ALPN where the URL is an https one.
import fs from 'node:fs';
import http2 from 'node:http2';

const [url, ca] = [new URL(process.argv[2]), process.argv[3]];
// "h2" alone is what it offers.
const session = http2.connect(url.origin, { ca: ca && fs.readFileSync(ca), servername: 'localhost' });
const version = 'io.modelcontextprotocol/protocolVersion', capabilities = 'io.modelcontextprotocol/clientCapabilities';

function call(id, name, args) {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: {
    name, arguments: args, _meta: { [version]: '2026-07-28', [capabilities]: {} },
  } });
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST', ':path': url.pathname, 'content-type': 'application/json', 'mcp-method': 'tools/call',
      'mcp-name': name, 'mcp-protocol-version': '2026-07-28', accept: 'application/json, text/event-stream',
    });
    let status, text = '';
    stream.setEncoding('utf8');
    stream.on('response', (headers) => { status = headers[':status']; });
    stream.on('data', (piece) => { text += piece; });
    stream.on('end', () => resolve({ id, status, text }));
    stream.on('error', reject);
    stream.end(body);
  });
}

function many(from, count, name, args) {
  return Array.from({ length: count }, (_, at) => call(from + at, name, args));
}

function statuses(answers) {
  return [...new Set(answers.map((answer) => answer.status))];
}

function events(text) {
  return text.split('\n\n').filter((event) => event.includes('data:')).map((event) => JSON.parse(event.slice(event.indexOf('{'))));
}

const long = 'x'.repeat(300_000);
const [small, big, streams] = await Promise.all([
  Promise.all(many(1, 60, 'echo', {})),
  Promise.all(many(101, 8, 'big', { text: long })),
  Promise.all(many(201, 8, 'stream', {})),
]);
for (const answer of [...small, ...big]) {
  if (JSON.parse(answer.text).id !== answer.id) throw new Error(JSON.stringify(answer));
}
console.log(`${statuses(small)} ${small.length} answers`);
const lengths = [...new Set(big.map((answer) => JSON.parse(answer.text).result.content[0].text.length))];
console.log(`${statuses(big)} ${big.length} answers of ${lengths} bytes to as many`);
const counts = [...new Set(streams.map((answer) => {
  const all = events(answer.text);
  if (all.at(-1).id !== answer.id) throw new Error(JSON.stringify(answer));
  return all.length;
}))];
console.log(`${statuses(streams)} ${streams.length} streams of ${counts} events`);
session.close();
