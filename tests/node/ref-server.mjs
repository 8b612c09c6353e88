#!/usr/bin/env node
// Reference MCP server for the official conformance suite, on published npm packages only
// (@modelcontextprotocol/server + /node). Names and behaviour follow the "Server Implementation
// Requirements" text that the conformance scenarios print.
//
//   node ref-server.mjs --port 0 --era dual|legacy|modern [--name X] [--json] [--stdio] [--tasks]
//
//   legacy : initialize + Mcp-Session-Id sessions, GET stream, Last-Event-ID replay, DELETE. No 2026-07-28.
//   modern : 2026-07-28 only (per-request _meta, no sessions). GET/DELETE -> 405, initialize rejected.
//   dual   : both on one endpoint.
// Extra tools probe_* exist for gateway tests (not needed by the suite): see bottom of TOOLS.
import { createServer } from 'node:http';
import { randomUUID, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  McpServer, ResourceTemplate, acceptedContent, classifyInboundRequest, createMcpHandler, createRequestStateCodec,
  fromJsonSchema, inputRequired, isInitializeRequest, CLIENT_CAPABILITIES_META_KEY,
} from '@modelcontextprotocol/server';
import { NodeStreamableHTTPServerTransport, toNodeHandler, localhostHostValidation, localhostOriginValidation } from '@modelcontextprotocol/node';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';

const { values: opt } = parseArgs({ options: {
  port: { type: 'string', default: '0' }, host: { type: 'string', default: '127.0.0.1' },
  era: { type: 'string', default: 'dual' }, name: { type: 'string', default: 'ref-server' },
  json: { type: 'boolean', default: false }, stdio: { type: 'boolean', default: false },
  path: { type: 'string', default: '/mcp' }, tasks: { type: 'boolean', default: false }, verbose: { type: 'boolean', default: false },
} });

// ---------------------------------------------------------------- fixtures
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';
const WAV = Buffer.concat([Buffer.from('RIFF'), Buffer.from([36, 0, 0, 0]), Buffer.from('WAVEfmt '),
  Buffer.from([16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]), Buffer.from('data'), Buffer.alloc(4)]).toString('base64');
const sleep = (ms, signal) => new Promise(r => { const t = setTimeout(r, ms); signal?.addEventListener('abort', () => { clearTimeout(t); r(); }, { once: true }); });
const text = t => ({ type: 'text', text: t });
const say = (...c) => ({ content: c.map(x => (typeof x === 'string' ? text(x) : x)) });
const obj = (properties = {}, required = []) => ({ type: 'object', properties, ...(required.length ? { required } : {}) });
const form = (message, properties, required = Object.keys(properties)) => inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });
const llm = (prompt, maxTokens = 100) => inputRequired.createMessage({ messages: [{ role: 'user', content: text(prompt) }], maxTokens });
const seal = createRequestStateCodec({ key: randomBytes(32) });
const needName = () => form('What is your name?', { name: { type: 'string' } });
const counters = { calls: 0, slow_started: 0, slow_finished: 0, slow_cancelled: 0 };
const sessions = new Map();               // session id -> { transport, server }
const subscribed = new Set();             // "SESSION URI" of legacy resource subscriptions
let modern;                               // createMcpHandler (listen bus)

const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' }, contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: { type: 'string' }, email: { type: 'string' } },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] }, then: { required: ['phone'] }, else: { required: ['email'] },
  additionalProperties: false,
};
const ENUMS = {
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: [1, 2, 3].map(n => ({ const: `value${n}`, title: `Choice ${n}` })) },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['One', 'Two', 'Three'] },
  untitledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { anyOf: [1, 2, 3].map(n => ({ const: `value${n}`, title: `Choice ${n}` })) } },
};
const DEFAULTS = {
  name: { type: 'string', default: 'John Doe' }, age: { type: 'integer', default: 30 }, score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' }, verified: { type: 'boolean', default: true },
};
// one elicitation, then report what came back; the same source serves both eras (SDK bridges 2025 sessions to real elicitation/create)
const askForm = (message, properties, required = []) => async (_a, c) => {
  const r = c.mcpReq.inputResponses?.answer;
  if (r === undefined) return inputRequired({ inputRequests: { answer: form(typeof message === 'function' ? message(_a) : message, properties, required) } });
  return say(`Elicitation completed: action=${r.action}, content=${JSON.stringify(r.content ?? {})}`);
};

