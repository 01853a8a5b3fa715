// What the Node clients share: the description, and the person.

import { execFileSync } from 'node:child_process'
import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'

globalThis.crypto ??= webcrypto // Debian's Node 18 does not yet show it

export const platform = JSON.parse(readFileSync(process.argv[2], 'utf8')).platforms[process.argv[3]]
export const variant = process.argv[4]
export const app = platform.apps[0]
export const redirectUri = app.redirect_uris[0]
export const admin = platform.people.find((person) => person.role === 'customer_admin')

export function url(path) {
  const found = platform.paths[path]
  if (found.startsWith('http')) return found
  return (path === 'authorize' ? platform.login_url : platform.api_url) + found
}

/** Signs in, presses Allow, and gives the callback URL. */
export function walk(authorize) {
  const words = [process.env.CAUSEWAY_WALK, String(authorize), redirectUri, admin.email, admin.password]
  return new URL(execFileSync('python3', words, { encoding: 'utf8' }).trim())
}

export function demand(holds, otherwise) {
  if (!holds) throw new Error(otherwise)
}
