// What a real client does with the sample server of `weir demo`, in either era.
import { check, equal, gone, holds, signal } from './report.mjs';

const textOf = result => result.content[0].text;

export async function run(peer) {
  const { client, call, on, transport, url } = peer, modern = peer.era === 'modern';

  await check('connect', async () => {
    equal(client.getServerVersion()?.name, 'weir-demo', 'server name');
    holds(client.getInstructions().includes('weir demo'), 'instructions');
  });
  await check('tools/list', async () => {
    const { tools } = await client.listTools();
    equal(tools.map(t => t.name), ['echo', 'slow', 'stream', 'fail', 'ask', 'note', 'catalog']);
  });
  await check('tools/call', async () => {
    equal(textOf(await call('echo', { text: 'grüße, 世界 \u0001 "' })), 'grüße, 世界 \u0001 "');
    const listed = await call('catalog', { first: 191, count: 200 });
    equal(listed.structuredContent.entries.map(e => e.number), [191, 192, 193, 194, 195, 196, 197, 198, 199, 200]);
  });
  await check('progress', async () => {
    for (const [name, args] of [['slow', { steps: 3, delay_ms: 5 }], ['stream', { events: 3 }]]) {
      const seen = [];
      await call(name, args, { onprogress: p => seen.push(p.progress) });
      equal(seen, [1, 2, 3], name);
    }
  });
  await check('failures', async () => {
    equal((await call('fail')).isError, true, 'isError');
    equal(await call('fail', { how: 'error' }).then(() => 0, e => e.code), -32603, 'code');
    equal(await call('nothing').then(() => 0, e => e.code), -32602, 'unknown tool');
  });
  await check('elicitation', async () => equal(textOf(await call('ask', { question: 'Who?' })), 'the answer was: Ada'));
  await check('resources', async () => {
    const uris = new Set();
    let cursor;
    do {
      const page = await client.listResources(cursor === undefined ? undefined : { cursor });
      for (const r of page.resources) uris.add(r.uri);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    equal(uris.size, 200, 'resources');
    equal(JSON.parse((await client.readResource({ uri: 'demo://catalog/7' })).contents[0].text).number, 7);
    equal((await client.listResourceTemplates()).resourceTemplates.length, 1, 'templates');
  });
  await check('resource subscription', async () => {
    const uri = 'demo://notes', updated = signal();
    on('notifications/resources/updated', n => updated.tell(n.params.uri));
    const listening = modern ? await client.listen({ resourceSubscriptions: [uri] }) : await client.subscribeResource({ uri });
    await call('note', { text: 'a line' });
    equal(await updated.told(), uri, 'updated');
    holds((await client.readResource({ uri })).contents[0].text.includes('a line\n'), 'the line');
    modern ? await listening.close() : await client.unsubscribeResource({ uri });
  });
  await check('cancellation', async () => {
    const stop = new AbortController();
    const ended = await call('slow', { steps: 100, delay_ms: 20 }, { signal: stop.signal, onprogress: () => stop.abort('enough') }).then(() => 'answered', () => 'aborted');
    equal(ended, 'aborted', 'the call');
  });
  if (!modern) await check('termination', async () => {
    const session = transport.sessionId;
    await transport.terminateSession();
    holds(await gone(url, session), 'the server knows the session no more');
  });
  await client.close();
}
