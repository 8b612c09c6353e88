// What is asked of whom: the settings that a run is given with `k6 run -e NAME=VALUE`, each with its default.

/** The setting as text. */
export function text(name, otherwise) {
  const value = __ENV[name];
  return value === undefined || value === '' ? otherwise : value;
}

/** The setting as a number that is no less than `least`. */
export function number(name, otherwise, least = 0) {
  const given = text(name, null);
  if (given === null) return otherwise;
  const value = Number(given);
  if (!Number.isFinite(value) || value < least) throw new Error(`${name}=${given}: name a number from ${least} on`);
  return value;
}

/** One of a few words. */
export function word(name, words) {
  const given = text(name, words[0]);
  if (!words.includes(given)) throw new Error(`${name}=${given}: name one of ${words.join(', ')}`);
  return given;
}

/** The setting, a time such as `90s`, `10m` or `1h30m`, in seconds. */
export function seconds(name, otherwise) {
  const given = text(name, otherwise);
  const units = { ms: 0.001, s: 1, m: 60, h: 3600 };
  const parts = given.match(/[0-9.]+(?:ms|s|m|h)/g);
  const sum = (parts || []).reduce((all, part) => all + parseFloat(part) * units[part.replace(/[0-9.]+/, '')], 0);
  if (!parts || parts.join('') !== given || !(sum > 0)) throw new Error(`${name}=${given}: name a time, as 90s or 2h`);
  return sum;
}

/** The setting as the members of a JSON object. */
export function members(name, otherwise) {
  const given = text(name, null);
  if (given === null) return otherwise;
  try {
    const value = JSON.parse(given);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch (_) {
    // It is said below, as for any other value that is no object.
  }
  throw new Error(`${name}: give a JSON object`);
}

/** Where the MCP endpoint is, and how it is addressed. */
export const target = {
  url: text('WEIR_URL', 'http://127.0.0.1:8080/mcp'),
  token: text('WEIR_TOKEN', null),
  headers: members('WEIR_HEADERS', {}),
  /** Without what a URL may hold that is nobody's business. */
  shown: text('WEIR_URL', 'http://127.0.0.1:8080/mcp').replace(/\/\/[^/@]*@/, '//').replace(/\?.*/, '?...'),
  modern: word('WEIR_ERA', ['2026-07-28', '2025-11-25']) === '2026-07-28',
};