// name -> [input schema, handler(args, ctx), description?]
const TOOLS = {
  test_simple_text: [obj(), async () => say('This is a simple text response for testing.')],
  test_image_content: [obj(), async () => say({ type: 'image', data: PNG, mimeType: 'image/png' })],
  test_audio_content: [obj(), async () => say({ type: 'audio', data: WAV, mimeType: 'audio/wav' })],
  test_embedded_resource: [obj(), async () => say({ type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' } })],
  test_multiple_content_types: [obj(), async () => say('Multiple content types test:', { type: 'image', data: PNG, mimeType: 'image/png' },
    { type: 'resource', resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' } })],
  test_error_handling: [obj(), async () => ({ isError: true, content: [text('This tool intentionally returns an error for testing')] })],
  test_tool_with_logging: [obj(), async (_a, c) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await c.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
      await sleep(50);
    }
    return say('logged');
  }],
  test_logging_tool: [obj(), async (_a, c) => { await c.mcpReq.log('info', 'only when the request asked for a log level'); return say('done'); }],
  test_tool_with_progress: [obj(), async (_a, c) => {
    const progressToken = c.mcpReq._meta?.progressToken;
    if (progressToken !== undefined) for (const progress of [0, 50, 100]) {
      await c.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100, message: `step ${progress}` } });
      await sleep(50);
    }
    return say(`token=${progressToken ?? 'none'}`);
  }],
  test_reconnection: [obj(), async (_a, c) => {
    sessions.get(c.sessionId)?.transport.closeSSEStream(c.mcpReq.id);   // SEP-1699: drop the stream, answer after the client polls back
    await sleep(100);
    return say('delivered after reconnect');
  }],
  test_sampling: [obj({ prompt: { type: 'string' } }, ['prompt']), async (a, c) => {
    const r = c.mcpReq.inputResponses?.llm;
    return r === undefined ? inputRequired({ inputRequests: { llm: llm(a.prompt) } }) : say(`LLM response: ${r.content?.text ?? JSON.stringify(r.content)}`);
  }],
  test_elicitation: [obj({ message: { type: 'string' } }, ['message']), askForm(a => a.message, { username: { type: 'string' }, email: { type: 'string' }, response: { type: 'string' } })],
  test_elicitation_sep1034_defaults: [obj(), askForm('Review the defaults', DEFAULTS)],
  test_elicitation_sep1330_enums: [obj(), askForm('Pick', ENUMS)],
  json_schema_2020_12_tool: [SCHEMA_2020_12, async a => say(JSON.stringify(a)), 'JSON Schema 2020-12 keywords must survive tools/list'],
  test_x_mcp_header: [obj({ region: { type: 'string', 'x-mcp-header': 'Region' }, level: { type: 'integer' } }), async a => say(`region=${a.region ?? '-'}`)],
  test_missing_capability: [obj(), async (_a, c) => (c.mcpReq.inputResponses?.llm === undefined ? inputRequired({ inputRequests: { llm: llm('ping', 16) } }) : say('ok'))],
  test_streaming_elicitation: [obj(), async () => say('nothing but a result on this stream')],
  test_trigger_tool_change: [obj(), async () => { changed('tools'); return say('tools/list_changed sent'); }],
  test_trigger_prompt_change: [obj(), async () => { changed('prompts'); return say('prompts/list_changed sent'); }],
  // ---- SEP-2322 multi round trip
  test_input_required_result_elicitation: [obj(), async (_a, c) => {
    const name = acceptedContent(c.mcpReq.inputResponses, 'user_name')?.name;
    return typeof name === 'string' ? say(`Hello, ${name}!`) : inputRequired({ inputRequests: { user_name: needName() } });
  }],
  test_input_required_result_sampling: [obj(), async (_a, c) => {
    const r = c.mcpReq.inputResponses?.capital_question;
    return r === undefined ? inputRequired({ inputRequests: { capital_question: llm('What is the capital of France?') } }) : say(`Model said: ${r.content?.text ?? JSON.stringify(r)}`);
  }],
  test_input_required_result_list_roots: [obj(), async (_a, c) => {
    const roots = c.mcpReq.inputResponses?.client_roots?.roots;
    return Array.isArray(roots) ? say(`Roots: ${roots.map(r => r.uri).join(', ')}`) : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  }],
  test_input_required_result_request_state: [obj(), async (_a, c) => {
    if (acceptedContent(c.mcpReq.inputResponses, 'confirm') !== undefined && c.mcpReq.requestState() !== undefined) return say('state-ok');
    return inputRequired({ inputRequests: { confirm: form('Please confirm', { ok: { type: 'boolean' } }) }, requestState: await seal.mint({ t: 'rs', n: randomUUID() }) });
  }],
  test_input_required_result_tampered_state: [obj(), async (_a, c) => {
    if (acceptedContent(c.mcpReq.inputResponses, 'confirm') !== undefined && c.mcpReq.requestState() !== undefined) return say('integrity-ok');
    return inputRequired({ inputRequests: { confirm: form('Please confirm', { ok: { type: 'boolean' } }) }, requestState: await seal.mint({ t: 'ts', n: randomUUID() }) });
  }],
  test_input_required_result_multiple_inputs: [obj(), async (_a, c) => {
    const r = c.mcpReq.inputResponses ?? {};
    const name = acceptedContent(r, 'user_name')?.name;
    if (typeof name === 'string' && r.greeting && Array.isArray(r.client_roots?.roots)) return say(`${r.greeting.content?.text ?? ''} ${name} (${r.client_roots.roots.length} roots)`);
    return inputRequired({ inputRequests: { user_name: needName(), greeting: llm('Write a greeting', 50), client_roots: inputRequired.listRoots() }, requestState: await seal.mint({ t: 'mi', n: randomUUID() }) });
  }],
  test_input_required_result_multi_round: [obj(), async (_a, c) => {
    const st = c.mcpReq.requestState();
    if (st?.step === 2) return say(`${st.name} likes ${acceptedContent(c.mcpReq.inputResponses, 'step2')?.color ?? '?'}`);
    if (st?.step === 1) return inputRequired({ inputRequests: { step2: form('Favourite colour?', { color: { type: 'string' } }) },
      requestState: await seal.mint({ step: 2, name: acceptedContent(c.mcpReq.inputResponses, 'step1')?.name ?? '?', n: randomUUID() }) });
    return inputRequired({ inputRequests: { step1: needName() }, requestState: await seal.mint({ step: 1, n: randomUUID() }) });
  }],
  test_input_required_result_capabilities: [obj(), async (_a, c) => {
    if (c.mcpReq.inputResponses !== undefined) return say('fulfilled');
    const caps = c.mcpReq.envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
    const want = { ...(caps.elicitation && { user_name: needName() }), ...(caps.sampling && { greeting: llm('Greet', 50) }), ...(caps.roots && { client_roots: inputRequired.listRoots() }) };
    return Object.keys(want).length ? inputRequired({ inputRequests: want }) : say('no capability declared');
  }],
  // ---- gateway probes (outside the suite)
  probe_echo: [obj({ text: { type: 'string' }, pad: { type: 'integer' } }, ['text']), async a => say(a.text + '#'.repeat(a.pad ?? 0)), 'echo, optionally padded by `pad` bytes'],
  probe_slow: [obj({ ms: { type: 'integer' }, tick: { type: 'integer' } }), async (a, c) => {
    counters.slow_started++;
    const end = Date.now() + (a.ms ?? 1000), progressToken = c.mcpReq._meta?.progressToken;
    for (let n = 1; Date.now() < end && !c.mcpReq.signal.aborted; n++) {
      await sleep(Math.min(a.tick ?? 100, Math.max(1, end - Date.now())), c.mcpReq.signal);
      if (progressToken !== undefined && !c.mcpReq.signal.aborted) await c.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: n } }).catch(() => {});
    }
    c.mcpReq.signal.aborted ? counters.slow_cancelled++ : counters.slow_finished++;
    return say(c.mcpReq.signal.aborted ? 'cancelled' : 'finished');
  }, 'runs `ms`, one progress notification per `tick` ms; stops when cancelled (see probe_counters)'],
  probe_counters: [obj(), async () => say(JSON.stringify({ ...counters, sessions: sessions.size })), 'what this process saw: slow_cancelled shows whether a cancellation reached it'],
  probe_touch: [obj({ uri: { type: 'string' } }, ['uri']), async a => { touched(a.uri); return say('resources/updated sent'); }, 'tells every subscriber that the resource has changed'],
  probe_request: [obj(), async (_a, c) => say(JSON.stringify({ server: opt.name, sessionId: c.sessionId, meta: c.mcpReq._meta, envelope: c.mcpReq.envelope,
    headers: Object.fromEntries(c.http?.req?.headers?.entries?.() ?? []) })), 'the _meta and HTTP headers that reached the server'],
};

