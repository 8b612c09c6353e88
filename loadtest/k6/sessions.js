// Sessions of 2025-11-25 from their beginning to their end: a list and some calls in each.
import { session } from './lib/operations.js';
import { mark, options as profiled } from './lib/profile.js';
import { summary } from './lib/summary.js';

export const options = profiled();
export const handleSummary = summary('sessions');

export default function run() {
  mark();
  session();
}
