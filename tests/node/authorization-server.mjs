#!/usr/bin/env node
// authorization-server.mjs --keys FILE: an OAuth authorization server (oidc-provider), with a user who agrees to everything.
//
// Access tokens are JWTs (RFC 9068) for the resource that was asked for (RFC 8707). Clients register themselves, or are called
// by the URL of their metadata document: https://clients.test/..., which this process answers itself. Writes its key set to
// FILE, prints its issuer. A client with `stingy` in its name gets `mcp:write` only when it asks for the second time.
//
//   GET /user?url=URL   the user goes there and agrees: the URL that they are sent back to
//   GET /log            what was registered, authorized and granted, in order
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';

const { values: opt } = parseArgs({ options: { keys: { type: 'string' } } });
const SCOPES = 'mcp:tools mcp:write';
export const CALLBACK = 'http://127.0.0.1:9/callback';   // nobody is there: the user is in this process

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), kid: 'rsa-1', alg: 'RS256', use: 'sig' };
const { n, e, kty, kid, alg, use } = key;
writeFileSync(opt.keys, JSON.stringify({ keys: [{ n, e, kty, kid, alg, use }] }));

const log = [], asked = new Map();
const server = createServer((request, response) => handle(request, response).catch(error => {
  console.error(error);
  response.writeHead(500).end(String(error));
}));
await new Promise(ready => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
  cookies: { keys: ['for tests alone'] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: SCOPES, audience: resource, accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  fetch: async (url, options) => (String(url).startsWith('https://clients.test/') ? document(String(url)) : fetch(url, options)),
});
provider.on('registration_create.success', (_, client) => log.push({ did: 'register', client: client.clientName }));
provider.on('authorization.success', ({ oidc: { client, params } }) => log.push({
  did: 'authorize', client: client.clientName, id: client.clientId, resource: params.resource, scope: params.scope, challenge: params.code_challenge_method,
}));
provider.on('grant.success', ({ oidc: { client, params, body } }) => log.push({
  did: params.grant_type, client: client.clientName, resource: params.resource ?? null, verified: body?.code_verifier !== undefined,
}));
const answer = provider.callback();
console.log(`authorization server on ${issuer}`);

async function handle(request, response) {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/log') return response.end(JSON.stringify(log));
  if (url.pathname === '/user') return response.end(await user(url.searchParams.get('url')));
  if (url.pathname.startsWith('/interaction/')) return agree(request, response);
  return answer(request, response);
}

// What a person would click.
async function agree(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') return provider.interactionFinished(request, response, { login: { accountId: 'ann' } });
  const client = await provider.Client.find(params.client_id);
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const times = (asked.get(params.client_id) ?? 0) + 1;
  asked.set(params.client_id, times);
  const kept = scope => scope === 'mcp:write' && client.clientName.includes('stingy') && times === 1;
  const given = scopes => scopes.filter(scope => !kept(scope)).join(' ');
  const refused = scopes => scopes.filter(kept).join(' ');
  const { missingOIDCScope: ours = [], missingResourceScopes: theirs = {} } = prompt.details;
  if (given(ours)) grant.addOIDCScope(given(ours));
  if (refused(ours)) grant.rejectOIDCScope(refused(ours));
  for (const [resource, scopes] of Object.entries(theirs)) {
    if (given(scopes)) grant.addResourceScope(resource, given(scopes));
    if (refused(scopes)) grant.rejectResourceScope(resource, refused(scopes));
  }
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

// A browser without memory: every visit is a new session.
async function user(start) {
  const cookies = new Map();
  for (let url = start, hops = 0; hops < 12; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [name, ...value] = line.split(';')[0].split('=');
      cookies.set(name, value.join('='));
    }
    const to = response.headers.get('location');
    if (!to) throw new Error(`the user is stuck at ${url}: ${response.status} ${await response.text()}`);
    url = new URL(to, url).href;
    if (url.startsWith(CALLBACK)) return url;
  }
  throw new Error('the user is sent around in circles');
}

function document(id) {
  return Response.json({
    client_id: id, client_name: id.split('/').pop(), redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  });
}
