// How a script of checks reports: one JSON line a check on stdout, {"check","ok","detail"}; the Rust test holds the
// list of names, so that a check which vanishes is a failure too.
const PATIENCE = 20_000;   // only ends a run that hangs; nothing passes or fails by being slower than another

export async function check(name, run) {
  let line;
  try { await bounded(run()); line = { check: name, ok: true }; } catch (e) { line = { check: name, ok: false, detail: String(e?.stack ?? e).slice(0, 1500) }; }
  console.log(JSON.stringify(line));
}

export function equal(actual, expected, what = 'value') {
  const [a, b] = [actual, expected].map(v => JSON.stringify(v));
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

export function holds(condition, what) { if (!condition) throw new Error(`does not hold: ${what}`); }

// A thing that will be told once (a notification, say), and can be awaited.
export function signal() { let tell; const told = new Promise(r => { tell = r; }); return { tell, told: () => bounded(told) }; }

// Ask the other side again until it says yes: for what only the server can know.
export async function until(ask, what) {
  for (const end = Date.now() + PATIENCE; Date.now() < end;) { if (await ask()) return; await new Promise(r => setTimeout(r, 20)); }
  throw new Error(`never came true: ${what}`);
}

// Whether a session has ended: a request that carries its id is refused (404 by the standard, 400 by server-everything).
export async function gone(url, session) {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': session };
  const answer = await fetch(url, { method: 'POST', headers, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}' });
  await answer.body?.cancel();
  return answer.status === 404 || answer.status === 400;
}

function bounded(promise) {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error('nothing happened for too long')), PATIENCE); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
