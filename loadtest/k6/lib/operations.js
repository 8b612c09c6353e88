// What a user does: a call, a list to its end, an event stream, a large call, a session from its beginning to its end.
import { Client } from './mcp.js';
import { members, number, text, word } from './settings.js';
import { counted, holdsAnother, judgeAnswer, judgeStatus, nonce } from './verdict.js';

const TOOL = text('WEIR_TOOL', 'echo');
const ARGUMENTS = members('WEIR_ARGUMENTS', { text: '{{nonce}}' });
/** Whether the tool gives back what it is sent. */
const ECHOES = word('WEIR_ECHOES', ['yes', 'no']) === 'yes' && JSON.stringify(ARGUMENTS).includes('{{nonce}}');
const STREAM_TOOL = text('WEIR_STREAM_TOOL', 'stream');
const EVENTS = number('WEIR_EVENTS', 20);
const STREAM_ARGUMENTS = members('WEIR_STREAM_ARGUMENTS', { events: EVENTS });
const LARGE = number('WEIR_SIZE', 64 * 1024, 1);
const CALLS = number('WEIR_CALLS', 5);
/** A list longer than this does not end. */
const MOST_PAGES = 1000;

const filler = 'x'.repeat(LARGE);

/** The client of this virtual user. */
const own = new Client();

/** One call of the tool. */
export function call() {
  if (ready(own)) calls(own, 'call', nonce());
}

/** One call that sends, and where the tool echoes gets, a large text. */
export function large() {
  if (ready(own)) calls(own, 'large', nonce() + filler);
}

/** All pages of `tools/list`. */
export function list() {
  if (ready(own)) lists(own);
}

/** One call that is answered with an event stream. */
export function stream() {
  if (ready(own)) streams(own);
}

/** A session of 2025-11-25: its beginning, a list, some calls, its end. */
export function session() {
  const client = new Client({ modern: false });
  if (!begin(client)) return;
  lists(client);
  for (let done = 0; done < CALLS; done += 1) calls(client, 'call', nonce());
  if (client.session !== null) judgeStatus('end', client.end(), [200, 202, 204, 405]);
}

/** Without sessions everybody is ready; with them one is opened first, and again where it was lost. */
function ready(client) {
  return client.modern || client.begun || begin(client);
}

function begin(client) {
  const opened = client.open();
  const agreed = [['a version is agreed on', () => typeof opened.answer.result.protocolVersion === 'string']];
  if (!judgeAnswer('initialize', opened, agreed)) return false;
  const told = client.tell('notifications/initialized', undefined, { op: 'initialized' });
  client.begun = judgeStatus('initialized', told, [202]);
  return client.begun;
}

/** Asks; a session that is not known any more is opened anew by whoever comes next. */
function asked(client, method, params, how) {
  const got = client.ask(method, params, how);
  if (got.response.status === 404) client.begun = false;
  return got;
}

function calls(client, op, sent) {
  const ours = sent.slice(0, sent.indexOf(';') + 1);
  const params = { name: TOOL, arguments: filled(ARGUMENTS, sent) };
  const got = asked(client, 'tools/call', params, { op, name: TOOL });
  const said = () => saidBy(got.answer);
  const checks = ECHOES ? [['its text is what was sent', () => said().includes(sent)]] : [];
  judgeAnswer(op, got, checks, () => holdsAnother(said(), ours));
}

function lists(client) {
  const names = new Set();
  let seen = 0;
  let cursor;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const got = asked(client, 'tools/list', cursor === undefined ? {} : { cursor }, { op: 'list' });
    const tools = () => got.answer.result.tools;
    const good = judgeAnswer('list', got, [
      ['it lists tools', () => Array.isArray(tools()) && tools().length > 0],
      ['no tool comes twice', () => {
        tools().forEach((tool) => names.add(tool.name));
        seen += tools().length;
        return names.size === seen;
      }],
      ['the list ends', () => got.answer.result.nextCursor === undefined || page + 1 < MOST_PAGES],
    ]);
    if (!good || got.answer.result.nextCursor === undefined) return;
    cursor = got.answer.result.nextCursor;
  }
}

function streams(client) {
  const token = nonce();
  const params = { name: STREAM_TOOL, arguments: filled(STREAM_ARGUMENTS, token) };
  const got = asked(client, 'tools/call', params, { op: 'stream', name: STREAM_TOOL, progress: token });
  const told = got.messages.filter((message) => message.method === 'notifications/progress');
  counted.add(told.length);
  const type = got.response.headers['Content-Type'] || '';
  judgeAnswer('stream', got, [
    ['it is an event stream', () => type.startsWith('text/event-stream')],
    ['every event arrives', () => told.length === EVENTS],
    ['they carry its token', () => told.every((message) => message.params.progressToken === token)],
    ['they come in order', () => told.every((message, at) => !at || message.params.progress > told[at - 1].params.progress)],
    ['the answer comes last', () => got.messages[got.messages.length - 1] === got.answer],
  ], () => told.some((message) => message.params.progressToken !== token));
}

/** The arguments of a tool, with what is sent in its place. */
function filled(template, sent) {
  if (typeof template === 'string') return template === '{{nonce}}' ? sent : template.replace('{{nonce}}', () => sent);
  if (template === null || typeof template !== 'object') return template;
  if (Array.isArray(template)) return template.map((one) => filled(one, sent));
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, filled(value, sent)]));
}

/** The text of a tool's answer, and its structured content. */
function saidBy(answer) {
  const result = (answer && answer.result) || {};
  const content = Array.isArray(result.content) ? result.content.map((part) => part.text || '').join('') : '';
  return result.structuredContent === undefined ? content : content + JSON.stringify(result.structuredContent);
}
