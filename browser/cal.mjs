// Cal.com's story: the person chooses a team, and everything after is about that team; replies hold two fields and one;
// the refresh token stays; nobody can be told of the end. Usage: see window.mjs.

import { SAYS as COMMON, hub, platformOf, play } from './window.mjs'

const SAYS = {
  ...COMMON,
  connect: /^connect to cal\.com/i,
  connected: /cal\.com is connected/i,
  test: /^test the connection$/i,
  tested: /the platform says whose it is: bright studio/i,
  refreshed: /a new access token: .* refresh token #\w+ stays/i,
  documents: /ends in \d+ min, by the platform.s documents/i,
  disconnect: /^disconnect cal\.com$/i,
  untold: /this platform cannot be told/i,
  denied: /you chose deny\. nothing was shared/i,
}
const CARD = '#cal'
const TEAM = 'Bright Studio'
const THE_TEAMS = /studio tour/i
const THE_PERSONS = /first consultation/i

const platform = platformOf('cal')
const alba = platform.people.find((person) => person.email.startsWith('alba@'))

async function story(window) {
  await window.step('the person is asked for the own account or a team', async () => {
    await window.open(hub)
    await window.press(SAYS.connect)
    await window.signInIfAsked(alba)
    await window.page.getByLabel(TEAM).check()
    await window.look('cal-consent')
  })
  await window.step('Allow connects the team', async () => {
    await window.press(SAYS.allow)
    window.isBack()
    await window.expects(SAYS.connected, CARD)
    await window.expects(THE_TEAMS, CARD)
    if (THE_PERSONS.test(await window.text(CARD))) throw new Error('the own account is shown as well')
    await window.expects(SAYS.documents, CARD)
    await window.look('cal-connected')
  })
  await window.step('testing the connection says whose it is', async () => {
    await window.press(SAYS.test, CARD)
    await window.expects(SAYS.tested, CARD)
    await window.look('cal-tested')
  })
  await window.step('a refresh renews the access token alone', async () => {
    await window.press(SAYS.refreshNow, CARD)
    await window.expects(SAYS.refreshed, CARD)
    await window.press(SAYS.loadData, CARD)
    await window.expects(THE_TEAMS, CARD)
  })
  await window.step('Disconnect forgets, and says that nobody could be told', async () => {
    await window.unfold('Disconnect…', CARD)
    await window.press(SAYS.disconnect, CARD)
    await window.expects(SAYS.untold, CARD)
    await window.look('cal-disconnected')
  })
}

async function denial(window) {
  await window.step('Deny leads back, readably', async () => {
    await window.open(hub)
    await window.press(SAYS.connect)
    await window.signInIfAsked(alba)
    await window.press(SAYS.deny)
    await window.expects(SAYS.denied)
    await window.look('cal-denied')
  })
}

await play('cal', ['denial', denial], ['', story])
