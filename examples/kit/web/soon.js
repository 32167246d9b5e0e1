// @ts-check

/**
 * Many calls, one piece of work: at once, then at most once in `everyMs`, and once more after the last call.
 * @param {() => unknown} work
 * @param {number} [everyMs]
 * @returns {(() => void) & { cancel(): void }}
 */
export function createSoon(work, everyMs = 500) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let isAsked = false
  const run = () => {
    isAsked = false
    timer = setTimeout(() => {
      timer = undefined
      if (isAsked) run()
    }, everyMs)
    void work()
  }
  const ask = () => {
    isAsked = true
    if (timer === undefined) run()
  }
  return Object.assign(ask, { cancel: () => clearTimeout(timer) })
}
