// An OpenID provider that is not ours (oidc-provider), with its own login pages, below /oidc of a loopback port.
// Usage: node server.js PORT REDIRECT_URI ALGORITHM   (the modules lie where NODE_MODULES points)

import http from 'node:http';
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';

const [port, redirectUri, algorithm] = process.argv.slice(2);
const { default: Provider } = await import(createRequire(`${process.env.NODE_MODULES}/`).resolve('oidc-provider'));

const issuer = `http://127.0.0.1:${port}/oidc`;
const pair = algorithm === 'RS256'
  ? generateKeyPairSync('rsa', { modulusLength: 2048 })
  : generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...pair.privateKey.export({ format: 'jwk' }), alg: algorithm, use: 'sig', kid: 'first' };

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  cookies: { keys: ['only for tests'] },
  clients: [
    {
      client_id: 'the hub', // with a space, and a secret with marks: they must be form-encoded in HTTP Basic
      client_secret: 'a secret: 100% + more/than&that',
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [new URL('/', redirectUri).href],
      id_token_signed_response_alg: algorithm,
    },
    {
      client_id: 'the signing hub',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: new URL('/login/jwks', redirectUri).href,
      redirect_uris: [redirectUri],
      id_token_signed_response_alg: algorithm,
    },
    {
      client_id: 'gdi-cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['http://127.0.0.1/callback'],
      id_token_signed_response_alg: algorithm,
    },
  ],
  clientBasedCORS: () => false,
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }), // keys of a hub on loopback, too
  enabledJWA: { idTokenSigningAlgValues: [algorithm] },
  scopes: ['openid', 'offline_access', 'ga4gh_passport_v1'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  pkce: { required: () => true },
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: 'Visitor From Elsewhere', email: `${id}@elsewhere.example`, email_verified: true }),
  }),
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => false,
      getResourceServerInfo: (_, resource) => ({
        scope: 'ga4gh_passport_v1',
        audience: resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
});

const answer = provider.callback();
http.createServer((request, response) => {
  if (!request.url.startsWith('/oidc/')) {
    response.writeHead(404).end();
    return;
  }
  request.originalUrl = request.url;
  request.url = request.url.slice('/oidc'.length);
  answer(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
