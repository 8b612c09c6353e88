// Whether an answer is right: the checks that the summary counts, and the metrics that thresholds hold.
import exec from 'k6/execution';
import { check } from 'k6';
import { Counter, Rate } from 'k6/metrics';
import { grown } from './growth.js';

/** The share of requests that were not answered as they should be. */
const errors = new Rate('mcp_errors');
/** The share of requests that got what belongs to somebody else: another id, another nonce. No run may have one. */
const foreign = new Rate('mcp_foreign');
/** Events of streams, answers left out. */
export const counted = new Counter('mcp_events');

const MARK = 'nonce:';
const RUN = Math.random().toString(36).slice(2, 10) || '0';
/** Users whose first fault is told in the log: more would be noise. */
const TELLING = 5;

let nonces = 0;
let told = false;

/** A text that nobody else sends. */
export function nonce() {
  nonces += 1;
  return `${MARK}${RUN}:${exec.vu.idInTest}:${nonces};`;
}

/** Whether the text holds a nonce that is not this one. */
export function holdsAnother(text, ours) {
  return text.split(ours).some((rest) => rest.includes(MARK));
}

/**
 * Goes through checks, `[name, holds]` each, up to the first that fails: that one is what was wrong. `mixed` says that the
 * answer is somebody else's. True where all hold.
 */
function judge(op, response, checks, mixed = () => false) {
  // k6 has ended the run within the request.
  if (response.error === 'context canceled') return false;
  const wrong = checks.find(([name, holds]) => !check(null, { [name]: () => sure(holds) }, { op }));
  errors.add(wrong !== undefined, { op });
  foreign.add(sure(mixed), { op });
  if (wrong === undefined) grown(op, response.timings.duration);
  if (wrong !== undefined && !told && exec.vu.idInTest <= TELLING) {
    told = true;
    const body = typeof response.body === 'string' ? response.body.slice(0, 300) : '';
    console.warn(`${op}: not so: ${wrong[0]}; status ${response.status} ${response.error} ${body}`);
  }
  return wrong === undefined;
}

/** An answer of another shape than the check expects does not pass it. */
function sure(holds) {
  try {
    return holds() === true;
  } catch (_) {
    return false;
  }
}

/** Judges what `Client.ask` gave. `more` are checks of the result, `mixed` as above, for what the id does not tell. */
export function judgeAnswer(op, { id, response, messages, answer }, more = [], mixed = () => false) {
  const checks = [
    ['the endpoint answers', () => response.status !== 0],
    ['the status is 200', () => response.status === 200],
    ['the answer can be read', () => answer !== null],
    ['its id is that of the request', () => answer.id === id],
    ['there is one answer', () => messages.filter((found) => found.method === undefined).length === 1],
    ['it is no error', () => answer.result !== undefined && answer.result !== null && answer.result.isError !== true],
    ...more,
  ];
  const hasId = () => answer !== null && answer.id !== undefined && answer.id !== null;
  return judge(op, response, checks, () => (hasId() && answer.id !== id) || mixed());
}

/** Judges the response to what has no answer: a notification, the end of a session. */
export function judgeStatus(op, response, statuses) {
  return judge(op, response, [
    ['the endpoint answers', () => response.status !== 0],
    [`the status is ${statuses.join(' or ')}`, () => statuses.includes(response.status)],
  ]);
}
