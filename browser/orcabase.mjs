// Orcabase's story: an account is connected without a sign-in and turns Online for its developer; "Manage integrations"
// opens the mini-app signed in, where a provider is connected; then a query is answered with that provider's data.
// Usage: see window.mjs.

import { SAYS as COMMON, escape, hub, platformOf, play } from './window.mjs'

const SAYS = {
  ...COMMON,
  connected: /orcabase is connected for/i,
  data: /orders/i,
  accounts: /accounts$/i,
  register: /^register$/i,
  registered: /is registered\. it can be connected now/i,
  manage: /^manage integrations$/i,
  integrations: /integrations/i,
  connectProvider: /^connect tripleseat$/i,
  providerConnected: /tripleseat is connected/i,
  denied: /you chose deny\. nothing was shared/i,
}
const CARD = '#orcabase'
const REDIRECT = 'http://localhost:3000/callback'

const platform = platformOf('orcabase')
const provider = platformOf('tripleseat')
const app = platform.apps[0]
const account = platform.accounts.find((one) => one.app === app.client_id).account_id
const developer = platform.person('developer')
const admin = provider.person('customer_admin')

/** The row of an account, at the dashboard or at the developer's page. */
const row = (id) => `tr:has-text("${id}")`

async function atDevelopersPage(window, status) {
  await window.open(`${platform.login_url}/developer/apps`)
  await window.signInIfAsked(developer)
  await window.press(new RegExp(`^${escape(app.name)}$`))
  await window.press(SAYS.accounts)
  await window.expects(status, row(account))
}

async function story(window) {
  await window.step('before consent the account is Offline', async () => {
    await atDevelopersPage(window, /offline/i)
  })
  await window.step('consent asks nobody to sign in', async () => {
    await window.open(hub)
    await window.press(/^connect /i, `${CARD} ${row(account)}`)
    if ((await window.page.locator('input[type=password]').count()) > 0) throw new Error('a password is asked for')
    await window.says(SAYS.deny).waitFor()
    await window.look('orcabase-consent')
  })
  await window.step('Allow connects the account', async () => {
    await window.press(SAYS.allow)
    window.isBack()
    await window.expects(SAYS.connected, CARD)
    await window.expects(SAYS.data, CARD)
    await window.look('orcabase-connected')
  })
  await window.step('the developer sees it Online', async () => {
    await atDevelopersPage(window, /online/i)
    await window.look('orcabase-online')
  })
  await window.step('Manage integrations opens the mini-app, signed in', async () => {
    await window.open(`${hub}/?show=orcabase&account=${account}`)
    await window.press(SAYS.manage)
    if (!window.page.url().startsWith(platform.login_url)) throw new Error(`ends at ${window.page.url()}`)
    if (/token=/.test(window.page.url())) throw new Error('the token stays in the address')
    await window.expects(SAYS.integrations)
    await window.expects(new RegExp(account))
    await window.look('orcabase-mini-app')
  })
  await window.step('a provider is connected there', async () => {
    await window.press(SAYS.connectProvider)
    await window.signInIfAsked(admin)
    await window.press(SAYS.allow)
    await window.expects(SAYS.providerConnected)
    await window.look('orcabase-provider')
  })
  await window.step("a query is answered with the provider's data", async () => {
    const answer = await query(window, 'How many leads are there?')
    const source = answer.sources?.find((one) => one.provider === 'tripleseat')
    if (!source || source.error) throw new Error(JSON.stringify(answer).slice(0, 300))
  })
  await window.step('one more account is registered by hand', async () => {
    await window.open(`${hub}/?show=orcabase`)
    await window.unfold('Register accounts…', CARD)
    await window.page.getByLabel('Account ID').fill('story-user')
    await window.page.getByLabel('Name', { exact: true }).fill('A user of the story')
    await window.look('orcabase-register')
    await window.press(SAYS.register, CARD)
    await window.expects(SAYS.registered, CARD)
    await window.look('orcabase-registered')
  })
}

/** A query by a client of its own: its account consents here once more, and the code becomes a token. */
async function query(window, question) {
  const authorize = new URL(platform.paths.authorize, platform.login_url)
  authorize.search = new URLSearchParams({
    client_id: app.client_id, redirect_uri: REDIRECT, response_type: 'code', scope: 'offline_access offline',
    state: 'from-the-story', account_id: account,
  }).toString()
  // Nobody listens where the redirect leads: that it is asked for is enough, in a page of its own.
  const page = await window.page.context().newPage()
  const back = page.waitForRequest((request) => request.url().startsWith(REDIRECT))
  await page.goto(String(authorize), { waitUntil: 'networkidle' })
  await page.getByRole('button', { name: SAYS.allow }).click()
  const code = new URL((await back).url()).searchParams.get('code')
  await page.close()
  const form = new URLSearchParams({
    grant_type: 'authorization_code', code, redirect_uri: REDIRECT, client_id: app.client_id,
    client_secret: app.client_secret,
  })
  const tokens = await (await fetch(new URL(platform.paths.token, platform.api_url), { method: 'POST', body: form })).json()
  if (!tokens.access_token) throw new Error(`no token: ${JSON.stringify(tokens)}`)
  const reply = await fetch(`${platform.api_url}/api/v2/orcabase/api/moby`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ question }),
  })
  return reply.json()
}

async function denial(window) {
  await window.step('Deny leads back, readably', async () => {
    await window.open(hub)
    await window.press(/^connect to orcabase/i)
    await window.press(SAYS.deny)
    await window.expects(SAYS.denied)
    await window.look('orcabase-denied')
  })
}

await play('orcabase', ['denial', denial], ['', story])
