#!/usr/bin/env node
// matrix.mjs RUNS: the official TypeScript SDK of both generations does what the matrix asks.
//
// RUNS is JSON, a list of {"run", "client": "1" | "2", "mode": "legacy" | "auto" | "2026-07-28", "url"}; with "refusals"
// and "control" in it, a run goes through refusals instead of the scenario. Prints one JSON line a step: {"run", "step",
// "result" or "error", "ms"}. tests/python/client.py is its twin.
import { connect } from './clients.mjs';

const PATIENCE = 20_000;   // only ends a step that hangs; nothing passes by being fast
const SMALL = { text: 'grüße' };

for (const run of JSON.parse(process.argv[2])) await story(run);
process.exit(0);

async function story(run) {
  const tell = (step, end) => console.log(JSON.stringify({ run: run.run, step, ...end }));
  const take = async (step, act) => {
    const began = performance.now();
    const end = await bounded(act()).then(result => ({ result }), error => ({ error: described(error) }));
    tell(step, { ...end, ms: Math.round(performance.now() - began) });
    return end.error === undefined;
  };
  let peer;
  const met = await take('connect', async () => {
    peer = await connect({ sdk: run.client, mode: run.mode, url: run.url, fetch: spoiling });
    return { serverInfo: peer.client.getServerVersion(), capabilities: peer.client.getServerCapabilities(), instructions: peer.client.getInstructions() };
  });
  if (!met) return;
  await (run.refusals ? refusals : scenario)(take, peer, run);
  await take('end', async () => { await peer.transport.terminateSession(); await peer.client.close(); return 'ended'; });
}

// What every client does with every server. The names are those of ref-server.mjs.
async function scenario(take, { client, call }) {
  await take('tools', () => client.listTools());
  await take('echo', () => call('probe_echo', SMALL));
  await take('progress', async () => {
    const progress = [];
    const result = await call('test_tool_with_progress', {}, { onprogress: p => progress.push([p.progress, p.total, p.message]) });
    return { call: result, progress };
  });
  await take('failing tool', () => call('test_error_handling'));
  await take('elicitation', () => call('test_elicitation', { message: 'Who are you?' }));
  await take('resource', () => client.readResource({ uri: 'test://static-text' }));
  await take('prompt', () => client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } }));
  await take('unknown tool', () => call('no_such_tool'));
  await take('still there', () => call('probe_echo', SMALL));
}

// Every refusal is followed by a good call on the same session, and the first one comes after one.
async function refusals(take, { client, call }, run) {
  await take('before', () => call('probe_echo', SMALL));
  for (const refusal of run.refusals) {
    const down = refusal === 'unavailable' || refusal === 'notification';
    if (down) await fetch(`${run.control}/down`);
    await take(refusal, async () => {
      if (refusal === 'notification') await client.notification({ method: 'notifications/progress', params: { progressToken: 'nobody', progress: 1 } });
      return call('probe_echo', { text: refusal === 'too large' ? 'x'.repeat(200_000) : `fault:${refusal}:` });
    });
    if (down) await fetch(`${run.control}/up`);
    await take(`after ${refusal}`, () => call('probe_echo', SMALL));
  }
}

// A call with `fault:mismatch:` in it gets a header that says something else on its way.
function spoiling(url, init) {
  if (typeof init?.body !== 'string' || !init.body.includes('fault:mismatch:')) return fetch(url, init);
  const headers = new Headers(init.headers);
  headers.set('mcp-name', 'another_tool');
  headers.set('mcp-method', 'tools/call');
  return fetch(url, { ...init, headers });
}

function described(error) {
  return { code: error?.code ?? error?.name ?? 'Error', message: String(error?.message ?? error) };
}

function bounded(promise) {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(Object.assign(new Error('nothing happened for too long'), { name: 'TimeoutError' })), PATIENCE); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
