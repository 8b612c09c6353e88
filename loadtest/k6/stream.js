// Calls that are answered with an event stream: every event is counted.
import { stream } from './lib/operations.js';
import { mark, options as profiled } from './lib/profile.js';
import { summary } from './lib/summary.js';

export const options = profiled();
export const handleSummary = summary('stream');

export default function run() {
  mark();
  stream();
}
