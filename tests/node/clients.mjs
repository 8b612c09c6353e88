// The two generations of the official TypeScript SDK behind one small face, so that one list of checks serves both.
//
//   connect({ sdk: '1' | '2', era: 'legacy' | 'modern', revision, url }) -> peer; `sse` with '1': over the pair of 2024-11-05
//   connect({ sdk, mode: 'legacy' | 'auto' | REVISION, url, fetch })     -> peer, by the SDK's own negotiation; for `url`
//                    there may be `command`, {words, directory, environment}: the client starts the server and speaks stdio
//   `roots`, a function, says what the client is asked for by roots/list
//   peer.client                      the SDK's own client, for what is called alike in both
//   peer.call(name, args, options)   tools/call
//   peer.on(method, handler)         a notification of the server
//   peer.transport                   the SDK's own transport
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import * as schemas1 from '@modelcontextprotocol/sdk/types.js';
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';

const INFO = { name: 'weir-tests', version: '1.0.0' };
const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
const RETRY = { initialReconnectionDelay: 20, maxReconnectionDelay: 200, reconnectionDelayGrowFactor: 1.5, maxRetries: 20 };

// What a user would have typed, chosen and configured.
const ANSWERS = {
  'sampling/createMessage': r => ({ role: 'assistant', model: 'test-model', content: { type: 'text', text: `echo: ${r.params.messages[0].content.text}` } }),
  'elicitation/create': () => ({ action: 'accept', content: { username: 'ada', email: 'ada@example.com', response: 'yes', name: 'Ada', answer: 'Ada', ok: true } }),
  'roots/list': () => ({ roots: [{ uri: 'file:///srv/project', name: 'project' }] }),
};
const answers = roots => Object.entries({ ...ANSWERS, ...(roots && { 'roots/list': () => ({ roots: roots() }) }) });
const SCHEMAS_1 = {
  'sampling/createMessage': schemas1.CreateMessageRequestSchema, 'elicitation/create': schemas1.ElicitRequestSchema, 'roots/list': schemas1.ListRootsRequestSchema,
  'notifications/message': schemas1.LoggingMessageNotificationSchema, 'notifications/resources/updated': schemas1.ResourceUpdatedNotificationSchema,
  'notifications/tools/list_changed': schemas1.ToolListChangedNotificationSchema, 'notifications/prompts/list_changed': schemas1.PromptListChangedNotificationSchema,
};

export async function connect(how) {
  const peer = how.sdk === '1' ? await generation1(how) : await generation2(how);
  return { ...peer, sdk: how.sdk, era: how.era, revision: how.revision, url: how.url };
}

async function generation1({ url, revision, fetch, sse, command, roots }) {
  const client = new Client1(INFO, { capabilities: CAPABILITIES });
  const Transport = sse ? SSEClientTransport : Transport1;
  const transport = command ? new Stdio1(piped(command)) : new Transport(new URL(url), { reconnectionOptions: RETRY, fetch: fetch ?? speaking(revision) });
  for (const [method, answer] of answers(roots)) client.setRequestHandler(SCHEMAS_1[method], answer);
  await client.connect(transport);
  if (command) inOrder(transport);
  return {
    client, transport, call: (name, args = {}, options) => client.callTool({ name, arguments: args }, undefined, options),
    on: (method, handler) => client.setNotificationHandler(SCHEMAS_1[method], handler),
  };
}

// The 1.x client always offers the newest revision it knows; this one offers `revision`.
const speaking = revision => (url, init) => fetch(url, { ...init, body: init?.body?.replace?.(/"protocolVersion":"2025-11-25"/, `"protocolVersion":"${revision}"`) ?? init?.body });

async function generation2({ url, era, revision, mode, fetch, command, roots }) {
  const named = era === 'modern' ? { versionNegotiation: { mode: { pin: revision } } } : { supportedProtocolVersions: [revision] };
  const own = { versionNegotiation: { mode: mode === 'legacy' || mode === 'auto' ? mode : { pin: mode } } };
  const client = new Client2(INFO, { capabilities: CAPABILITIES, ...(mode ? own : named) });
  const transport = command ? new Stdio2(piped(command)) : new Transport2(new URL(url), { reconnectionOptions: RETRY, fetch });
  for (const [method, answer] of answers(roots)) client.setRequestHandler(method, answer);
  await client.connect(transport);
  if (command) inOrder(transport);
  return {
    client, transport, call: (name, args = {}, options) => client.callTool({ name, arguments: args }, options),
    on: (method, handler) => client.setNotificationHandler(method, handler),
  };
}

function piped({ words: [program, ...args], directory, environment }) {
  return { command: program, args, cwd: directory, env: environment, stderr: 'ignore' };
}

// Both take an answer before the progress that they read together with it, and then have nobody to tell of that.
function inOrder(transport) {
  const take = transport.onmessage;
  transport.onmessage = message => ('method' in message ? take(message) : setImmediate(take, message));
}
