// What a real client does with the reference server, in either era.
import { check, equal, gone, holds, signal, until } from './report.mjs';

const textOf = result => result.content[0].text;

export async function run(peer) {
  const { client, call, on, transport, url } = peer, modern = peer.era === 'modern';

  await check('connect', async () => {
    equal(client.getServerVersion()?.name, 'ref-server', 'server name');
    equal(client.getInstructions(), 'reference server ref-server', 'instructions');
    const seen = JSON.parse(textOf(await call('probe_request')));
    if (!peer.stdio) equal(seen.headers['mcp-protocol-version'], peer.revision, 'revision at the server');
  });
  if (!modern && !peer.sse) await check('session', async () => {
    holds(transport.sessionId, 'the client has a session id');
    if (peer.stdio) return;   // the server has none of its own there
    const seen = JSON.parse(textOf(await call('probe_request')));
    holds(seen.sessionId && seen.sessionId === seen.headers['mcp-session-id'], 'the server sees its own session id');
  });
  await check('tools/list', async () => {
    const { tools } = await client.listTools();
    for (const name of ['test_simple_text', 'probe_echo', 'json_schema_2020_12_tool']) holds(tools.some(t => t.name === name), `${name} is listed`);
    const schema = tools.find(t => t.name === 'json_schema_2020_12_tool').inputSchema;
    for (const key of ['$schema', '$defs', 'allOf', 'if', 'then', 'else', 'additionalProperties']) holds(key in schema, `${key} survives`);
  });
  await check('tools/call', async () => {
    equal(textOf(await call('test_simple_text')), 'This is a simple text response for testing.');
    equal(textOf(await call('probe_echo', { text: 'grüße, 世界 \u0000 "' })), 'grüße, 世界 \u0000 "');
    equal((await call('test_image_content')).content[0].type, 'image');
    equal((await call('test_multiple_content_types')).content.length, 3, 'contents');
  });
  await check('tools/call big', async () => {
    const result = await call('probe_echo', { text: 'x'.repeat(500_000), pad: 1_500_000 });
    equal(textOf(result).length, 2_000_000, 'length');
  });
  await check('tools/call error', async () => {
    equal((await call('test_error_handling')).isError, true, 'isError');
    const unknown = await call('no_such_tool').then(r => r.isError === true, e => e.code === -32602);
    holds(unknown, 'an unknown tool is an error');
  });
  await check('progress', async () => {
    const seen = [];
    const result = await call('test_tool_with_progress', {}, { onprogress: p => seen.push(p.progress) });
    equal(seen, [0, 50, 100], 'progress');
    holds(/^token=\d/.test(textOf(result)), `the server saw the token (${textOf(result)})`);
  });
  await check('resources', async () => {
    const { resources } = await client.listResources();
    holds(resources.some(r => r.uri === 'test://static-text'), 'static-text is listed');
    const { resourceTemplates } = await client.listResourceTemplates();
    equal(resourceTemplates.map(t => t.uriTemplate), ['test://template/{id}/data'], 'templates');
    equal((await client.readResource({ uri: 'test://static-text' })).contents[0].text, 'This is the content of the static text resource.');
    holds((await client.readResource({ uri: 'test://static-binary' })).contents[0].blob.startsWith('iVBOR'), 'the blob');
    equal(JSON.parse((await client.readResource({ uri: 'test://template/42/data' })).contents[0].text).id, '42');
  });
  await check('prompts', async () => {
    const { prompts } = await client.listPrompts();
    holds(prompts.some(p => p.name === 'test_prompt_with_arguments'), 'listed');
    const got = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } });
    equal(got.messages[0].content.text, "Prompt with arguments: arg1='a', arg2='b'");
  });
  await check('completion', async () => {
    const got = await client.complete({ ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'par' } });
    equal(got.completion.values, ['paris', 'park', 'party']);
  });
  await check('sampling', async () => equal(textOf(await call('test_sampling', { prompt: 'what is it' })), 'LLM response: echo: what is it'));
  await check('elicitation', async () => {
    const said = textOf(await call('test_elicitation', { message: 'Who are you?' }));
    holds(said.startsWith('Elicitation completed: action=accept') && said.includes('"username":"ada"'), said);
  });
  await check('roots', async () => equal(textOf(await call('test_input_required_result_list_roots')), 'Roots: file:///srv/project'));
  if (modern) await check('round trips', async () => {
    equal(textOf(await call('test_input_required_result_request_state')), 'state-ok');
    holds(textOf(await call('test_input_required_result_multiple_inputs')).endsWith('Ada (1 roots)'), 'three kinds at once');
  });
  await check('logging', async () => {
    const messages = [], done = signal(), tool = modern ? 'test_logging_tool' : 'test_tool_with_logging', count = modern ? 1 : 3;
    on('notifications/message', n => { messages.push(n.params.data); if (messages.length === count) done.tell(); });
    if (modern) await client.callTool({ name: tool, arguments: {}, _meta: { 'io.modelcontextprotocol/logLevel': 'debug' } });
    else { await client.setLoggingLevel('debug'); await call(tool); }
    await done.told();
    holds(messages[0] === (modern ? 'only when the request asked for a log level' : 'Tool execution started'), messages[0]);
  });
  await check('list changed', async () => {
    const tools = signal(), prompts = signal();
    on('notifications/tools/list_changed', tools.tell);
    on('notifications/prompts/list_changed', prompts.tell);
    const listening = modern ? await client.listen({ toolsListChanged: true, promptsListChanged: true }) : null;
    await call('test_trigger_tool_change');
    await tools.told();
    await call('test_trigger_prompt_change');
    await prompts.told();
    await listening?.close();
  });
  await check('resource subscription', async () => {
    const uri = 'test://watched-resource', updated = signal();
    on('notifications/resources/updated', n => updated.tell(n.params.uri));
    const listening = modern ? await client.listen({ resourceSubscriptions: [uri] }) : await client.subscribeResource({ uri });
    await call('probe_touch', { uri });
    equal(await updated.told(), uri, 'updated');
    modern ? await listening.close() : await client.unsubscribeResource({ uri });
  });
  await check('cancellation', async () => {
    const counters = async () => JSON.parse(textOf(await call('probe_counters')));
    const before = (await counters()).slow_cancelled, stop = new AbortController();
    const ended = await call('probe_slow', { ms: 60_000, tick: 10 }, { signal: stop.signal, onprogress: () => stop.abort('enough') }).then(() => 'answered', () => 'aborted');
    equal(ended, 'aborted', 'the call');
    await until(async () => (await counters()).slow_cancelled === before + 1, 'the server saw the cancellation');
  });
  await check('twenty at once', async () => {
    const texts = Array.from({ length: 20 }, (_, n) => `call ${n}`);
    const answers = await Promise.all(texts.map(t => call('probe_echo', { text: t })));
    equal(answers.map(textOf), texts, 'answers');
  });
  if (modern) await check('parameter headers', async () => {
    await client.listTools();
    equal(textOf(await call('test_x_mcp_header', { region: 'zürich' })), 'region=zürich');
  });
  if (!modern && !peer.stdio && !peer.sse && peer.revision === '2025-11-25') await check('resumption', async () => {
    const tokens = [];
    const result = await call('test_reconnection', {}, { onresumptiontoken: t => tokens.push(t) });
    equal(textOf(result), 'delivered after reconnect');
    holds(tokens.length > 0, 'events carried ids');
  });
  if (!modern && !peer.sse) await check('termination', async () => {
    const session = transport.sessionId;
    await transport.terminateSession();
    equal(transport.sessionId, undefined, 'session id');
    holds(await gone(url, session), 'the server knows the session no more');
  });
  await client.close();
}
