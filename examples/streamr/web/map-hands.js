// @ts-check
// How the map is moved: by dragging, by arrow keys, by a double click, by buttons.

import { h } from '/kit/dom.js'

/** @typedef {import('./map-camera.js').MapView} MapView */

/**
 * @param {SVGSVGElement} svg
 * @param {import('./map-camera.js').Camera} camera
 */
export function follow(svg, { view, zoom, move, go }) {
  /** @type {{ x: number, y: number, from: MapView } | undefined} */
  let drag
  svg.addEventListener('pointerdown', ({ clientX, clientY, button, pointerId }) => {
    if (button !== 0) return
    drag = { x: clientX, y: clientY, from: view() }
    // A press on a mark stays one.
    if (document.elementFromPoint(clientX, clientY)?.closest('.map-mark') === null) svg.setPointerCapture(pointerId)
  })
  svg.addEventListener('pointermove', ({ clientX, clientY }) => {
    if (drag === undefined) return
    const { x, y, from } = drag
    const scale = from.width / svg.clientWidth
    move({ width: from.width, x: from.x - (clientX - x) * scale, y: from.y - (clientY - y) * scale })
  })
  for (const end of /** @type {const} */ (['pointerup', 'pointercancel', 'lostpointercapture']))
    svg.addEventListener(end, () => {
      drag = undefined
    })
  svg.addEventListener('dblclick', ({ clientX, clientY }) => {
    const { left, top } = svg.getBoundingClientRect()
    const { x, y, width } = view()
    const scale = width / svg.clientWidth
    zoom(0.5, {
      x: x + (clientX - left - svg.clientWidth / 2) * scale,
      y: y + (clientY - top - svg.clientHeight / 2) * scale,
    })
  })
  svg.addEventListener('keydown', (event) => {
    const { x, y, width } = view()
    const step = width / 8
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => go({ x: x - step, y, width }),
      ArrowRight: () => go({ x: x + step, y, width }),
      ArrowUp: () => go({ x, y: y - step, width }),
      ArrowDown: () => go({ x, y: y + step, width }),
      '+': () => zoom(0.5),
      '=': () => zoom(0.5),
      '-': () => zoom(2),
    }
    const act = keys[event.key]
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  })
}

/** @param {{ zoom: (factor: number) => void, onFit: () => void, onWorld: () => void }} options */
export function createControls({ zoom, onFit, onWorld }) {
  /** @param {string} text @param {string} label @param {() => void} click */
  const button = (text, label, click) =>
    h('button', { class: 'button map-button', type: 'button', 'aria-label': label, title: label, on: { click } }, text)
  return h(
    'div',
    { class: 'map-controls' },
    button('+', 'Closer', () => zoom(0.5)),
    button('−', 'Farther', () => zoom(2)),
    button('Friends', 'Show all nodes of friends', onFit),
    button('World', 'Show the whole world', onWorld),
  )
}
