// What a real client does whose streams break: it comes back with Last-Event-ID, and misses nothing.
import { check, equal, holds, signal } from './report.mjs';

const textOf = result => result.content[0].text;
const cuts = [];      // what has to be in a stream for it to break there, by the method of its request
const resumed = [];   // the event ids that the client came back with

export const prepare = () => ({ fetch: breaking });

export async function run({ client, call, on }) {
  await check('a broken answer', async () => {
    const progress = [];
    cuts.push(['POST', '"progress":50']);
    const result = await call('test_tool_with_progress', {}, { onprogress: p => progress.push(p.progress) });
    holds(textOf(result).startsWith('token='), textOf(result));
    equal(progress, [0, 50, 100], 'each of them once');
    equal([cuts.length, resumed.length], [0, 1], 'the stream broke, and was asked for again');
  });
  await check('a broken question', async () => {
    cuts.push(['POST', 'elicitation/create']);
    const said = textOf(await call('test_elicitation', { message: 'Who are you?' }));
    holds(said.startsWith('Elicitation completed: action=accept'), said);
    equal([cuts.length, resumed.length], [0, 2], 'the stream broke, and was asked for again');
  });
  await check('a broken listening', async () => {
    const tools = signal(), prompts = signal();
    on('notifications/tools/list_changed', tools.tell);
    on('notifications/prompts/list_changed', prompts.tell);
    cuts.push(['GET', 'tools/list_changed']);
    await call('test_trigger_tool_change');
    await tools.told();
    equal([cuts.length, resumed.length], [0, 3], 'the stream broke, and was asked for again');
    await call('test_trigger_prompt_change');
    await prompts.told();
  });
  await client.close();
}

// An event stream breaks before the event that has this in it: what came before it is all that the client gets to see.
async function breaking(url, init) {
  const after = new Headers(init?.headers).get('last-event-id');
  if (after) resumed.push(after);
  const response = await fetch(url, init), method = init?.method ?? 'GET';
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
  const reader = response.body.getReader(), decoder = new TextDecoder(), encoder = new TextEncoder();
  let broken = false, text = '', seen = 0;
  const body = new ReadableStream({
    async pull(controller) {
      if (broken) return controller.error(new TypeError('the connection broke'));
      const { value, done } = await reader.read();
      if (done) return controller.close();
      text += decoder.decode(value, { stream: true });
      const at = cuts.findIndex(([of, part]) => of === method && text.includes(part));
      broken = at >= 0;
      const end = broken ? text.lastIndexOf('\n\n', text.indexOf(cuts[at][1])) + 2 : text.length;
      if (broken) { cuts.splice(at, 1); await reader.cancel(); }
      controller.enqueue(encoder.encode(text.slice(seen, end)));
      seen = end;
    },
    cancel: why => reader.cancel(why),
  });
  return new Response(body, { status: response.status, headers: response.headers });
}
