// npm's oauth, as the platform's own OAuth 1.0 sample uses it: with a token and without one, with parameters that need
// every rule of encoding, and what must not pass: a replay, a clock two hours off, a tampered query, a wrong secret.

import oauth from 'oauth'
import { demand, platform } from './common.mjs'

const pair = platform.oauth1[0]
const locations = platform.api_url + '/api/v1/locations'
// No repeated names: those of a query it signs as name[0], name[1].
const awkward = locations + '?q=' + encodeURIComponent("a b&c=d/ü☃~-._!*'()+%25") +
  '&empty=&c%40=1&c2=2&a%5B%5D=3&plus=a+b&lower=%c3%bc&bare&=nameless'

const client = (key = pair.consumer_key, secret = pair.consumer_secret) => new oauth.OAuth(
  platform.api_url + '/oauth/request_token', platform.api_url + '/oauth/access_token', key, secret, '1.0', null, 'HMAC-SHA1',
)
const get = (url, by = client(), token = pair.token, secret = pair.token_secret) => new Promise((resolve) => {
  by.get(url, token, secret, (error, data, response) => resolve({ status: error ? error.statusCode : response.statusCode, data }))
})

const bodies = new Set()
for (const url of [locations, awkward]) {
  for (const [token, secret] of [[pair.token, pair.token_secret], [null, null]]) {
    const reply = await get(url, client(), token, secret)
    demand(reply.status === 200, `GET ${url}: ${reply.status} ${reply.data}`)
    bodies.add(reply.data)
  }
}
demand(bodies.size === 1, 'the same call was answered differently')

// The library signs and fetch sends, so that it can be sent twice, or something else.
const header = () => client().authHeader(awkward, pair.token, pair.token_secret, 'GET')
const status = async (url, Authorization) => (await fetch(url, { headers: { Authorization } })).status
const once = header()
demand(await status(awkward, once) === 200, 'the first of two')
demand(await status(awkward, once) === 401, 'a replay was taken')
demand(await status(awkward.replace('c2=2', 'c2=3'), header()) === 401, 'a tampered query was taken')

for (const hours of [-2, 2]) {
  const off = client()
  const now = off._getTimestamp()
  off._getTimestamp = () => now + hours * 3600
  demand((await get(awkward, off)).status === 401, `a clock ${hours} h off was taken`)
}
demand((await get(awkward, client(pair.consumer_key, 'wrong'))).status === 401, 'a wrong consumer secret was taken')
demand((await get(awkward, client(), pair.token, 'wrong')).status === 401, 'a wrong token secret was taken')
demand((await get(awkward, client('nobody'))).status === 401, 'an unknown consumer was taken')
console.log('ok npm oauth')
