// The way out of OAuth 1.0: one button moves the pairs that the page is filled with, the page counts, each customer's data
// are there at once, and the secrets can be erased. Usage: see window.mjs.

import { SAYS as COMMON, escape, hub, platformOf, play } from './window.mjs'

const SAYS = {
  ...COMMON,
  migrate: /^migrate customers from oauth 1\.0$/i,
  start: /^start$/i,
  finished: /finished · (\d+) of \1 answered/i,
  scheme: /by oauth 2\.0/i,
  leads: /leads/i,
  erase: /^erase secrets of moved pairs$/i,
  erased: /consumer secrets are erased/i,
}
const CARD = '#tripleseat'

const platform = platformOf('tripleseat')
const pairs = platform.oauth1

async function story(window) {
  await window.step('the card leads to the page, which is filled in', async () => {
    await window.open(hub)
    await window.press(SAYS.migrate)
    const list = await window.page.locator('textarea').inputValue()
    for (const pair of pairs) if (!list.includes(pair.consumer_key)) throw new Error(`no ${pair.consumer_key}`)
    await window.look('migrate-new')
  })
  await window.step('Start moves every pair while the page counts', async () => {
    await window.press(SAYS.start)
    // The page asks for itself again until then.
    await window.page.locator('body').filter({ hasText: SAYS.finished }).waitFor()
    await window.expects(SAYS.finished)
    await window.expects(new RegExp(`moved ${pairs.length} refused 0 waiting 0`, 'i'))
    await window.look('migrate-done')
  })
  await window.step('a moved customer is a connection with data', async () => {
    const name = platform.customer(pairs[0].customer).name
    await window.press(new RegExp(`^${escape(name)}$`))
    await window.press(SAYS.loadData, CARD)
    await window.expects(SAYS.leads, CARD)
    await window.expects(SAYS.scheme, CARD)
    await window.look('migrate-customer')
  })
  await window.step('secrets of moved pairs are erased', async () => {
    await window.open(`${hub}/migrate/tripleseat`)
    await window.press(SAYS.erase)
    await window.expects(SAYS.erased)
    await window.look('migrate-erased')
  })
}

await play('migrate', ['', story])
