// The end of a run: the report as text on the screen, as a page to pass on, and as JSON for other programs.
import { page } from './page.js';
import { profile } from './profile.js';
import { report } from './report.js';
import { text } from './settings.js';
import { table } from './table.js';

/** `handleSummary` of the script. The files are named by WEIR_SUMMARY, to which their endings are added. */
export function summary(script) {
  const name = text('WEIR_SUMMARY', `summary-${script}-${profile}`);
  return (data) => {
    const found = report(script, data);
    const shown = table(found);
    return {
      stdout: `\n${shown}\n${name}.html\n`,
      [`${name}.txt`]: shown,
      [`${name}.html`]: page(found),
      [`${name}.json`]: `${JSON.stringify(found, null, 2)}\n`,
    };
  };
}
