// What a real client does with server-everything, the reference server of the protocol's authors (session era only).
import { check, equal, gone, holds, signal } from './report.mjs';

const textOf = result => result.content[0].text;

export async function run({ client, call, on, transport, url }) {
  await check('connect', async () => {
    equal(client.getServerVersion()?.name, 'mcp-servers/everything', 'server name');
    holds(transport.sessionId, 'the client has a session id');
  });
  await check('tools/list', async () => {
    const names = (await client.listTools()).tools.map(t => t.name);
    for (const name of ['echo', 'get-sum', 'get-roots-list', 'trigger-sampling-request', 'trigger-elicitation-request']) holds(names.includes(name), `${name} is listed`);
  });
  await check('tools/call', async () => {
    equal(textOf(await call('echo', { message: 'hello' })), 'Echo: hello');
    equal(textOf(await call('get-sum', { a: 2, b: 3 })), 'The sum of 2 and 3 is 5.');
    holds((await call('get-structured-content', { location: 'New York' })).structuredContent.temperature !== undefined, 'structured content');
    holds((await call('get-tiny-image')).content.some(c => c.type === 'image'), 'an image');
  });
  await check('progress', async () => {
    const seen = [];
    await call('trigger-long-running-operation', { duration: 0.2, steps: 4 }, { onprogress: p => seen.push(p.progress) });
    equal(seen, [1, 2, 3, 4], 'progress');
  });
  await check('resources', async () => {
    const { resourceTemplates } = await client.listResourceTemplates();
    holds(resourceTemplates.some(t => t.uriTemplate === 'demo://resource/dynamic/text/{resourceId}'), 'the template');
    const { resources } = await client.listResources();
    holds(resources.length > 0, 'resources');
    holds((await client.readResource({ uri: 'demo://resource/dynamic/text/1' })).contents[0].text.includes('1'), 'text');
    holds((await client.readResource({ uri: 'demo://resource/dynamic/blob/1' })).contents[0].blob.length > 0, 'blob');
  });
  await check('prompts', async () => {
    holds((await client.listPrompts()).prompts.some(p => p.name === 'args-prompt'), 'listed');
    const got = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Paris' } });
    equal(got.messages[0].content.text, "What's weather in Paris?");
  });
  await check('completion', async () => {
    const got = await client.complete({ ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'E' } });
    equal(got.completion.values, ['Engineering']);
  });
  await check('sampling', async () => {
    const said = textOf(await call('trigger-sampling-request', { prompt: 'hi', maxTokens: 10 }));
    holds(said.includes('echo: Resource trigger-sampling-request context: hi'), said);
  });
  await check('elicitation', async () => holds(JSON.stringify(await call('trigger-elicitation-request')).includes('Ada'), 'the name came back'));
  await check('roots', async () => holds(textOf(await call('get-roots-list')).includes('file:///srv/project'), 'the root'));
  await check('resource subscription', async () => {
    const uri = 'demo://resource/dynamic/text/1', updated = signal();
    on('notifications/resources/updated', n => updated.tell(n.params.uri));
    await client.subscribeResource({ uri });
    await call('toggle-subscriber-updates');
    equal(await updated.told(), uri, 'updated');
    await call('toggle-subscriber-updates');
    await client.unsubscribeResource({ uri });
  });
  await check('logging', async () => {
    const message = signal();
    on('notifications/message', n => { if (String(n.params.data).includes(' message')) message.tell(n.params.level); });
    await client.setLoggingLevel('debug');
    await call('toggle-simulated-logging');
    holds(await message.told(), 'a level');
    await call('toggle-simulated-logging');
  });
  await check('twenty at once', async () => {
    const texts = Array.from({ length: 20 }, (_, n) => `call ${n}`);
    const answers = await Promise.all(texts.map(message => call('echo', { message })));
    equal(answers.map(textOf), texts.map(t => `Echo: ${t}`), 'answers');
  });
  await check('termination', async () => {
    const session = transport.sessionId;
    await transport.terminateSession();
    equal(transport.sessionId, undefined, 'session id');
    holds(await gone(url, session), 'the server knows the session no more');
  });
  await client.close();
}