const tasks = opt.tasks ? await import('./tasks.mjs') : null;
if (tasks) Object.assign(TOOLS, tasks.TOOLS);
const stdioServers = [];
function changed(what) {
  modern?.notify[`${what}Changed`]();
  for (const s of [...[...sessions.values()].map(e => e.server), ...stdioServers]) what === 'tools' ? s.sendToolListChanged() : s.sendPromptListChanged();
}
function touched(uri) {
  modern?.notify.resourceUpdated(uri);
  for (const s of stdioServers) s.server.sendResourceUpdated({ uri });
  for (const [id, entry] of sessions) if (subscribed.has(`${id} ${uri}`)) entry.server.server.sendResourceUpdated({ uri });
}

function build({ era } = {}) {
  const s = new McpServer({ name: opt.name, version: '1.0.0' }, {
    instructions: `reference server ${opt.name}`,
    capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true }, logging: {}, completions: {}, ...(tasks && era === 'modern' && { extensions: { [tasks.EXT]: {} } }) },
    requestState: { verify: seal.verify },
  });
  for (const [name, [schema, run, description]] of Object.entries(TOOLS))
    s.registerTool(name, { description: description ?? `conformance tool ${name}`, inputSchema: fromJsonSchema(schema) }, async (a, c) => { counters.calls++; return run(a ?? {}, c); });

  const doc = (uri, mimeType, body) => async () => ({ contents: [{ uri, mimeType, ...body }] });
  s.registerResource('static-text', 'test://static-text', { mimeType: 'text/plain', description: 'static text' }, doc('test://static-text', 'text/plain', { text: 'This is the content of the static text resource.' }));
  s.registerResource('static-binary', 'test://static-binary', { mimeType: 'image/png', description: 'static image' }, doc('test://static-binary', 'image/png', { blob: PNG }));
  s.registerResource('watched', 'test://watched-resource', { mimeType: 'text/plain', description: 'can be subscribed to' }, doc('test://watched-resource', 'text/plain', { text: 'watched' }));
  s.registerResource('template', new ResourceTemplate('test://template/{id}/data', { list: undefined }), { mimeType: 'application/json', description: 'one parameter' },
    async (uri, { id }) => ({ contents: [{ uri: uri.toString(), mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] }));
  s.server.setRequestHandler('resources/subscribe', async (r, c) => { subscribed.add(`${c.sessionId} ${r.params.uri}`); return {}; });
  s.server.setRequestHandler('resources/unsubscribe', async (r, c) => { subscribed.delete(`${c.sessionId} ${r.params.uri}`); return {}; });

  const user = content => ({ role: 'user', content });
  const prompt = (name, args, run) => s.registerPrompt(name, { description: `conformance prompt ${name}`,
    ...(args && { argsSchema: fromJsonSchema(obj(Object.fromEntries(args.map(a => [a, { type: 'string' }])), args)) }) }, run);
  prompt('test_simple_prompt', null, async () => ({ messages: [user(text('This is a simple prompt for testing.'))] }));
  prompt('test_prompt_with_arguments', ['arg1', 'arg2'], async a => ({ messages: [user(text(`Prompt with arguments: arg1='${a.arg1}', arg2='${a.arg2}'`))] }));
  prompt('test_prompt_with_embedded_resource', ['resourceUri'], async a => ({ messages: [user({ type: 'resource', resource: { uri: a.resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } }), user(text('Process the resource above.'))] }));
  prompt('test_prompt_with_image', null, async () => ({ messages: [user({ type: 'image', data: PNG, mimeType: 'image/png' }), user(text('Analyze the image above.'))] }));
  prompt('test_input_required_result_prompt', null, async c => {
    const v = acceptedContent(c.mcpReq.inputResponses, 'user_context')?.context;
    return typeof v === 'string' ? { messages: [user(text(`Use this context: ${v}`))] }
      : inputRequired({ inputRequests: { user_context: form('What context should the prompt use?', { context: { type: 'string' } }) } });
  });
  s.server.setRequestHandler('logging/setLevel', async () => ({}));
  s.server.setRequestHandler('completion/complete', async r => {
    const all = ['paris', 'park', 'party'].filter(x => x.startsWith(r.params.argument?.value ?? ''));
    return { completion: { values: all, total: all.length, hasMore: false } };
  });
  return s;
}

