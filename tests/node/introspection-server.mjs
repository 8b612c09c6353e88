#!/usr/bin/env node
// introspection-server.mjs: an authorization server (oidc-provider) whose metadata lead to its keys, and which says whose its
// opaque tokens are (RFC 7662). Prints its issuer.
//
//   GET /token?sub=SUBJECT&resource=URL   a token of that user for that resource: a JWT where the URL has `/jwt/` in it, else opaque
//   GET /revoke?token=TOKEN               it does not count any more
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const SCOPE = 'mcp:tools';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), kid: 'ec-1', alg: 'ES256', use: 'sig' };

const server = createServer((request, response) => handle(request, response).catch(error => {
  console.error(error);
  response.writeHead(500).end(String(error));
}));
await new Promise(ready => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const info = resource => ({
  scope: SCOPE, audience: resource, accessTokenTTL: 600,
  ...(resource.includes('/jwt/') ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } } : { accessTokenFormat: 'opaque' }),
});
const ours = { id_token_signed_response_alg: 'ES256' };
const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  scopes: ['openid', SCOPE],
  clients: [
    { client_id: 'weir', client_secret: 'a:b c%+', redirect_uris: [], response_types: [], grant_types: ['client_credentials'], ...ours },
    { client_id: 'app', client_secret: 'other', redirect_uris: [], response_types: [], grant_types: ['client_credentials'], ...ours },
  ],
  cookies: { keys: ['for tests alone'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: () => ({ roles: ['user'] }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: (_, resource) => info(resource) },
  },
});
const answer = provider.callback();
console.log(`authorization server on ${issuer}`);

async function handle(request, response) {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/token' && request.method === 'GET') {
    return response.end(await token(url.searchParams.get('sub'), url.searchParams.get('resource')));
  }
  if (url.pathname === '/revoke') {
    await (await provider.AccessToken.find(url.searchParams.get('token'))).destroy();
    return response.end();
  }
  return answer(request, response);
}

async function token(accountId, resource) {
  const client = await provider.Client.find('app');
  const grant = new provider.Grant({ accountId, clientId: 'app' });
  grant.addResourceScope(resource, SCOPE);
  const grantId = await grant.save();
  const token = new provider.AccessToken({ accountId, client, grantId, gty: 'authorization_code', scope: SCOPE });
  token.resourceServer = new provider.ResourceServer(resource, info(resource));
  token.extra = { roles: ['user'] };
  return token.save();
}
