// The exchange of an OAuth 1.0 pair as the platform's own Node sample has it; only host and credentials are filled in.

import axios from 'axios'
import { app, demand, platform, variant } from './common.mjs'

const pair = platform.oauth1[Number(variant)]
const HOST = platform.api_url
const [CLIENT_ID, CLIENT_SECRET] = [app.client_id, app.client_secret]
const [CUSTOMER_OAUTH1_CONSUMER_KEY, CUSTOMER_OAUTH1_CONSUMER_SECRET] = [pair.consumer_key, pair.consumer_secret]

// Exchange existing OAuth 1.0 credentials for OAuth 2.0 tokens
const tokenResponse = await axios.post(
  HOST + '/oauth2/token',
  new URLSearchParams({
    grant_type: 'oauth1_exchange',
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    consumer_key: CUSTOMER_OAUTH1_CONSUMER_KEY,
    consumer_secret: CUSTOMER_OAUTH1_CONSUMER_SECRET
  }),
  {
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded'
    }
  }
)

const { access_token, refresh_token } = tokenResponse.data

// Make API request
const apiResponse = await axios.get(
  HOST + '/api/v1/locations',
  {
    headers: {
      'Authorization': `Bearer ${access_token}`
    }
  }
)

// Beyond the sample.
demand(apiResponse.status === 200, 'the call failed')
const refreshed = await axios.post(HOST + '/oauth2/token', new URLSearchParams({
  grant_type: 'refresh_token', refresh_token, client_id: CLIENT_ID, client_secret: CLIENT_SECRET,
}))
demand(refreshed.data.refresh_token !== refresh_token, 'the refresh token did not change')
console.log('ok node exchange')
