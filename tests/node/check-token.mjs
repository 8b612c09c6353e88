#!/usr/bin/env node
// check-token.mjs: checks tokens with `jose`, as a server behind Weir would. Each line of standard input is {"token", "jwks",
// "issuer", "audience", "typ", "algorithm", "at"} (`at`: what the clock shows, in seconds since 1970, if not now); each line of
// standard output {"claims", "header"} or {"error"}. Key sets are fetched from where `jwks` says.
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, jwtVerify } from 'jose';

for await (const line of createInterface({ input: process.stdin })) {
  const { token, jwks, issuer, audience, typ, algorithm, at } = JSON.parse(line);
  const currentDate = at === undefined ? new Date() : new Date(at * 1000);
  const options = { issuer, audience, currentDate, typ, algorithms: [algorithm], requiredClaims: ['exp', 'iat', 'jti'] };
  const checked = await jwtVerify(token, createRemoteJWKSet(new URL(jwks)), options)
    .then(({ payload, protectedHeader }) => ({ claims: payload, header: protectedHeader }), error => ({ error: error.code }));
  console.log(JSON.stringify(checked));
}