// ---------------------------------------------------------------- serving
if (opt.stdio) {
  // era over stdio: legacy pins the 2025 handshake, otherwise the SDK entry serves whichever the client opens with
  const transport = new StdioServerTransport(tasks ? tasks.before(process.stdin, process.stdout) : process.stdin);
  if (opt.era === 'legacy') {
    const s = build(); stdioServers.push(s); await s.connect(transport);
  } else serveStdio(ctx => { const s = build(ctx); stdioServers.push(s); return s; }, { transport, ...(opt.era === 'modern' && { legacy: 'reject' }) });
} else {
  modern = createMcpHandler(build, { legacy: 'reject', ...(opt.json && { responseMode: 'json' }), onerror: e => opt.verbose && console.error('modern:', e.message) });
  const modernNode = toNodeHandler(modern);
  const hostOk = localhostHostValidation(), originOk = localhostOriginValidation();
  const log = [];   // SEP-1699 event store, newest last
  const eventStore = {
    async storeEvent(streamId, message) { const id = `${streamId}~${log.length}`; log.push({ id, streamId, message }); if (log.length > 50000) log[log.length - 50000] = undefined; return id; },
    async replayEventsAfter(last, { send }) {
      const cut = last.lastIndexOf('~'), streamId = last.slice(0, cut);
      for (let i = Number(last.slice(cut + 1)) + 1; i < log.length; i++) { const e = log[i]; if (e?.streamId === streamId && e.message && Object.keys(e.message).length) await send(e.id, e.message); }
      return streamId;
    },
  };
  const fail = (res, status, code, message) => { res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } })); };

  const httpServer = createServer(async (req, res) => {
    try {
      if (!hostOk(req, res) || !originOk(req, res)) return;
      if (new URL(req.url, 'http://x').pathname !== opt.path) return fail(res, 404, -32601, 'not the MCP endpoint');
      let body;
      if (req.method === 'POST') {
        const chunks = []; for await (const ch of req) chunks.push(ch);
        try { body = JSON.parse(Buffer.concat(chunks).toString('utf8')); } catch { return fail(res, 400, -32700, 'Parse error'); }
      }
      if (opt.verbose) console.error(req.method, req.headers['mcp-session-id'] ?? '-', body?.method ?? '');
      const one = h => (Array.isArray(h) ? h[0] : h);
      const sid = one(req.headers['mcp-session-id']);
      const isModern = opt.era === 'modern' || (opt.era === 'dual' && req.method === 'POST' &&
        classifyInboundRequest({ httpMethod: 'POST', protocolVersionHeader: one(req.headers['mcp-protocol-version']), mcpMethodHeader: one(req.headers['mcp-method']), body }).kind !== 'legacy');
      if (isModern) { if (tasks?.handle(req, res, body)) return; return await modernNode(req, res, body); }

      let entry = sid && sessions.get(sid);
      if (!entry) {
        if (sid) return fail(res, 404, -32001, 'Session not found');
        if (!(req.method === 'POST' && isInitializeRequest(body))) return fail(res, 400, -32000, 'Bad Request: Mcp-Session-Id required');
        const server = build();
        const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID(), eventStore, retryInterval: 500,
          onsessioninitialized: id => { sessions.set(id, entry); } });
        entry = { server, transport };
        transport.onclose = () => { if (transport.sessionId && sessions.delete(transport.sessionId)) server.close().catch(() => {}); };
        await server.connect(transport);
      }
      await entry.transport.handleRequest(req, res, body);
    } catch (e) {
      console.error('request failed:', e);
      res.headersSent ? res.end() : fail(res, 500, -32603, 'Internal error');
    }
  });
  httpServer.listen(Number(opt.port), opt.host, () => console.log(`${opt.name} (${opt.era}) http://${opt.host}:${httpServer.address().port}${opt.path}`));
}
