#!/usr/bin/env node
// oauth.mjs <RUNS: the OAuth clients of both generations of the official TypeScript SDK.
//
// RUNS is JSON, a list of {"run", "client": "1" | "2", "mode": "legacy" | "auto" | "2026-07-28", "url", "issuer": of
// authorization-server.mjs, "document": the client's own URL, or none to register, "refreshes": ask for a refresh token and use
// it}. Prints one JSON line a run: {"run", "result": how many tools were seen each time, or "error"}. tests/python/oauth.py is
// its twin.
import { text } from 'node:stream/consumers';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';

const INFO = { name: 'weir-tests', version: '1.0.0' };
const CALLBACK = 'http://127.0.0.1:9/callback';
const PATIENCE = 60_000;   // only ends a run that hangs
const VISITS = 3;

async function story(run) {
  const wallet = new Wallet(run), seen = [];
  const { client } = await authorized(wallet, () => connected(run, wallet));
  seen.push((await client.listTools()).tools.length);
  if (run.refreshes) {
    // As if it had been revoked: the server says 401, and there is something to get a new one with.
    wallet.kept.tokens.access_token = 'a.b.c';
    seen.push((await client.listTools()).tools.length);
  }
  await client.close();
  return seen;
}

// Goes to the user and comes back for as long as it is sent there.
async function authorized(wallet, act) {
  for (let visits = 0; ; visits++) {
    try {
      return await act();
    } catch (error) {
      const back = wallet.takeBack();
      if (!back || visits === VISITS) throw error;
      await wallet.transport.finishAuth(wallet.run.client === '1' ? back.get('code') : back);
    }
  }
}

async function connected(run, wallet) {
  const second = run.client === '2';
  const mode = run.mode === 'legacy' || run.mode === 'auto' ? run.mode : { pin: run.mode };
  const client = second ? new Client2(INFO, { versionNegotiation: { mode } }) : new Client1(INFO);
  wallet.transport = new (second ? Transport2 : Transport1)(new URL(run.url), { authProvider: wallet });
  await client.connect(wallet.transport);
  return { client };
}

// What an application keeps for the SDK.
class Wallet {
  kept = {};
  constructor(run) {
    this.run = run;
    if (run.document) this.clientMetadataUrl = run.document;
  }
  get redirectUrl() { return CALLBACK; }
  get clientMetadata() {
    const grants = ['authorization_code', ...(this.run.refreshes ? ['refresh_token'] : [])];
    return { client_name: this.run.run, redirect_uris: [CALLBACK], grant_types: grants, response_types: ['code'], token_endpoint_auth_method: 'none' };
  }
  clientInformation() { return this.kept.client; }
  saveClientInformation(client) { this.kept.client = client; }
  tokens() { return this.kept.tokens; }
  saveTokens(tokens) { this.kept.tokens = tokens; }
  codeVerifier() { return this.kept.verifier; }
  saveCodeVerifier(verifier) { this.kept.verifier = verifier; }
  discoveryState() { return this.kept.discovery; }
  saveDiscoveryState(state) { this.kept.discovery = state; }
  async redirectToAuthorization(url) {
    const response = await fetch(`${this.run.issuer}/user?url=${encodeURIComponent(url)}`);
    const back = await response.text();
    if (!response.ok) throw new Error(back);
    this.back = new URL(back).searchParams;
    if (!this.back.has('code')) throw new Error(`the user was refused: ${back}`);
  }
  takeBack() {
    const back = this.back;
    this.back = undefined;
    return back;
  }
}

function bounded(promise) {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error('nothing happened for too long')), PATIENCE); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

for (const run of JSON.parse(await text(process.stdin))) {
  const end = await bounded(story(run)).then(result => ({ result }), error => ({ error: `${error?.name}: ${error?.message}` }));
  console.log(JSON.stringify({ run: run.run, ...end }));
}
process.exit(0);
