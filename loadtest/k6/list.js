// Lists of tools, to their last page.
import { list } from './lib/operations.js';
import { mark, options as profiled } from './lib/profile.js';
import { summary } from './lib/summary.js';

export const options = profiled();
export const handleSummary = summary('list');

export default function run() {
  mark();
  list();
}
