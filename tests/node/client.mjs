#!/usr/bin/env node
// client.mjs --url URL --sdk 1|2 --revision R --server ref|everything|demo|resuming|roots [--stdio] [--shared] [--sse]
// One of the official SDK clients does everything it can with one of the servers behind URL; one JSON line a check.
import { parseArgs } from 'node:util';
import { connect } from './clients.mjs';

const { values: how } = parseArgs({ options: {
  url: { type: 'string' }, sdk: { type: 'string' }, revision: { type: 'string' }, server: { type: 'string' },
  // What the server behind Weir is reached by: then it has seen no HTTP.
  stdio: { type: 'boolean', default: false },
  // Other sessions are on the same process: nobody in particular can be asked anything.
  shared: { type: 'boolean', default: false },
  // The transport of 2024-11-05 towards Weir: it has no sessions that a client sees.
  sse: { type: 'boolean', default: false },
} });
how.era = how.revision >= '2026-07-28' ? 'modern' : 'legacy';
const { run, prepare } = await import(`./${how.server}-checks.mjs`);
await run({ ...await connect({ ...how, ...prepare?.() }), stdio: how.stdio, shared: how.shared, sse: how.sse });
process.exit(0);
