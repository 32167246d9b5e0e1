// A progress bar on standard error: on a terminal one line that is drawn again, elsewhere one line for each tenth.
//
// Promises: `add` may be called for every row; it draws at most ten times a second. `finish` leaves one line that says how much,
// in what time and how fast. What is written never goes to standard output, which is for results.

export interface ProgressStream {
  write(text: string): unknown
  /** It is a terminal. */
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface ProgressOptions {
  /** What is being done: 'Plays'. */
  readonly label: string
  readonly total: number
  /** What is counted: 'plays'. Default: nothing. */
  readonly unit?: string
  /** Default: standard error. */
  readonly stream?: ProgressStream
  /** Milliseconds. Default: the clock of the process. */
  readonly now?: () => number
}

export interface Progress {
  add(count?: number): void
  /** How much is done altogether. */
  set(done: number): void
  finish(): void
}

/** What a bar is of. */
export interface ProgressPart {
  readonly label: string
  readonly total: number
  readonly unit: string
}

/** Makes the bar of a part of the work. */
export type MakeBar = (part: ProgressPart) => Progress

/** Shows nothing. */
export const silent: Progress = { add: () => undefined, set: () => undefined, finish: () => undefined }

const everyMs = 100
const cells = 24

export function createProgress(options: ProgressOptions): Progress {
  const { label, total, unit = '', stream = process.stderr, now = () => performance.now() } = options
  const isTerminal = stream.isTTY === true
  const beganMs = now()
  let done = 0
  let drawnMs = -Infinity
  let lastTenth = 0
  let isFinished = false
  const show = (): void => {
    const line = describe({ label, unit, done, total, tookMs: now() - beganMs })
    if (isTerminal) stream.write(`\r\u001B[2K${cut(line, stream.columns)}`)
    else stream.write(`${line}\n`)
  }
  const look = (): void => {
    if (isFinished) return
    if (!isTerminal) {
      const tenth = Math.min(9, Math.floor((done / Math.max(1, total)) * 10))
      if (tenth <= lastTenth) return
      lastTenth = tenth
      return show()
    }
    const nowMs = now()
    if (nowMs - drawnMs < everyMs) return
    drawnMs = nowMs
    show()
  }
  if (isTerminal) look()
  return {
    add: (count = 1) => {
      done += count
      look()
    },
    set: (count) => {
      done = count
      look()
    },
    finish: () => {
      if (isFinished) return
      isFinished = true
      const tookMs = now() - beganMs
      const rate = tookMs > 0 ? ` (${formatRate(done, tookMs)})` : ''
      const counted = `${done.toLocaleString('en-US')}${unit === '' ? '' : ` ${unit}`}`
      stream.write(`${isTerminal ? '\r\u001B[2K' : ''}  ${label}: ${counted} in ${formatDuration(tookMs)}${rate}\n`)
    },
  }
}

interface State {
  readonly label: string
  readonly unit: string
  readonly done: number
  readonly total: number
  readonly tookMs: number
}

function describe({ label, unit, done, total, tookMs }: State): string {
  const share = Math.min(1, done / Math.max(1, total))
  const filled = Math.round(share * cells)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(cells - filled)}`
  const counted = `${formatCount(done)} of ${formatCount(total)}${unit === '' ? '' : ` ${unit}`}`
  const parts = [`  ${label} ${bar} ${Math.floor(share * 100)} %`, counted]
  if (done > 0 && tookMs > 0) {
    const leftMs = (tookMs / done) * Math.max(0, total - done)
    parts.push(formatRate(done, tookMs), `${formatDuration(leftMs)} left`)
  }
  return parts.join('  ')
}

/** A line that wraps could not be drawn again. */
function cut(line: string, columns: number | undefined): string {
  return columns === undefined || line.length < columns ? line : line.slice(0, Math.max(0, columns - 1))
}

function formatRate(done: number, tookMs: number): string {
  return `${formatCount((done / tookMs) * 1000)}/s`
}

function formatCount(count: number): string {
  if (count >= 999_500) return `${Number((count / 1_000_000).toPrecision(3))} M`
  if (count >= 1_000) return `${Number((count / 1_000).toPrecision(3))} k`
  return String(Math.round(count))
}

function formatDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000)
  if (durationMs < 10_000) return `${(durationMs / 1000).toFixed(1)} s`
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${(seconds / 3600).toFixed(1)} h`
}
