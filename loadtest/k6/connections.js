// Calls of a tool, each on a connection of its own: what accepting, and over TLS the handshake, costs.
import { call } from './lib/operations.js';
import { mark, options as profiled } from './lib/profile.js';
import { summary } from './lib/summary.js';

export const options = profiled({ noConnectionReuse: true });
export const handleSummary = summary('connections');

export default function run() {
  mark();
  call();
}
