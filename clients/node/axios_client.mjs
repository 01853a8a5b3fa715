// axios, as the platforms' Node samples use it: the token request as a form, or as JSON.

import axios from 'axios'
import { randomBytes } from 'node:crypto'
import { app, demand, platform, redirectUri, url, variant, walk } from './common.mjs'

const state = randomBytes(16).toString('hex')
const authorize = new URL(url('authorize'))
authorize.search = new URLSearchParams({
  response_type: 'code', client_id: app.client_id, redirect_uri: redirectUri, scope: app.scopes, state,
}).toString()
const callback = walk(authorize)
demand(callback.searchParams.get('state') === state, 'the state came back changed')

const credentials = { client_id: app.client_id, client_secret: app.client_secret }
const body = (fields) => (variant === 'json' ? fields : new URLSearchParams(fields))
const token = (fields) => axios.post(url('token'), body({ ...fields, ...credentials }))
const sites = (access) =>
  axios.get(platform.api_url + '/v1/sites', { headers: { Authorization: `Bearer ${access}` } })

const code = callback.searchParams.get('code')
const first = (await token({ grant_type: 'authorization_code', code, redirect_uri: redirectUri })).data
demand(first.token_type === 'Bearer' && first.expires_in > 0 && first.refresh_token, 'the reply lacks its fields')
demand((await sites(first.access_token)).status === 200, 'the call failed')

const refresh = { grant_type: 'refresh_token', refresh_token: first.refresh_token }
const second = (await token(refresh)).data
demand(second.refresh_token !== first.refresh_token, 'the refresh token did not change')
demand((await sites(second.access_token)).status === 200, 'the refreshed token does not work')

const stale = await token(refresh).then(() => null, (error) => error.response)
demand(stale !== null, 'a stale refresh token was taken')
demand(stale.status === 400 && stale.data.error === 'invalid_grant', `the stale refresh: ${stale.status}`)
console.log(`ok axios, ${variant}`)
