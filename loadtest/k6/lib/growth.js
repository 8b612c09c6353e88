// How the latency of a soak grows: what a request takes, divided by what it took the same user in the first part.
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { parts, profile } from './profile.js';

const growth = new Trend('mcp_growth');
/** Requests that a user has to have made in the first part, and those that are kept of it. */
const LEAST = 5;
const MOST = 500;

const first = {};
const usual = {};

/** Takes the time in milliseconds that a request of this kind took. */
export function grown(op, duration) {
  if (profile !== 'soak') return;
  if (exec.vu.metrics.tags.part === parts[0].name) {
    const kept = first[op] || (first[op] = []);
    if (kept.length < MOST) kept.push(duration);
    return;
  }
  if (usual[op] === undefined) usual[op] = middle(first[op] || []);
  if (usual[op] > 0) growth.add(duration / usual[op]);
}

/** The median; zero where there is too little to tell. */
function middle(durations) {
  return durations.length < LEAST ? 0 : durations.sort((a, b) => a - b)[Math.floor(durations.length / 2)];
}
