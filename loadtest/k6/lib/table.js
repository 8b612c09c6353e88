// The report on a screen.
import { figures, tables, verdict } from './words.js';

/** The report as plain text. */
export function table(found) {
  const lines = [`weir load test: ${found.script}, ${found.profile}`, verdict(found), ''];
  const width = Math.max(...figures(found).map(([name]) => name.length));
  figures(found).forEach(([name, value]) => lines.push(`${name.padEnd(width)}  ${value}`));
  tables(found).forEach(({ title, head, rows }) => lines.push('', title, ...columns([head, ...rows])));
  return `${lines.join('\n')}\n`;
}

function columns(rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  const cell = (text, at) => (at ? text.padStart(widths[at]) : text.padEnd(widths[at]));
  return rows.map((row) => `  ${row.map(cell).join('  ')}`);
}
