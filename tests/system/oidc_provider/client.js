// A client that is not ours (openid-client) logs somebody in at a broker, and uses all that it was given.
// Usage: node client.js ISSUER CLIENT_ID REDIRECT_URI RESOURCE METHOD [ALGORITHM]   (modules: NODE_MODULES)
// METHOD: client_secret_basic, client_secret_post, none, or private_key_jwt. SECRET or PRIVATE_KEY (PEM) in the
// environment. Prints the address that a browser must open, reads where it was sent back to, prints what came of it.

import { createInterface } from 'node:readline/promises';
import { createPrivateKey } from 'node:crypto';
import { createRequire } from 'node:module';

const [issuer, clientId, redirectUri, resource, method, algorithm] = process.argv.slice(2);
const load = createRequire(`${process.env.NODE_MODULES}/`);
const oidc = await import(load.resolve('openid-client'));
const { importPKCS8 } = await import(load.resolve('jose'));

const proofs = {
  client_secret_basic: () => oidc.ClientSecretBasic(process.env.SECRET),
  client_secret_post: () => oidc.ClientSecretPost(process.env.SECRET),
  none: () => oidc.None(),
  private_key_jwt: async () => {
    const kind = createPrivateKey(process.env.PRIVATE_KEY).asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
    return oidc.PrivateKeyJwt({ key: await importPKCS8(process.env.PRIVATE_KEY, kind), kid: process.env.KID });
  },
};
const config = await oidc.discovery(
  new URL(issuer),
  clientId,
  algorithm ? { id_token_signed_response_alg: algorithm } : undefined,
  await proofs[method](),
  { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
);

const verifier = oidc.randomPKCECodeVerifier();
const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
const scope = 'openid profile ga4gh_passport_v1 offline_access';
console.log(oidc.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope,
  state,
  nonce,
  max_age: '3600',
  resource,
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
}).href);

const lines = createInterface({ input: process.stdin });
const back = new URL(await lines.question(''));
lines.close();

const tokens = await oidc.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
  maxAge: 3600,
});
const claims = tokens.claims();
const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token, { resource });
const told = { claims, userinfo, scope: tokens.scope, refreshed: refreshed.claims()?.sub };
if (method !== 'none') {
  const exchanged = await oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    requested_token_type: 'urn:ga4gh:params:oauth:token-type:passport',
    subject_token: refreshed.access_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource,
  });
  told.issued = exchanged.issued_token_type;
  told.passport = exchanged.access_token;
}
await oidc.tokenRevocation(config, refreshed.refresh_token);
try {
  await oidc.fetchUserInfo(config, refreshed.access_token, claims.sub);
  told.afterRevocation = 'still good';
} catch (error) {
  told.afterRevocation = error.status ?? error.cause?.[0]?.parameters?.error ?? String(error);
}
console.log(JSON.stringify(told));
