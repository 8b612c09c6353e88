// Adds an Authorization header to every request and hands it on, for clients that cannot: node adding.mjs URL VALUE
import { createServer, request } from 'node:http';

const [url, authorization] = process.argv.slice(2);
const { hostname, port } = new URL(url);

const server = createServer((asked, answer) => {
  const headers = [...asked.rawHeaders, 'Authorization', authorization];
  const on = request({ hostname, port, method: asked.method, path: asked.url, headers }, back => {
    answer.writeHead(back.statusCode, back.rawHeaders);
    answer.flushHeaders();
    back.pipe(answer);
    back.on('error', () => answer.destroy());
  });
  on.on('error', () => answer.destroy());
  answer.on('close', () => on.destroy());
  asked.pipe(on);
});
server.listen(0, '127.0.0.1', () => console.log(`adding, on http://127.0.0.1:${server.address().port}/mcp`));
