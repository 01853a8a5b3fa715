// Otesse's story: a team member connects what that member may see, by JSON; the refresh token has a known end; the platform
// is told of the end. Usage: see window.mjs.

import { SAYS as COMMON, hub, platformOf, play } from './window.mjs'

const SAYS = {
  ...COMMON,
  connect: /^connect to otesse/i,
  connected: /otesse is connected/i,
  bookings: /bookings/i,
  customers: /customers/i,
  ends: /ends in (29|30) days/i,
  refreshed: /a new access token: .* refresh token #\w+ stays/i,
  disconnect: /^disconnect otesse$/i,
  told: /the platform ended the authorization/i,
  denied: /you chose deny\. nothing was shared/i,
}
const CARD = '#otesse'

const platform = platformOf('otesse')
const jonas = platform.people.find((person) => person.email.startsWith('jonas@'))

async function story(window) {
  await window.step('a team member signs in and reads what is asked', async () => {
    await window.open(hub)
    await window.press(SAYS.connect)
    await window.signInIfAsked(jonas)
    await window.says(SAYS.deny).waitFor()
    await window.look('otesse-consent')
  })
  await window.step('Allow connects what the member may see', async () => {
    await window.press(SAYS.allow)
    window.isBack()
    await window.expects(SAYS.connected, CARD)
    for (const words of [SAYS.bookings, SAYS.customers, SAYS.ends, /jonas/i]) await window.expects(words, CARD)
    if (/elif/i.test(await window.text(`${CARD} .data`))) throw new Error("a colleague's bookings are shown")
    await window.look('otesse-connected')
  })
  await window.step('the refresh token stays when the access token is renewed', async () => {
    await window.press(SAYS.refreshNow, CARD)
    await window.expects(SAYS.refreshed, CARD)
    await window.press(SAYS.loadData, CARD)
    await window.expects(SAYS.bookings, CARD)
  })
  await window.step('Disconnect ends it on both sides', async () => {
    await window.unfold('Disconnect…', CARD)
    await window.press(SAYS.disconnect, CARD)
    await window.expects(SAYS.told, CARD)
    await window.look('otesse-disconnected')
  })
}

async function denial(window) {
  await window.step('Deny leads back, readably', async () => {
    await window.open(hub)
    await window.press(SAYS.connect)
    await window.signInIfAsked(jonas)
    await window.press(SAYS.deny)
    await window.expects(SAYS.denied)
    await window.look('otesse-denied')
  })
}

await play('otesse', ['denial', denial], ['', story])
