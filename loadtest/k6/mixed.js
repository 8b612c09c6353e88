// All of it at once, in shares: what a deployment sees on an ordinary day.
import { call, large, list, session, stream } from './lib/operations.js';
import { mark, options as profiled } from './lib/profile.js';
import { text } from './lib/settings.js';
import { summary } from './lib/summary.js';

const OPS = ['call', 'list', 'stream', 'large', 'initialize', 'initialized', 'end'];
const DEEDS = { call, list, stream, large, session };

/** What is done, and its share. */
const mix = text('WEIR_MIX', 'call=70,list=10,stream=10,large=5,session=5').split(',').map((share) => {
  const [name, weight] = share.split('=');
  if (!DEEDS[name] || !(Number(weight) > 0)) {
    throw new Error(`WEIR_MIX: ${share}: write NAME=SHARE, NAME being one of ${Object.keys(DEEDS).join(', ')}`);
  }
  return { deed: DEEDS[name], weight: Number(weight) };
});
const all = mix.reduce((sum, { weight }) => sum + weight, 0);

export const options = profiled();
export const handleSummary = summary('mixed');

export default function run() {
  mark();
  let left = Math.random() * all;
  (mix.find(({ weight }) => (left -= weight) < 0) || mix[0]).deed();
}
