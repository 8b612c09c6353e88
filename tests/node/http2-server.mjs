#!/usr/bin/env node
// http2-server.mjs KEY CERTIFICATE
// Node's own HTTP/2 server: answers each call with how many connections it has seen; `stream` in an event stream;
// `refused` by refusing the first stream that asks so.
import fs from 'node:fs';
import http2 from 'node:http2';

const [key, cert] = process.argv.slice(2).map((file) => fs.readFileSync(file));
const server = http2.createSecureServer({ key, cert });
let sessions = 0, refused = 0;
server.on('session', () => { sessions += 1; });
server.on('stream', (stream) => {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('error', () => {});
  stream.on('data', (piece) => { text += piece; });
  stream.on('end', () => {
    const { id, params } = JSON.parse(text);
    if (params.name === 'refused' && refused++ === 0) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    const result = { resultType: 'complete', content: [{ type: 'text', text: `${params.name} ${sessions}` }] };
    const answer = JSON.stringify({ jsonrpc: '2.0', id, result });
    const events = params.name === 'stream';
    stream.respond({ ':status': 200, 'content-type': events ? 'text/event-stream' : 'application/json' });
    stream.end(events ? `data: ${answer}\n\n` : answer);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
