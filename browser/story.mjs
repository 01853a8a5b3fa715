// The whole story in Chromium: node story.mjs DESCRIPTION SCREENSHOTS-DIRECTORY script|no-script
//
// A partner's dashboard connects a customer, shows its data, refreshes, is cut off by the customer's admin, and connects
// again: with JavaScript on a desktop, or without on a phone, each on a fresh demo. Prints `ok NAME` or `FAIL NAME: why`.

import { mkdirSync, readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

// ---- What the pages say: the only place to change when their words do ----------------------------------------------

const PLATFORM = 'tripleseat'
const SAYS = {
  connect: /^(re)?connect to/i,
  signIn: /^sign in$/i,
  wrongPassword: /email or password/i,
  allow: /^allow$/i,
  deny: /^deny$/i,
  connected: /connected/i,
  showSite: /^show$/i,
  loadData: /^load data$/i,
  leads: /leads/i,
  events: /events/i,
  refreshNow: /^refresh now$/i,
  disconnect: /^disconnect/i,
  disconnected: /is disconnected/i,
  reconnectNeeded: /reconnect needed/i,
  mayNot: /may not connect|administrator/i,
  brokenLink: /nothing was shared/i,
}
const PAIR = '.tokens code' // the pair's fingerprints
const PATHS = { connectedApps: '/settings/oauth-applications' }

// ---- Limits of PAGES ------------------------------------------------------------------------------------------------

const MOST_BYTES = 50_000
const PHONE = { width: 360, height: 780 }
const DESKTOP = { width: 1280, height: 900 }

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

const description = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const shots = process.argv[3]
const javaScriptEnabled = process.argv[4] === 'script'
const hub = description.hub
const platform = description.platforms[PLATFORM]
const person = (role) => platform.people.find((one) => one.role === role)
const admin = person('customer_admin')
const customer = platform.customers.find((one) => one.id === admin.customer)
const sites = customer.sites.filter((site) => site.active)

let failed = 0
const ok = (name) => console.log(`ok ${name}`)
const fail = (name, why) => {
  failed += 1
  console.log(`FAIL ${name}: ${String(why).split('\n')[0]}`)
}

/** One browser window with what it complained about. */
class Window {
  constructor(name, page) {
    this.name = name
    this.page = page
    this.complaints = []
    this.bytes = 0
    page.on('console', (message) => {
      if (/content security policy|refused to/i.test(message.text())) this.complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('request', (request) => {
      if (request.isNavigationRequest()) this.bytes = 0
      const { hostname, protocol } = new URL(request.url())
      const ours = ['localhost', '127.0.0.1'].includes(hostname) || protocol === 'data:'
      if (!ours) this.complaints.push(`loads from elsewhere: ${request.url()}`)
    })
    page.on('response', async (response) => {
      const body = await response.body().catch(() => Buffer.alloc(0))
      this.bytes += body.length
    })
  }

  /** The form's button, or the link, that says so. */
  says(words) {
    return this.page.getByRole('button', { name: words }).or(this.page.getByRole('link', { name: words })).first()
  }

  async press(words) {
    await Promise.all([this.page.waitForLoadState('load'), this.says(words).click()])
    await this.page.waitForLoadState('networkidle')
  }

  async open(url) {
    const reply = await this.page.goto(url, { waitUntil: 'networkidle' })
    return reply.status()
  }

  async text() {
    return (await this.page.locator('body').innerText()).replaceAll(/\s+/g, ' ')
  }

  async expects(words) {
    const text = await this.text()
    if (!words.test(text)) throw new Error(`the page ${this.page.url()} does not say ${words}: ${text.slice(0, 300)}`)
  }

  /** Holds the page against PAGES at both widths, light and dark, and leaves a picture of each. */
  async look(state) {
    const size = this.page.viewportSize()
    const problems = [...this.complaints]
    this.complaints.length = 0
    if (this.bytes > MOST_BYTES) problems.push(`${this.bytes} bytes`)
    problems.push(...(await this.page.evaluate(unlabelled)))
    for (const [width, viewport] of [['360', PHONE], ['1280', DESKTOP]]) {
      for (const scheme of ['light', 'dark']) {
        await this.page.setViewportSize(viewport)
        await this.page.emulateMedia({ colorScheme: scheme })
        const over = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        if (over > 0) problems.push(`${over} px too wide at ${width}`)
        await this.page.screenshot({ path: `${shots}/${state}-${width}-${scheme}.png`, fullPage: true })
      }
    }
    await this.page.setViewportSize(size)
    await this.page.emulateMedia({ colorScheme: 'light' })
    const name = `${this.name}: ${state}`
    if (problems.length === 0) ok(name)
    else fail(name, problems.join('; '))
  }
}

/** Runs in the page: what a screen reader would miss. */
function unlabelled() {
  const missing = []
  if (!document.documentElement.lang) missing.push('no lang')
  if (document.querySelectorAll('h1').length !== 1) missing.push('not exactly one h1')
  for (const field of document.querySelectorAll('input, select, textarea')) {
    const named = field.labels?.length || field.getAttribute('aria-label') || field.getAttribute('aria-labelledby')
    if (!named && !['hidden', 'submit'].includes(field.type)) missing.push(`no label: ${field.name}`)
  }
  for (const image of document.querySelectorAll('img:not([alt])')) missing.push(`no alt: ${image.src}`)
  return missing
}

async function signIn(window, who, password) {
  await window.page.locator('input[type=email], input[name=email], input[type=text]').first().fill(who.email)
  await window.page.locator('input[type=password]').first().fill(password)
  await window.press(SAYS.signIn)
}

/** What the dashboard shows of the pair: masked, but changing. */
async function pair(window) {
  const shown = await window.page.locator(PAIR).allInnerTexts()
  if (shown.length !== 2) throw new Error(`the dashboard shows ${shown.length} tokens`)
  return shown
}

async function story(window) {
  const step = async (name, act) => {
    try {
      await act()
      ok(`${window.name}: ${name}`)
    } catch (error) {
      await window.page.screenshot({ path: `${shots}/failed-${window.name.replaceAll(/\W+/g, '-')}.png`, fullPage: true })
      throw new Error(`${name}: ${error.message}`)
    }
  }

  await step('the dashboard offers the connection', async () => {
    await window.open(hub)
    await window.look('dashboard-empty')
    await window.press(SAYS.connect)
    await window.page.locator('input[type=password]').waitFor()
  })
  await step('a wrong password says so without saying which half', async () => {
    await window.look('sign-in')
    await signIn(window, admin, 'wrong')
    await window.expects(SAYS.wrongPassword)
    await window.look('sign-in-wrong')
  })
  await step('the admin signs in and reads what is asked', async () => {
    await signIn(window, admin, admin.password)
    const text = await window.text()
    for (const words of [platform.apps[0].name, customer.name, ...sites.map((site) => site.name)]) {
      if (!text.includes(words)) throw new Error(`consent does not name ${words}`)
    }
    await window.says(SAYS.deny).waitFor()
    await window.look('consent')
  })
  await step('Allow leads back to the dashboard', async () => {
    await window.press(SAYS.allow)
    if (!window.page.url().startsWith(hub)) throw new Error(`ends at ${window.page.url()}`)
    if (/[?&](code|state)=/.test(window.page.url())) throw new Error('the code stays in the address')
    await window.expects(SAYS.connected)
    await window.look('dashboard-connected')
  })
  await step('a site can be chosen, and its leads and events appear', async () => {
    await chooseSite(window, sites[1])
    if (!SAYS.events.test(await window.text())) await window.press(SAYS.loadData)
    await window.expects(SAYS.leads)
    await window.expects(SAYS.events)
    await window.expects(new RegExp(escape(sites[1].name)))
    await window.look('dashboard-data')
  })
  await step('Refresh now changes the pair', async () => {
    const before = await pair(window)
    await window.press(SAYS.refreshNow)
    const after = await pair(window)
    if (after[0] === before[0] || after[1] === before[1]) throw new Error(`${before} became ${after}`)
    await window.look('dashboard-refreshed')
  })
  await step('the platform lists the connection and cuts it', async () => {
    await window.open(platform.login_url + PATHS.connectedApps)
    if ((await window.page.locator('input[type=password]').count()) > 0) await signIn(window, admin, admin.password)
    await window.expects(new RegExp(escape(platform.apps[0].name)))
    await window.look('connected-apps')
    await window.press(SAYS.disconnect)
    await window.look('connected-app')
    await window.press(SAYS.disconnect)
    await window.expects(SAYS.disconnected)
    await window.look('connected-apps-empty')
  })
  await step('the next call ends in "reconnect needed"', async () => {
    await window.open(hub)
    await window.press(SAYS.loadData)
    await window.expects(SAYS.reconnectNeeded)
    await window.look('dashboard-reconnect')
  })
  await step('Connect again repairs it', async () => {
    await window.press(SAYS.connect)
    if ((await window.page.locator('input[type=password]').count()) > 0) await signIn(window, admin, admin.password)
    await window.press(SAYS.allow)
    await window.expects(SAYS.connected)
    if (SAYS.reconnectNeeded.test(await window.text())) throw new Error('still asks to reconnect')
    await window.look('dashboard-repaired')
  })
}

const escape = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

async function chooseSite(window, site) {
  await window.page.locator('select').first().selectOption({ label: site.name })
  await window.press(SAYS.showSite)
}

/** Pages that a person should rarely see, each on its own. */
async function refusals(browser) {
  const context = await browser.newContext({ javaScriptEnabled, viewport: DESKTOP })
  const window = new Window(`${name}, refusals`, await context.newPage())
  const authorize = new URL(platform.paths.authorize, platform.login_url)
  const query = { response_type: 'code', client_id: platform.apps[0].client_id, state: 'from-the-story' }
  try {
    authorize.search = new URLSearchParams({ ...query, redirect_uri: 'https://evil.example/cb' }).toString()
    const status = await window.open(String(authorize))
    if (status !== 400) throw new Error(`a wrong redirect URI answers ${status}`)
    await window.expects(SAYS.brokenLink)
    await window.look('refusal')
    authorize.search = new URLSearchParams({ ...query, redirect_uri: platform.apps[0].redirect_uris[0] }).toString()
    await window.open(String(authorize))
    const member = person('member')
    await signIn(window, member, member.password)
    await window.expects(SAYS.mayNot)
    if ((await window.says(SAYS.allow).count()) > 0) throw new Error('a member is offered Allow')
    await window.look('refusal-member')
  } catch (error) {
    fail(`${name}, refusals`, error.message)
  }
  await context.close()
}

mkdirSync(shots, { recursive: true })
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: FLAGS })
const name = javaScriptEnabled ? 'script, desktop' : 'no script, phone'
try {
  await refusals(browser)
  const context = await browser.newContext({ javaScriptEnabled, viewport: javaScriptEnabled ? DESKTOP : PHONE })
  context.setDefaultTimeout(10_000)
  await story(new Window(name, await context.newPage()))
} catch (error) {
  fail(name, error.message)
} finally {
  await browser.close()
}
process.exit(failed === 0 ? 0 : 1)
