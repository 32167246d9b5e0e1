import { Option, type Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { isStrataError } from '../../base/errors.ts'
import { parseDurationMs } from '../../base/units.ts'
import { describeTarget } from '../../db/db.ts'
import { readServerFacts } from '../../db/server-facts.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import type { Strata } from '../../strata.ts'
import type { Look } from '../../watch/index.ts'
import { paint, type CliContext } from '../context.ts'
import { withStrata } from '../open.ts'
import type { Run } from '../run.ts'
import { topModel } from '../top-model.ts'
import { renderTop, type TopModel } from '../top-view.ts'

/** Where nothing is a terminal. */
const plainScreen = { columns: 160, rows: 200 }
const fewestMs = 1_000

export function addTop(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('top')
    .description('what the servers are at: load by wait, statements, connections, lag; until q or Ctrl-C')
    .addOption(new Option('--every <duration>', 'how often the page is drawn').default('2s'))
    .addOption(new Option('--once', 'one page, and the end; so it is where standard output is no terminal'))
    .addHelpText(
      'after',
      '\nWhat is shown was counted since the page before, load is the mean of the last minute.\nWith --json: one document a line, or one with --once.\n',
    )
  run(command, (options) =>
    withStrata(context, options, async (strata) => {
      const everyMs = Math.max(fewestMs, parseDurationMs(String(options['every'])))
      const isOnce = options['once'] === true || (options.json !== true && context.screen() === undefined)
      const facts = await strata.db.withSession(readServerFacts)
      const head = { target: describeTarget(strata.db.target), version: facts.version }
      const look = strata.look({ everyMs })
      look.start()
      const page = new Page(context, options.json === true)
      try {
        await untilMeasured(look, page.stopping(context.signal))
        do {
          await wait(everyMs, page.stopping(context.signal))
          if (page.isStopped || context.signal.aborted) break
          const [nodes, alerts] = await Promise.all([strata.readNodes(), readAlerts(strata)])
          page.show(topModel(look, { ...head, at: new Date(systemClock.now()), nodes, alerts }))
        } while (!isOnce)
      } finally {
        page.end()
        await look.stop()
      }
      return 0
    }),
  )
}

/** The first numbers of what only counts up are known from the second reading on. */
async function untilMeasured(look: Look, signal: AbortSignal): Promise<void> {
  const untilMs = systemClock.monotonic() + 10_000
  const isMeasured = (): boolean =>
    look.latest.series('pgstrata_transactions_total').some((one) => one.perSecond !== undefined)
  while (!isMeasured() && !signal.aborted && systemClock.monotonic() < untilMs) await wait(100, signal)
}

async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  await systemClock.sleep(delayMs, signal).catch(() => undefined)
}

const unkept: ReadonlySet<string> = new Set([sqlstate.undefinedTable, sqlstate.insufficientPrivilege])

/** None where alerts are not kept, or the database is away: the page says so by itself. */
async function readAlerts(strata: Strata): Promise<TopModel['alerts']> {
  try {
    return (await strata.alerts.open()).filter(({ state }) => state === 'firing')
  } catch (error) {
    if (isStrataError(error, 'DATABASE_UNREACHABLE') || isStrataError(error, 'DATABASE_LOST')) return []
    if (isConnectionLost(error) || unkept.has(sqlstateOf(error) ?? '')) return []
    throw error
  }
}

const clearScreen = '\u001B[2J\u001B[H'
const enterPage = '\u001B[?1049h\u001B[?25l'
const leavePage = '\u001B[?25h\u001B[?1049l'

class Page {
  readonly #context: CliContext
  readonly #json: boolean
  readonly #stop = new AbortController()
  readonly #forgetKeys: (() => void) | undefined
  #isEntered = false

  constructor(context: CliContext, json: boolean) {
    this.#context = context
    this.#json = json
    this.#forgetKeys = json ? undefined : context.keys?.((key) => (key === 'q' ? this.#stop.abort() : undefined))
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  stopping(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#stop.signal])
  }

  show(model: TopModel): void {
    const context = this.#context
    if (this.#json) return context.out(`${JSON.stringify(model)}\n`)
    const screen = context.screen()
    const lines = renderTop(model, screen ?? plainScreen, (style, text) => paint(context, style, text))
    if (screen === undefined) return context.out(`${lines.join('\n')}\n`)
    context.out(`${this.#isEntered ? '' : enterPage}${clearScreen}${lines.join('\n')}`)
    this.#isEntered = true
  }

  end(): void {
    this.#forgetKeys?.()
    if (this.#isEntered) this.#context.out(leavePage)
  }
}
