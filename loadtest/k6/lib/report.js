// What a run has shown, as plain figures: taken out of what k6 counted, before anybody draws them.
import { OPS, limits, parts, profile } from './profile.js';
import { target } from './settings.js';

/** The report of a script's run; `data` is what k6 hands to `handleSummary`. */
export function report(script, data) {
  const found = {
    script,
    profile,
    url: target.shown,
    era: target.modern ? '2026-07-28' : '2025-11-25',
    seconds: data.state.testRunDurationMs / 1000,
    requests: count(data, 'http_reqs'),
    errors: hits(data, 'mcp_errors'),
    foreign: hits(data, 'mcp_foreign'),
    dropped: count(data, 'dropped_iterations'),
    events: count(data, 'mcp_events'),
    checks: data.root_group.checks.map(({ name, passes, fails }) => ({ name, passes, fails })),
    times: {
      request: values(data, 'http_req_duration'),
      'first byte': values(data, 'http_req_waiting'),
      connect: values(data, 'http_req_connecting'),
      'TLS handshake': values(data, 'http_req_tls_handshaking'),
    },
    ops: OPS.map((op) => kind(data, op)).filter(({ requests }) => requests > 0),
    parts: parts.map((part) => one(data, part)),
    thresholds: thresholds(data),
  };
  found.ok = found.thresholds.every(({ ok }) => ok) && found.requests > 0;
  if (profile === 'ramp') found.knee = knee(found.parts);
  if (profile === 'soak') found.growth = growth(data);
  return found;
}

function values(data, name) {
  return data.metrics[name] ? data.metrics[name].values : null;
}

function count(data, name) {
  return (values(data, name) || { count: 0 }).count;
}

/** How often a rate was hit, and of how many. */
function hits(data, name) {
  const { passes, fails } = values(data, name) || { passes: 0, fails: 0 };
  return { count: passes, of: passes + fails };
}

function kind(data, op) {
  const errors = hits(data, `mcp_errors{op:${op}}`);
  return { name: op, requests: errors.of, errors: errors.count, times: values(data, `http_req_duration{op:${op}}`) };
}

/** A part of the run. One that an early end cut short has the time that was left to it. */
function one(data, { name, tag, from, seconds, rate }) {
  const ran = Math.max(0, Math.min(seconds, data.state.testRunDurationMs / 1000 - from));
  const requests = count(data, `http_reqs{${tag}}`);
  return {
    name,
    from,
    wanted: rate,
    reached: ran > 0 ? count(data, `iterations{${tag}}`) / ran : 0,
    requests,
    errors: hits(data, `mcp_errors{${tag}}`),
    dropped: count(data, `dropped_iterations{${tag}}`),
    times: requests ? values(data, `http_req_duration{${tag}}`) : null,
    broke: broke(data, tag),
  };
}

/** Which limit of a part did not hold, and what was seen instead. */
function broke(data, tag) {
  const failed = (metric) => {
    const held = (data.metrics[`${metric}{${tag}}`] || {}).thresholds || {};
    return Object.keys(held).some((threshold) => !held[threshold].ok);
  };
  const seen = (metric) => values(data, `${metric}{${tag}}`);
  if (failed('mcp_errors')) {
    return `errors: ${(100 * seen('mcp_errors').rate).toFixed(2)} % were answered wrongly or not at all (limit ${100 * limits.errors} %)`;
  }
  if (failed('http_req_duration')) {
    return `p99: ${seen('http_req_duration')['p(99)'].toFixed(1)} ms (limit ${limits.p99} ms)`;
  }
  if (failed('dropped_iterations')) {
    return `rate: ${seen('dropped_iterations').count} iterations were dropped, every user was still waiting (WEIR_MOST_USERS)`;
  }
  return null;
}

/** How many times longer requests took in the last part than in the first. */
function growth(data) {
  const grown = values(data, `mcp_growth{${parts[parts.length - 1].tag}}`);
  return grown ? grown.med : null;
}

/** The first rate that broke, with the last one that held. */
function knee(all) {
  const at = all.findIndex((part) => part.broke !== null);
  const held = (at < 0 ? all : all.slice(0, at)).filter((part) => part.requests > 0).pop();
  return {
    held: held ? held.wanted : null,
    broke: at < 0 ? null : all[at].wanted,
    why: at < 0 ? null : all[at].broke,
  };
}

/** Those that decide; the others only make k6 keep the figures of a part. */
function thresholds(data) {
  const found = [];
  Object.keys(data.metrics).forEach((metric) => {
    const held = data.metrics[metric].thresholds || {};
    Object.keys(held).filter((expression) => !/>=0$/.test(expression)).forEach((expression) => {
      found.push({ metric, expression, ok: held[expression].ok });
    });
  });
  return found.sort((a, b) => (a.metric < b.metric ? -1 : 1));
}
