// What every story needs: the demo's description, one browser window that holds each page against PAGES, sign-in, and the
// counting of checks. Usage of a story: node STORY.mjs DESCRIPTION SCREENSHOTS-DIRECTORY script|no-script
//
// Each check prints `ok NAME` or `FAIL NAME: why`. A story stops at its first failure.

import { mkdirSync, readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

// ---- Limits of PAGES ------------------------------------------------------------------------------------------------

const MOST_BYTES = 50_000
/** Milliseconds after which a story that hangs fails: it measures nothing, and no machine is as slow. */
const PATIENCE = 180_000
export const PHONE = { width: 360, height: 780 }
export const DESKTOP = { width: 1280, height: 900 }

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

// ---- Words that several stories look for ----------------------------------------------------------------------------

export const SAYS = {
  signIn: /^sign in$/i,
  allow: /^allow$/i,
  deny: /^deny$/i,
  loadData: /^load data$/i,
  refreshNow: /^refresh now$/i,
  brokenLink: /nothing was shared/i,
}

export const description = JSON.parse(readFileSync(process.argv[2], 'utf8'))
export const hub = description.hub
const shots = process.argv[3]
const javaScriptEnabled = process.argv[4] === 'script'
export const mode = javaScriptEnabled ? 'script, desktop' : 'no script, phone'

let failed = 0
export const ok = (name) => console.log(`ok ${name}`)
export const fail = (name, why) => {
  failed += 1
  console.log(`FAIL ${name}: ${String(why).split('\n')[0]}`)
}

export const escape = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** A demo's platform with what a story asks of it. */
export function platformOf(key) {
  const platform = description.platforms[key]
  const person = (role) => platform.people.find((one) => one.role === role)
  const customer = (id) => platform.customers.find((one) => one.id === id)
  return { ...platform, key, person, customer }
}

/** One browser window with what it complained about. */
export class Window {
  constructor(name, page) {
    this.name = name
    this.page = page
    this.complaints = []
    // What the document that was asked for last has cost, and what is still on its way: what comes late of the one before it
    // counts for that one.
    this.cost = { bytes: 0, coming: [] }
    const costs = new WeakMap()
    page.on('console', (message) => {
      if (/content security policy|refused to/i.test(message.text())) this.complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('request', (request) => {
      if (request.isNavigationRequest()) this.cost = { bytes: 0, coming: [] }
      costs.set(request, this.cost)
      const { hostname, protocol } = new URL(request.url())
      const ours = ['localhost', '127.0.0.1'].includes(hostname) || protocol === 'data:'
      if (!ours) this.complaints.push(`loads from elsewhere: ${request.url()}`)
    })
    page.on('response', (response) => {
      const cost = costs.get(response.request()) ?? this.cost
      const body = response.body().catch(() => Buffer.alloc(0))
      cost.coming.push(body.then((bytes) => { cost.bytes += bytes.length }))
    })
  }

  /** The form's button, or the link, that says so; `within` a part of the page. */
  says(words, within) {
    const place = within ? this.page.locator(within) : this.page
    return place.getByRole('button', { name: words }).or(place.getByRole('link', { name: words })).first()
  }

  async press(words, within) {
    // Asked before the click: the page that is there is loaded and quiet, and says nothing of the one that comes.
    const arrived = this.page.waitForNavigation({ waitUntil: 'networkidle' })
    await Promise.all([arrived, this.says(words, within).click()])
  }

  async open(url) {
    const reply = await this.page.goto(url, { waitUntil: 'networkidle' })
    return reply.status()
  }

  async text(within = 'body') {
    return (await this.page.locator(within).first().innerText()).replaceAll(/\s+/g, ' ')
  }

  async expects(words, within) {
    const text = await this.text(within)
    if (!words.test(text)) throw new Error(`the page ${this.page.url()} does not say ${words}: ${text.slice(0, 300)}`)
  }

  async signIn(who, password = who.password) {
    await this.page.locator('input[type=email], input[name=email], input[type=text]').first().fill(who.email)
    await this.page.locator('input[type=password]').first().fill(password)
    await this.press(SAYS.signIn)
  }

  /** Opens what is folded under these words. */
  async unfold(words, within) {
    await this.page.locator(`${within} summary`, { hasText: words }).first().click()
  }

  /** Signs in where the page asks for it: somebody may be in already. */
  async signInIfAsked(who) {
    if ((await this.page.locator('input[type=password]').count()) > 0) await this.signIn(who)
  }

  /** Back at the dashboard, by a redirect that left the code behind. */
  isBack() {
    const url = this.page.url()
    if (!url.startsWith(hub)) throw new Error(`ends at ${url}`)
    if (/[?&](code|state)=/.test(url)) throw new Error('the code stays in the address')
  }

  /** Holds the page against PAGES at both widths, light and dark, and leaves a picture of each. */
  async look(state) {
    const size = this.page.viewportSize()
    const problems = [...this.complaints]
    this.complaints.length = 0
    await Promise.all(this.cost.coming)
    if (this.cost.bytes > MOST_BYTES) problems.push(`${this.cost.bytes} bytes`)
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

  /** One step of a story. */
  async step(name, act) {
    try {
      await act()
      ok(`${this.name}: ${name}`)
    } catch (error) {
      const file = `failed-${`${this.name}-${name}`.replaceAll(/\W+/g, '-')}.png`
      await this.page.screenshot({ path: `${shots}/${file}`, fullPage: true }).catch(() => {})
      throw new Error(`${name}: ${error.message}`)
    }
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

/** Plays stories, each in a browser of its own, and ends the program. */
export async function play(title, ...stories) {
  mkdirSync(shots, { recursive: true })
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: FLAGS })
  for (const [part, story] of stories) {
    const name = [title, part, mode].filter(Boolean).join(', ')
    const context = await browser.newContext({ javaScriptEnabled, viewport: javaScriptEnabled ? DESKTOP : PHONE })
    context.setDefaultTimeout(PATIENCE)
    try {
      await story(new Window(name, await context.newPage()))
    } catch (error) {
      fail(name, error.message)
    }
    await context.close()
  }
  await browser.close()
  process.exit(failed === 0 ? 0 : 1)
}
