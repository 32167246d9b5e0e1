// @ts-check
// Who one is: a wallet that has signed a nonce of the service. The service keeps nothing here but a cookie that scripts cannot read.
//
// The wallet is the browser's (window.ethereum), or one of the demonstration's, whose keys everybody knows and for which the service signs.

import { fetchJson, orNothing } from '/kit/fetch-json.js'

/**
 * @typedef {{ address: string, isModerator: boolean }} Account
 * @typedef {{ address: string, name: string, is_moderator: boolean }} DemoWallet
 * @typedef {(message: string) => Promise<string>} Sign
 * @typedef {{ request(asked: { method: string, params?: unknown[] }): Promise<any> }} Provider
 */

/** @returns {Promise<Account | undefined>} undefined: nobody has signed in */
export async function findAccount() {
  const found = await orNothing(fetchJson('/auth/session'), 401)
  return found === undefined ? undefined : { address: found.address, isModerator: found.is_moderator === true }
}

/** @param {AbortSignal} signal @returns {Promise<readonly DemoWallet[]>} none: this is no demonstration */
export async function findDemoWallets(signal) {
  return (await orNothing(fetchJson('/demo/wallets', { signal })))?.wallets ?? []
}

/** @returns {Provider | undefined} */
export function findProvider() {
  return /** @type {{ ethereum?: Provider }} */ (/** @type {unknown} */ (globalThis)).ethereum
}

/** @param {string} address @param {Sign} sign @returns {Promise<Account | undefined>} */
async function signIn(address, sign) {
  const { nonce, message } = await fetchJson('/auth/nonce', { method: 'POST', body: { address } })
  const signature = await sign(message)
  await fetchJson('/auth/verify', { method: 'POST', body: { address, nonce, signature } })
  return await findAccount()
}

/** @param {string} address */
export async function signInByDemo(address) {
  return await signIn(address, async (message) => {
    return (await fetchJson('/demo/sign', { method: 'POST', body: { address, message } })).signature
  })
}

/** @param {Provider} provider */
export async function signInByProvider(provider) {
  const [address] = /** @type {string[]} */ (await provider.request({ method: 'eth_requestAccounts' }))
  if (address === undefined) throw new Error('The wallet gave no account.')
  return await signIn(address.toLowerCase(), (message) => {
    return provider.request({ method: 'personal_sign', params: [hexOf(message), address] })
  })
}

/** Of a sign-in that has ended by itself there is nothing to end. */
export async function signOut() {
  await orNothing(fetchJson('/auth/logout', { method: 'POST' }), 401)
}

/** @param {string} text */
function hexOf(text) {
  const bytes = new TextEncoder().encode(text)
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
