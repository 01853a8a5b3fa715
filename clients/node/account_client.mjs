// fetch, as Orcabase's document describes it: an account that the app registered is connected by its link, without anybody
// signing in; every refresh replaces the refresh token; a sign-in token opens the mini-app, once.

import { execFileSync } from 'node:child_process'
import { app, demand, platform, redirectUri, url } from './common.mjs'

const account = platform.accounts.find((one) => one.app === app.client_id).account_id
const key = platform.api_keys.find((one) => one.app === app.client_id).key
const authorize = new URL(url('authorize'))
authorize.search = new URLSearchParams({
  client_id: app.client_id, redirect_uri: redirectUri, response_type: 'code', scope: 'offline_access offline',
  state: 'random_1234', account_id: account,
}).toString()
const words = [process.env.CAUSEWAY_WALK, String(authorize), redirectUri, 'nobody@nowhere.example', 'no password']
const callback = new URL(execFileSync('python3', words, { encoding: 'utf8' }).trim())
demand(callback.searchParams.get('state') === 'random_1234', 'the state came back changed')

async function token(fields) {
  const reply = await fetch(url('token'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ client_id: app.client_id, client_secret: app.client_secret, ...fields }),
  })
  return { status: reply.status, data: await reply.json() }
}
const exchange = { code: callback.searchParams.get('code'), redirect_uri: redirectUri, grant_type: 'authorization_code' }
const first = await token(exchange)
demand(first.status === 200, `the exchange: ${first.status}`)
const four = 'access_token expires_in refresh_token token_type'
demand(Object.keys(first.data).sort().join(' ') === four, `the fields: ${Object.keys(first.data)}`)
demand(first.data.expires_in === 3600 && first.data.token_type === 'Bearer', 'life and type')

const refresh = { grant_type: 'refresh_token', refresh_token: first.data.refresh_token }
const second = await token(refresh)
demand(second.status === 200 && second.data.refresh_token !== first.data.refresh_token, 'the refresh')
const stale = await token(refresh)
demand(stale.status === 400 && stale.data.error === 'invalid_grant', `the stale refresh: ${stale.status}`)

const base = platform.api_url + '/api/v2/orcabase/dev/'
const ask = (path, body, apiKey = key) => fetch(base + path, {
  method: 'POST', headers: { 'Content-Type': 'application/json', 'x-api-key': apiKey }, body: JSON.stringify(body),
})
const fresh = { appId: app.client_id, accountId: 'client-made-account', accountName: 'Made by a client', timezone: 'Europe/Berlin', currency: 'EUR' }
demand((await ask('register-account', fresh)).ok, 'register-account')
demand(!(await ask('register-account', fresh)).ok, 'a duplicate was taken')
demand((await ask('edit-account', { ...fresh, accountName: 'Renamed' })).ok, 'edit-account')
demand((await ask('delete-account', { ...fresh })).ok, 'delete-account')
demand((await ask('register-account', fresh, 'wrong')).status === 401, 'a wrong key was taken')

const signIn = await (await ask('sign-in-account', { accountId: account, appId: app.client_id })).json()
const mini = new URL(platform.login_url + '/integrations')
mini.search = new URLSearchParams({ 'account-id': account, 'app-id': app.client_id, token: signIn.token }).toString()
const visit = await fetch(mini, { redirect: 'manual' })
demand(visit.status === 303, `the mini-app: ${visit.status}`)
const again = await fetch(mini, { redirect: 'manual' })
demand(again.status >= 400, `a sign-in token was taken twice: ${again.status}`)
console.log('ok fetch, accounts')
