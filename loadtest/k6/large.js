// Calls with a large request and, where the tool echoes, a large answer.
import { large } from './lib/operations.js';
import { mark, options as profiled } from './lib/profile.js';
import { summary } from './lib/summary.js';

export const options = profiled();
export const handleSummary = summary('large');

export default function run() {
  mark();
  large();
}
