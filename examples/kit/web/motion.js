// @ts-check
// Whether things may move, and which colours hold now.

const still = matchMedia('(prefers-reduced-motion: reduce)')
const dark = matchMedia('(prefers-color-scheme: dark)')

/** Who asked their system for less motion gets none; a page in the background needs none. */
export function movesFreely() {
  return !still.matches && !document.hidden
}

/**
 * Called when the page turns light or dark.
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onColours(listener) {
  dark.addEventListener('change', listener)
  return () => dark.removeEventListener('change', listener)
}

/**
 * A colour of the design as a canvas needs it: '--accent' → 'rgb(…)'.
 * @param {HTMLElement} host
 * @param {string} name
 */
export function colourOf(host, name) {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  probe.hidden = true
  host.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}
