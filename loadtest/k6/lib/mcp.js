// MCP over streamable HTTP as a client of either era speaks it: 2026-07-28, in which every request says all there is to
// know, and 2025-11-25, with sessions.
import http from 'k6/http';
import { timeout } from './profile.js';
import { events } from './sse.js';
import { target } from './settings.js';

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const INFO = { name: 'weir-loadtest', version: '1' };

/** One client. Its ids begin at 1, as everybody's do: that many clients use the same ids at once is what is tested. */
export class Client {
  constructor({ modern = target.modern } = {}) {
    this.modern = modern;
    this.session = null;
    this.last = 0;
  }

  /**
   * A request: `{ id, response, messages, answer }`. `messages` are all that came, `answer` is the one that answers,
   * null where none was readable; whether its id is ours is for the caller to judge. `op` names the request in the
   * summary, `name` is what `Mcp-Name` says of it, `progress` a progress token.
   */
  ask(method, params, { op, name, progress } = {}) {
    this.last += 1;
    // Either type of id has to come back as it was.
    const id = this.last % 2 ? this.last : `${this.last}`;
    const message = { jsonrpc: '2.0', id, method, params: this.params(params, progress) };
    const response = this.post(message, this.named(method, name), op || method);
    const messages = response.status === 200 ? read(response) : [];
    const answer = messages.find((found) => found.method === undefined) || null;
    return { id, response, messages, answer };
  }

  /** A notification: the response, which has no message. */
  tell(method, params, { op } = {}) {
    return this.post({ jsonrpc: '2.0', method, params: this.params(params) }, this.named(method), op || method);
  }

  /** Opens a session: what `ask` gives for `initialize`. The session is kept for what follows. */
  open() {
    this.session = null;
    const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo: INFO };
    const opened = this.ask('initialize', params, { op: 'initialize' });
    this.session = opened.response.headers['Mcp-Session-Id'] || null;
    return opened;
  }

  /** Ends the session: the response. */
  end() {
    const response = http.del(target.url, null, this.how(this.named(), 'end'));
    this.session = null;
    return response;
  }

  params(params, progress) {
    const meta = this.modern
      ? {
        'io.modelcontextprotocol/protocolVersion': MODERN,
        'io.modelcontextprotocol/clientInfo': INFO,
        'io.modelcontextprotocol/clientCapabilities': {},
      }
      : {};
    if (progress !== undefined) meta.progressToken = progress;
    return Object.keys(meta).length ? Object.assign({}, params, { _meta: meta }) : params || {};
  }

  named(method, name) {
    if (this.modern) {
      const headers = { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': method };
      if (name !== undefined) headers['Mcp-Name'] = name;
      return headers;
    }
    if (method === 'initialize') return {};
    const headers = { 'MCP-Protocol-Version': LEGACY };
    if (this.session !== null) headers['Mcp-Session-Id'] = this.session;
    return headers;
  }

  post(message, headers, op) {
    return http.post(target.url, JSON.stringify(message), this.how(headers, op));
  }

  how(headers, op) {
    const all = Object.assign(
      { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      headers,
      target.headers,
    );
    if (target.token !== null) all.Authorization = `Bearer ${target.token}`;
    return { headers: all, tags: { op }, redirects: 0, timeout: `${timeout}s` };
  }
}

/** All messages of an answer, JSON or an event stream; what cannot be read is no message. */
function read(response) {
  const type = response.headers['Content-Type'] || '';
  const body = response.body || '';
  const texts = type.startsWith('text/event-stream') ? events(body) : [body];
  const messages = [];
  for (const text of texts) {
    try {
      const message = JSON.parse(text);
      if (message !== null && typeof message === 'object') messages.push(message);
    } catch (_) {
      // It is missed by whoever waits for it.
    }
  }
  return messages;
}
