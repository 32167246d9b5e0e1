// @ts-check
// Elements from plain calls. What a child says is text, never markup, so nothing that a server sends can become part of the page's code.

/**
 * @typedef {Node | string | number | false | null | undefined} Child
 * @typedef {Record<string, any> & {
 *   class?: string, style?: Record<string, string | number>, data?: Record<string, string | number>,
 *   on?: Record<string, (event: any) => void>
 * }} Props
 */

/**
 * h('a', { class: 'link', href: '/songs/7', on: { click } }, 'Mycelium')
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag)
  apply(element, props ?? {})
  element.append(...children.filter(isThere).map(nodeOf))
  return element
}

const svgSpace = 'http://www.w3.org/2000/svg'

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function s(tag, props, ...children) {
  const element = document.createElementNS(svgSpace, tag)
  apply(element, props ?? {})
  element.append(...children.filter(isThere).map(nodeOf))
  return element
}

/**
 * Puts children in the place of those that are there.
 * @param {Element} host
 * @param {...Child} children
 */
export function fill(host, ...children) {
  host.replaceChildren(...children.filter(isThere).map(nodeOf))
}

/**
 * The element of the page with that id; that there is none is a mistake of the page.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page: expected an element with the id "${id}", got none`)
  return found
}

/** @param {Child} child @returns {child is Node | string | number} */
function isThere(child) {
  return child !== false && child !== null && child !== undefined
}

/** @param {Node | string | number} child @returns {Node | string} */
function nodeOf(child) {
  return child instanceof Node ? child : String(child)
}

/** @param {HTMLElement | SVGElement} element @param {Props} props */
function apply(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue
    if (name === 'on') {
      for (const [event, listener] of Object.entries(/** @type {NonNullable<Props['on']>} */ (value)))
        element.addEventListener(event, listener)
    } else if (name === 'style') {
      // One by one, which a strict content security policy lets through.
      for (const [property, text] of Object.entries(/** @type {NonNullable<Props['style']>} */ (value)))
        element.style.setProperty(property, String(text))
    } else if (name === 'data') {
      for (const [key, text] of Object.entries(/** @type {NonNullable<Props['data']>} */ (value)))
        element.dataset[key] = String(text)
    } else element.setAttribute(name, value === true ? '' : String(value))
  }
}
