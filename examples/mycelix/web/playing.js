// @ts-check
// Who listens on this page, and playing a song: it is recorded, and whoever looks sees it arrive. Which listener it is stays in the
// browser; there is no sign-in.

import { byId, h } from '/kit/dom.js'
import { fetchJson } from '/kit/fetch-json.js'

/**
 * @typedef {object} Playing
 * @property {() => Promise<readonly string[]>} listeners Those to choose from.
 * @property {() => Promise<string | undefined>} listener Who listens; undefined: there is nobody.
 * @property {(address: string) => void} choose
 * @property {(song: { song_id: number, title: string, strategy?: string }) => HTMLButtonElement} button
 */

const kept = 'mycelix-listener'
const toastMs = 4_000
/** A demonstration's price, in FLOW: only where each play is paid for. */
const price = '0.01'
const seconds = 180

/**
 * @param {{ onPlayed: () => void }} options
 * @returns {Playing}
 */
export function createPlaying({ onPlayed }) {
  /** @type {Promise<readonly string[]> | undefined} */
  let known
  const listeners = () => {
    known ??= fetchJson('/listeners?limit=10').then(({ listeners: found }) => {
      const chosen = localStorage.getItem(kept)
      return chosen === null || found.includes(chosen) ? found : [chosen, ...found]
    })
    // The next one asks again.
    known.catch(() => (known = undefined))
    return known
  }
  const listener = async () => localStorage.getItem(kept) ?? (await listeners())[0]

  /** @param {{ song_id: number, title: string, strategy?: string }} song */
  const play = async ({ song_id, title, strategy }) => {
    const address = await listener()
    if (address === undefined) throw new Error('There is nobody who could listen.')
    const amount = strategy === 'pay-per-stream' ? price : '0'
    const body = { song_id, listener_address: address, duration_s: seconds, amount }
    await fetchJson('/plays', { method: 'POST', body }).catch((error) => {
      // Chosen once, and gone since.
      if (error.status === 404) localStorage.removeItem(kept)
      throw error
    })
    tell(`Played “${title}”`)
    onPlayed()
  }
  return {
    listeners,
    listener,
    choose: (address) => localStorage.setItem(kept, address),
    button: (song) => {
      const button = h('button', { type: 'button', class: 'play', 'aria-label': `Play ${song.title}`, title: 'Play' })
      const playThis = async () => {
        button.disabled = true
        try {
          await play(song)
        } catch (error) {
          tell(error instanceof Error ? error.message : String(error), 'bad')
        } finally {
          button.disabled = false
        }
      }
      button.addEventListener('click', () => void playThis())
      return button
    },
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiding

/** @param {string} text @param {'bad'} [tone] */
function tell(text, tone) {
  const toast = byId('toast')
  toast.textContent = text
  toast.dataset['tone'] = tone ?? ''
  toast.hidden = false
  clearTimeout(hiding)
  hiding = setTimeout(() => (toast.hidden = true), toastMs)
}
