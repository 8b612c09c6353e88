#!/usr/bin/env node
// matrix.mjs <RUNS: the official TypeScript SDK of both generations does what the matrix asks.
//
// RUNS is JSON, a list of {"run", "client": "1" | "2", "mode": "legacy" | "auto" | "2026-07-28", and "url", or "command" (see
// clients.mjs)}. A run has "steps", a list of {"step", "do", and what that takes}; or "refusals" and "control", and then goes
// through refusals. Prints one JSON line a step: {"run", "step", "result" or "error", "ms"}. tests/python/client.py is its twin.
import { text } from 'node:stream/consumers';
import { connect } from './clients.mjs';

const PATIENCE = 60_000;   // only ends a step that hangs; nothing passes by being fast
const SMALL = { text: 'grüße' };

// What a step can be.
const ACTS = {
  tools: ({ client }) => client.listTools(),
  call: ({ call }, { name, arguments: args }) => call(name, args),
  progress: async ({ call }, { name, arguments: args }) => {
    const progress = [];
    const result = await call(name, args, { onprogress: p => progress.push([p.progress, p.total, p.message]) });
    return { call: result, progress };
  },
  read: ({ client }, { uri }) => client.readResource({ uri }),
  prompt: ({ client }, { name, arguments: args }) => client.getPrompt({ name, arguments: args }),
};

for (const run of JSON.parse(await text(process.stdin))) await story(run);
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
    peer = await connect({ sdk: run.client, mode: run.mode, url: run.url, command: run.command, fetch: spoiling });
    return { serverInfo: peer.client.getServerVersion(), capabilities: peer.client.getServerCapabilities(), instructions: peer.client.getInstructions() };
  });
  if (!met) return;
  await (run.refusals ? refusals : steps)(take, peer, run);
  await take('end', async () => { await peer.transport.terminateSession?.(); await peer.client.close(); return 'ended'; });
}

async function steps(take, peer, run) {
  for (const step of run.steps) await take(step.step, () => ACTS[step.do](peer, step));
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
