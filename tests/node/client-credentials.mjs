#!/usr/bin/env node
// client-credentials.mjs SECRET: an OAuth authorization server (oidc-provider) that knows two clients of that secret, which are
// given tokens as themselves: `weir` shows who it is in `Authorization`, `weir-form` in the form.
//
// Access tokens are JWTs (RFC 9068) for the resource that was asked for (RFC 8707). Prints its issuer.
//
//   GET /log            what was granted, in order
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [secret] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const log = [];
const server = createServer((request, response) => (request.url === '/log' ? response.end(JSON.stringify(log)) : answer(request, response)));
await new Promise(ready => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const client = (id, method) => ({
  client_id: id, client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  token_endpoint_auth_method: method,
});
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'rsa-1', alg: 'RS256', use: 'sig' }] },
  clients: [client('weir', 'client_secret_basic'), client('weir-form', 'client_secret_post')],
  scopes: ['files:read', 'files:write'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: 'files:read files:write', audience: resource, accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.on('grant.success', ({ oidc: { client, params } }) => log.push({ client: client.clientId, grant: params.grant_type, scope: params.scope }));
const answer = provider.callback();
console.log(`authorization server on ${issuer}`);
