// The report in words and rows: what the screen and the page both show.

const QUANTILES = ['med', 'p(90)', 'p(95)', 'p(99)', 'max'];
const NAMES = ['median', 'p90', 'p95', 'p99', 'max'];

/** One sentence or two: what came of it. */
export function verdict(found) {
  if (found.requests === 0) return 'FAILED: nothing was sent.';
  const { profile, knee, growth } = found;
  const failed = found.thresholds.filter(({ ok }) => !ok);
  if (found.foreign.count > 0) {
    return `FAILED: ${found.foreign.count} answers were somebody else's. Nothing else counts before this is understood.`;
  }
  if (profile === 'ramp' && knee.broke !== null) {
    const held = knee.held === null ? 'No rate held' : `${knee.held}/s held`;
    return `KNEE: ${held}, ${knee.broke}/s broke. ${knee.why}.`;
  }
  if (profile === 'ramp' && found.ok) return `NO KNEE: every rate held, the last was ${knee.held}/s. Set WEIR_TO higher.`;
  const grown = profile === 'soak' ? ` ${growing(growth)}` : '';
  if (found.ok) return `PASSED.${grown}`;
  const limits = failed.map(({ metric, expression }) => `${metric} ${expression}`).join(', ');
  const wrong = found.checks.filter(({ fails }) => fails > 0).map(({ name, fails }) => `${name} (${fails} times)`);
  return `FAILED: ${limits}.${wrong.length ? ` It was not so that ${wrong.join(', ')}.` : ''}${grown}`;
}

function growing(growth) {
  return growth === null
    ? 'Whether requests grew slower is not known: too few of a user fell into the first part or the last. Let it run longer.'
    : `At the end a request took ${growth.toFixed(2)} times what it took at the beginning.`;
}

/** The figures of the whole run, `[name, value]` each. */
export function figures(found) {
  const rows = [
    ['endpoint', found.url],
    ['protocol', found.script === 'sessions' ? '2025-11-25' : found.era],
    ['requests', `${found.requests} in ${found.seconds.toFixed(1)} s, ${(found.requests / found.seconds).toFixed(1)} a second`],
    ['wrong answers', share(found.errors)],
    ['answers of others', share(found.foreign)],
    ['dropped iterations', `${found.dropped}`],
  ];
  return found.events ? rows.concat([['events', `${found.events}`]]) : rows;
}

/** The tables, `{ title, head, rows }` each; a first column of words, then numbers. */
export function tables(found) {
  const all = [];
  if (found.parts.length) {
    const soak = found.profile === 'soak';
    // k6 does not say when in a scenario an iteration was dropped.
    const lost = (text) => (soak ? [] : [text]);
    const head = [soak ? 'after' : 'rate', 'reached', 'requests', 'wrong', ...lost('dropped'), ...NAMES];
    const rows = found.parts.filter(({ requests, dropped }) => requests + dropped > 0).map((part) => [
      soak ? time(part.from) : `${part.wanted}/s`, `${part.reached.toFixed(1)}/s`, `${part.requests}`,
      `${part.errors.count}`, ...lost(`${part.dropped}`), ...quantiles(part.times),
    ]);
    all.push({ title: soak ? 'Over time (milliseconds)' : 'Rate by rate (milliseconds)', head, rows });
  }
  const times = Object.keys(found.times).filter((name) => found.times[name] && found.times[name].max > 0);
  all.push({
    title: 'Time (milliseconds)', head: ['', ...NAMES], rows: times.map((name) => [name, ...quantiles(found.times[name])]),
  });
  all.push({
    title: 'By kind of request (milliseconds)',
    head: ['', 'requests', 'wrong', ...NAMES],
    rows: found.ops.map((op) => [op.name, `${op.requests}`, `${op.errors}`, ...quantiles(op.times)]),
  });
  all.push({
    title: 'Checks',
    head: ['', 'passed', 'failed'],
    rows: found.checks.map(({ name, passes, fails }) => [name, `${passes}`, `${fails}`]),
  });
  return all.filter(({ rows }) => rows.length > 0);
}

function quantiles(times) {
  return QUANTILES.map((name) => (times ? times[name].toFixed(2) : '-'));
}

function share({ count, of }) {
  return `${count} of ${of}${count ? ` (${((100 * count) / of).toFixed(3)} %)` : ''}`;
}

function time(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
