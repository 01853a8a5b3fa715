// oauth4webapi, strict by design: discovery, PKCE, state, iss, and every field of every reply checked.

import * as oauth from 'oauth4webapi'
import { app, demand, platform, redirectUri, walk } from './common.mjs'

const insecure = { [oauth.allowInsecureRequests]: true } // loopback has no TLS
const issuer = new URL(platform.issuer)
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
const server = await oauth.processDiscoveryResponse(issuer, found)
demand(server.authorization_response_iss_parameter_supported === true, 'the metadata does not promise iss')
demand(server.code_challenge_methods_supported?.includes('S256'), 'the metadata does not offer S256')

const client = { client_id: app.client_id }
const authentication = oauth.ClientSecretPost(app.client_secret)
const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const authorize = new URL(server.authorization_endpoint)
authorize.search = new URLSearchParams({
  response_type: 'code', client_id: app.client_id, redirect_uri: redirectUri, scope: app.scopes, state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
}).toString()

const answer = oauth.validateAuthResponse(server, client, walk(authorize), state)
const exchanged = await oauth.authorizationCodeGrantRequest(
  server, client, authentication, answer, redirectUri, verifier, insecure,
)
const first = await oauth.processAuthorizationCodeResponse(server, client, exchanged)

const call = (access) =>
  oauth.protectedResourceRequest(access, 'GET', new URL(platform.api_url + '/v1/sites'), undefined, undefined, insecure)
demand((await call(first.access_token)).status === 200, 'the call failed')

const refresh = (token) => oauth.refreshTokenGrantRequest(server, client, authentication, token, insecure)
const second = await oauth.processRefreshTokenResponse(server, client, await refresh(first.refresh_token))
demand(second.refresh_token !== first.refresh_token, 'the refresh token did not change')
demand((await call(second.access_token)).status === 200, 'the refreshed token does not work')

try {
  await oauth.processRefreshTokenResponse(server, client, await refresh(first.refresh_token))
} catch (error) {
  demand(error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant', `the stale refresh: ${error}`)
  // Revocation and introspection, as the library checks them.
  const revoked = await oauth.revocationRequest(server, client, authentication, second.access_token, insecure)
  await oauth.processRevocationResponse(revoked)
  const asked = await oauth.introspectionRequest(server, client, authentication, second.access_token, insecure)
  const told = await oauth.processIntrospectionResponse(server, client, asked)
  demand(told.active === false, 'a revoked token is still active')
  console.log('ok oauth4webapi')
  process.exit(0)
}
throw new Error('a stale refresh token was taken')
