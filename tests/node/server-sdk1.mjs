#!/usr/bin/env node
// An MCP server on the TypeScript SDK's generation before, on a free port of loopback, with the tools of the matrix's
// scenario. Prints one ready line with its URL. Names and answers are those of ref-server.mjs. With `--sse` it offers the
// pair of 2024-11-05 alone.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const say = (text, more) => ({ content: [{ type: 'text', text }], ...more });
const text = { type: 'string' };
const sessions = new Map();

function build() {
  const mcp = new McpServer({ name: 'weir-tests-sdk1', version: '1.0.0' }, { instructions: 'the server of SDK 1' });
  mcp.registerTool('probe_echo', { inputSchema: { text: z.string() } }, async ({ text }) => say(text));
  mcp.registerTool('test_tool_with_progress', {}, async context => {
    const progressToken = context._meta?.progressToken;
    if (progressToken !== undefined) for (const progress of [0, 50, 100])
      await context.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100, message: `step ${progress}` } });
    return say('done');
  });
  mcp.registerTool('test_error_handling', {}, async () => say('This tool intentionally returns an error for testing', { isError: true }));
  mcp.registerTool('test_elicitation', { inputSchema: { message: z.string() } }, async ({ message }) => {
    const answer = await mcp.server.elicitInput({ message, requestedSchema: { type: 'object', properties: { username: text, email: text, response: text } } });
    return say(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`);
  });
  mcp.registerResource('static-text', 'test://static-text', { mimeType: 'text/plain' }, async uri =>
    ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }] }));
  mcp.registerPrompt('test_prompt_with_arguments', { argsSchema: { arg1: z.string(), arg2: z.string() } }, async ({ arg1, arg2 }) =>
    ({ messages: [{ role: 'user', content: { type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` } }] }));
  return mcp;
}

async function pair(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (request.method === 'GET' && pathname === '/sse') {
    const transport = new SSEServerTransport('/messages', response);
    sessions.set(transport.sessionId, transport);
    response.on('close', () => sessions.delete(transport.sessionId));
    return build().connect(transport);
  }
  const transport = sessions.get(searchParams.get('sessionId'));
  return transport ? transport.handlePostMessage(request, response) : response.writeHead(404).end();
}

const sse = process.argv.includes('--sse');
const server = createServer(async (request, response) => {
  if (sse) return pair(request, response);
  const session = request.headers['mcp-session-id'];
  let transport = sessions.get(session);
  if (session && !transport) return response.writeHead(404).end();
  if (!transport) {
    transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID,
      onsessioninitialized: id => { sessions.set(id, transport); }, onsessionclosed: id => { sessions.delete(id); } });
    await build().connect(transport);
  }
  await transport.handleRequest(request, response);
});
server.listen(0, '127.0.0.1', () => console.log(`sdk1 http://127.0.0.1:${server.address().port}/${sse ? 'sse' : 'mcp'}`));
