// The messages of an event stream that has ended, read as the standard for server-sent events asks.

/** The data of every event that has some, in order. An event without its blank line is none: the stream was cut. */
export function events(stream) {
  const found = [];
  let data = null;
  for (const line of stream.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)) {
    if (line === '') {
      if (data !== null) found.push(data);
      data = null;
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== 'data') continue;
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    data = data === null ? value : `${data}\n${value}`;
  }
  return found.filter((text) => text !== '');
}
