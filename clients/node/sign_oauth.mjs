// npm's oauth signs the requests of standard input, one JSON object a line: {"base", "signature"} or {"refused"} for each.

import { createInterface } from 'node:readline'
import { parse } from 'node:querystring'
import oauth from 'oauth'

let base = ''
const create = oauth.OAuth.prototype._createSignature
oauth.OAuth.prototype._createSignature = function (text, secret) {
  base = text
  return create.call(this, text, secret)
}

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line)
  const client = new oauth.OAuth(null, null, ask.consumer_key, ask.consumer_secret, '1.0', null, ask.signature_method)
  client._getNonce = () => ask.nonce
  client._getTimestamp = () => ask.timestamp
  try {
    // A form body is given to it as an object; only then it signs it.
    const body = ask.body ? { ...parse(ask.body) } : undefined
    const all = client._prepareParameters(ask.token, ask.token_secret ?? '', ask.method, ask.url, body)
    console.log(JSON.stringify({ base, signature: all.at(-1)[1] }))
  } catch (why) {
    console.log(JSON.stringify({ refused: String(why) }))
  }
}
