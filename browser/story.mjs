// Tripleseat's story in Chromium: node story.mjs DESCRIPTION SCREENSHOTS-DIRECTORY script|no-script
//
// A partner's dashboard connects a customer, shows its data, refreshes, is cut off by the customer's admin, and connects
// again: with JavaScript on a desktop, or without on a phone.

import { SAYS as COMMON, escape, hub, platformOf, play } from './window.mjs'

// ---- What the pages say: the only place to change when their words do ----------------------------------------------

const SAYS = {
  ...COMMON,
  connect: /^(re)?connect to tripleseat/i,
  wrongPassword: /email or password/i,
  connected: /connected/i,
  showSite: /^show$/i,
  leads: /leads/i,
  events: /events/i,
  disconnect: /^disconnect/i,
  disconnected: /is disconnected/i,
  reconnectNeeded: /reconnect needed/i,
  mayNot: /may not connect|administrator/i,
}
const CARD = '#tripleseat'
const PAIR = '.tokens code' // the pair's fingerprints
const PATHS = { connectedApps: '/settings/oauth-applications' }

const platform = platformOf('tripleseat')
const admin = platform.person('customer_admin')
const customer = platform.customer(admin.customer)
const sites = customer.sites.filter((site) => site.active)

/** What the dashboard shows of the pair: masked, but changing. */
async function pair(window) {
  const shown = await window.page.locator(PAIR).allInnerTexts()
  if (shown.length !== 2) throw new Error(`the dashboard shows ${shown.length} tokens`)
  return shown
}

async function chooseSite(window, site) {
  await window.page.locator('select').first().selectOption({ label: site.name })
  await window.press(SAYS.showSite)
}

async function story(window) {
  await window.step('the dashboard offers the connection', async () => {
    await window.open(hub)
    await window.look('dashboard-empty')
    await window.press(SAYS.connect)
    await window.page.locator('input[type=password]').waitFor()
  })
  await window.step('a wrong password says so without saying which half', async () => {
    await window.look('sign-in')
    await window.signIn(admin, 'wrong')
    await window.expects(SAYS.wrongPassword)
    await window.look('sign-in-wrong')
  })
  await window.step('the admin signs in and reads what is asked', async () => {
    await window.signIn(admin)
    const text = await window.text()
    for (const words of [platform.apps[0].name, customer.name, ...sites.map((site) => site.name)]) {
      if (!text.includes(words)) throw new Error(`consent does not name ${words}`)
    }
    await window.says(SAYS.deny).waitFor()
    await window.look('consent')
  })
  await window.step('Allow leads back to the dashboard', async () => {
    await window.press(SAYS.allow)
    window.isBack()
    await window.expects(SAYS.connected)
    await window.look('dashboard-connected')
  })
  await window.step('a site can be chosen, and its leads and events appear', async () => {
    await chooseSite(window, sites[1])
    if (!SAYS.events.test(await window.text())) await window.press(SAYS.loadData, CARD)
    await window.expects(SAYS.leads)
    await window.expects(SAYS.events)
    await window.expects(new RegExp(escape(sites[1].name)))
    await window.look('dashboard-data')
  })
  await window.step('Refresh now changes the pair', async () => {
    const before = await pair(window)
    await window.press(SAYS.refreshNow, CARD)
    const after = await pair(window)
    if (after[0] === before[0] || after[1] === before[1]) throw new Error(`${before} became ${after}`)
    await window.look('dashboard-refreshed')
  })
  await window.step('the platform lists the connection and cuts it', async () => {
    await window.open(platform.login_url + PATHS.connectedApps)
    await window.signInIfAsked(admin)
    await window.expects(new RegExp(escape(platform.apps[0].name)))
    await window.look('connected-apps')
    await window.press(SAYS.disconnect)
    await window.look('connected-app')
    await window.press(SAYS.disconnect)
    await window.expects(SAYS.disconnected)
    await window.look('connected-apps-empty')
  })
  await window.step('the next call ends in "reconnect needed"', async () => {
    await window.open(hub)
    await window.press(SAYS.loadData, CARD)
    await window.expects(SAYS.reconnectNeeded, CARD)
    await window.look('dashboard-reconnect')
  })
  await window.step('Connect again repairs it', async () => {
    await window.press(SAYS.connect)
    await window.signInIfAsked(admin)
    await window.press(SAYS.allow)
    await window.expects(SAYS.connected)
    if (SAYS.reconnectNeeded.test(await window.text(CARD))) throw new Error('still asks to reconnect')
    await window.look('dashboard-repaired')
  })
}

/** Pages that a person should rarely see. */
async function refusals(window) {
  const authorize = new URL(platform.paths.authorize, platform.login_url)
  const query = { response_type: 'code', client_id: platform.apps[0].client_id, state: 'from-the-story' }
  await window.step('a wrong redirect URI leads nowhere', async () => {
    authorize.search = new URLSearchParams({ ...query, redirect_uri: 'https://evil.example/cb' }).toString()
    const status = await window.open(String(authorize))
    if (status !== 400) throw new Error(`it answers ${status}`)
    await window.expects(SAYS.brokenLink)
    await window.look('refusal')
  })
  await window.step('a member is not offered Allow', async () => {
    authorize.search = new URLSearchParams({ ...query, redirect_uri: platform.apps[0].redirect_uris[0] }).toString()
    await window.open(String(authorize))
    await window.signIn(platform.person('member'))
    await window.expects(SAYS.mayNot)
    if ((await window.says(SAYS.allow).count()) > 0) throw new Error('there is an Allow')
    await window.look('refusal-member')
  })
}

await play('tripleseat', ['refusals', refusals], ['', story])
