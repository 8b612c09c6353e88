// How hard and how long: the profiles of a run as options of k6, and the parts that its summary tells apart.
import exec from 'k6/execution';
import { number, seconds, word } from './settings.js';

const PROFILES = ['smoke', 'rate', 'users', 'ramp', 'soak'];
export const profile = word('WEIR_PROFILE', PROFILES);

/** What a run may not exceed. */
export const limits = {
  p99: number('WEIR_P99_MS', 500, 1),
  errors: number('WEIR_ERRORS', 0.001),
  dropped: 0.05,
  growth: number('WEIR_GROWTH', 1.5, 1),
};

/** How long a request may take. */
export const timeout = seconds('WEIR_TIMEOUT', '10s');

const users = number('WEIR_USERS', 20, 1);
const most = Math.max(users, number('WEIR_MOST_USERS', 1000, 1));
const rate = number('WEIR_RATE', profile === 'smoke' ? 20 : 100, 1);
const length = seconds('WEIR_DURATION', { smoke: '5s', rate: '1m', users: '1m', ramp: '20s', soak: '2h' }[profile]);
/** No run ends before its last request is answered or given up, so that none escapes the checks. */
const rest = profile === 'ramp' ? Math.min(timeout + 1, length / 2) : timeout + 1;

/**
 * The parts of a run, in order: `{ name, tag, from, seconds, rate }`; `tag` is what its samples have. A ramp has one for each
 * rate that is tried, a soak twelve of the same length, any other run none.
 */
export const parts = profile === 'ramp' ? steps() : profile === 'soak' ? slices(12) : [];

const last = parts[parts.length - 1];

/** The kinds of requests, as their tag `op` names them. */
export const OPS = ['initialize', 'initialized', 'call', 'list', 'stream', 'large', 'end'];

/** The options of k6; in `more` are those of the script itself. */
export function options(more = {}) {
  return Object.assign({
    scenarios: scenarios(),
    thresholds: Object.assign(always(), held()),
    summaryTrendStats: ['min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
    // Nothing of a request but what the summary needs: a soak is long.
    systemTags: ['status', 'error_code', 'scenario', 'group', 'check', 'proto'],
    userAgent: 'weir-loadtest/1',
  }, more);
}

/** Tags what follows with the part of a soak that it is in. */
export function mark() {
  if (profile !== 'soak') return;
  const passed = (Date.now() - exec.scenario.startTime) / 1000;
  exec.vu.metrics.tags.part = (parts.find((part) => passed < part.from + part.seconds) || last).name;
}

/** Rates from WEIR_FROM to WEIR_TO, each higher by the same factor than the one before, and begun when that has ended. */
function steps() {
  const [from, to] = [number('WEIR_FROM', 50, 1), number('WEIR_TO', 5000, 1)];
  const factor = number('WEIR_FACTOR', 1.4, 1.01);
  const found = [];
  for (let next = from; next < to * 1.001; next *= factor) {
    const whole = Math.round(next);
    found.push({ name: `${whole}`, tag: `scenario:rate_${whole}`, from: found.length * (length + rest), seconds: length, rate: whole });
  }
  if (found.length === 0) throw new Error(`WEIR_FROM=${from} is more than WEIR_TO=${to}`);
  return found;
}

function slices(count) {
  const span = length / count;
  const name = (at) => `${at + 1}`;
  const all = Array.from({ length: count }, (_, at) => ({ name: name(at), tag: `part:${name(at)}`, from: at * span }));
  return all.map((part) => Object.assign(part, { seconds: span, rate }));
}

function scenarios() {
  if (profile === 'users') {
    return { users: { executor: 'constant-vus', vus: users, duration: `${length}s`, gracefulStop: `${rest}s` } };
  }
  if (profile !== 'ramp') return { [profile]: arrivals(rate, length) };
  const all = {};
  parts.forEach(({ name, from, seconds: span, rate: wanted }) => {
    all[`rate_${name}`] = Object.assign(arrivals(wanted, span), { startTime: `${from}s` });
  });
  return all;
}

/** So many a second, however long the answers take: what waits is not left out of the figures. */
function arrivals(wanted, span) {
  const whole = Number.isInteger(wanted) ? { rate: wanted, timeUnit: '1s' } : { rate: Math.round(wanted * 60), timeUnit: '1m' };
  // Users enough for answers of a quarter of a second; more are made when they take longer.
  const ready = Math.min(most, Math.max(users, Math.ceil(wanted / 4)));
  return Object.assign(whole, {
    executor: 'constant-arrival-rate', duration: `${span}s`, preAllocatedVUs: ready, maxVUs: most, gracefulStop: `${rest}s`,
  });
}

/** What holds in every profile, and what is only named here so that the summary has it. */
function always() {
  const stop = (threshold) => [{ threshold, abortOnFail: true }];
  const kept = { mcp_foreign: stop('rate==0') };
  OPS.forEach((op) => {
    kept[`http_req_duration{op:${op}}`] = ['max>=0'];
    kept[`mcp_errors{op:${op}}`] = ['rate>=0'];
  });
  parts.forEach(({ tag }) => {
    ['http_reqs', 'iterations', 'dropped_iterations'].forEach((metric) => {
      kept[`${metric}{${tag}}`] = ['count>=0'];
    });
    kept[`mcp_errors{${tag}}`] = ['rate>=0'];
    kept[`http_req_duration{${tag}}`] = ['max>=0'];
  });
  return kept;
}

/** What the profile itself asks for. */
function held() {
  const errors = [`rate<=${limits.errors}`];
  const slow = [`p(99)<${limits.p99}`];
  if (profile === 'smoke') return { mcp_errors: ['rate==0'], checks: ['rate==1'] };
  if (profile === 'ramp') return knee();
  const kept = { mcp_errors: errors, http_req_duration: slow };
  // Users have no rate to keep.
  if (profile !== 'users') kept.dropped_iterations = [`count<=${droppable(rate, length)}`];
  if (profile === 'soak') kept[`mcp_growth{${last.tag}}`] = [`med<${limits.growth}`];
  return kept;
}

/** Iterations that may be dropped without the rate being another one. */
function droppable(wanted, span) {
  return Math.ceil(wanted * span * limits.dropped);
}

/** A step that breaks ends the ramp. Its first half is not judged alone: connections are made and users started there. */
function knee() {
  const kept = {};
  parts.forEach(({ tag, from, seconds: span, rate: wanted }) => {
    const stop = (threshold) => [{ threshold, abortOnFail: true, delayAbortEval: `${Math.ceil(from + span / 2)}s` }];
    kept[`http_req_duration{${tag}}`] = stop(`p(99)<${limits.p99}`);
    kept[`mcp_errors{${tag}}`] = stop(`rate<=${limits.errors}`);
    kept[`dropped_iterations{${tag}}`] = stop(`count<=${droppable(wanted, span)}`);
  });
  return kept;
}
