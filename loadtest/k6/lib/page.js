// The report as a page of one file: nothing is fetched by it, so that it can be kept and sent around.
import { limits } from './profile.js';
import { figures, tables, verdict } from './words.js';

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #888; --good: #1a7f37; --bad: #cf222e; --one: #0969da; --two: #bc4c00; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.verdict { font-weight: 600; border-left: .3rem solid var(--good); padding-left: .7rem; } .verdict.bad { border-color: var(--bad); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid var(--line); } th { font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; } .failed td { color: var(--bad); }
.figures td { text-align: left; } .figures td:first-child, .axis { color: var(--soft); }
svg { width: 100%; height: auto; font-size: 11px; } svg text { fill: currentColor; }
`;

/** The report as HTML. */
export function page(found) {
  const title = `${found.script}, ${found.profile}`;
  const rows = figures(found).map(([name, value]) => `<tr><td>${escaped(name)}</td><td>${escaped(value)}</td></tr>`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Load test: ${escaped(title)}</title>
<style>${STYLE}</style></head>
<body>
<h1>Load test: ${escaped(title)}</h1>
<p class="verdict${found.ok ? '' : ' bad'}">${escaped(verdict(found))}</p>
<table class="figures">${rows.join('')}</table>
${chart(found.parts)}
${tables(found).map(shown).join('\n')}
</body>
</html>
`;
}

function shown({ title, head, rows }) {
  const cells = (row, tag) => row.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('');
  const failed = (row) => (title === 'Checks' && row[2] !== '0' ? ' class="failed"' : '');
  const body = rows.map((row) => `<tr${failed(row)}>${cells(row, 'td')}</tr>`).join('\n');
  return `<h2>${escaped(title)}</h2>\n<div class="wide"><table><tr>${cells(head, 'th')}</tr>\n${body}</table></div>`;
}

/** Median and p99 of each part, on a logarithmic scale: a knee is a factor, not a difference. */
function chart(parts) {
  const seen = parts.filter(({ times }) => times !== null);
  if (seen.length < 2) return '';
  const [width, height, left, below] = [900, 260, 60, 30];
  const all = seen.map(({ times }) => Math.max(times['p(99)'], 0.01)).concat(limits.p99);
  const top = Math.log10(Math.max(...all)) + 0.1;
  const bottom = Math.log10(Math.min(...seen.map(({ times }) => Math.max(times.med, 0.01)))) - 0.1;
  const x = (at) => left + ((width - left - 20) * at) / (seen.length - 1);
  const y = (value) => 10 + ((height - below - 10) * (top - Math.log10(Math.max(value, 0.01)))) / (top - bottom);
  const line = (key, colour) => {
    const points = seen.map(({ times }, at) => `${x(at).toFixed(1)},${y(times[key]).toFixed(1)}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="var(${colour})" stroke-width="2"/>`;
  };
  const rule = (value, name, dashes) => `<line x1="${left}" x2="${width - 20}" y1="${y(value)}" y2="${y(value)}" `
    + `stroke="var(--soft)" stroke-dasharray="${dashes}" stroke-width=".5"/><text x="0" y="${y(value) + 4}">${name}</text>`;
  const tens = [];
  for (let power = Math.ceil(bottom); power <= top; power += 1) tens.push(rule(10 ** power, `${10 ** power} ms`, '1 3'));
  const every = Math.ceil(seen.length / 12);
  const labels = seen.map(({ name }, at) => (at % every ? ''
    : `<text x="${x(at)}" y="${height - 10}" text-anchor="middle">${escaped(name)}</text>`));
  return `<h2>Latency, part by part: <span style="color:var(--one)">median</span>, <span style="color:var(--two)">p99</span>`
    + `, the limit of p99 dashed</h2>\n<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="median and p99 of each part">`
    + `${tens.join('')}${rule(limits.p99, '', '6 4')}${line('med', '--one')}${line('p(99)', '--two')}${labels.join('')}</svg>`;
}

function escaped(text) {
  const signs = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return String(text).replace(/[&<>"']/g, (sign) => signs[sign]);
}
