// Calls of a tool, on connections that are kept.
import { call } from './lib/operations.js';
import { mark, options as profiled } from './lib/profile.js';
import { summary } from './lib/summary.js';

export const options = profiled();
export const handleSummary = summary('calls');

export default function run() {
  mark();
  call();
}
