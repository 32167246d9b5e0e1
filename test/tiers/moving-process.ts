// A mover as a process of its own, for tests that kill it: it moves partitions here and there as the job and a person do it, without
// an end. Tells of each commit, and of the one at which it is to be killed; there it stands still, or goes on until it is hit.
//   fork('test/tiers/moving-process.ts', [JSON.stringify(call)], { execArgv: ['--import', typescript] })

import { systemClock } from '../../src/base/clock.ts'
import { messageOf } from '../../src/base/errors.ts'
import { seededRandom } from '../../src/base/random.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { LadderOptions } from '../../src/plan/index.ts'
import type { ArchiveSettings } from '../../src/tiers/archive-settings.ts'
import { openArchiving } from '../../src/tiers/archiving.ts'
import type { TieredTable } from '../../src/tiers/model/options.ts'
import { askFor } from '../../src/tiers/model/record.ts'
import { isResting, type State } from '../../src/tiers/model/states.ts'
import { abortPartition, runMoves } from '../../src/tiers/move/movers.ts'
import type { MoveTools } from '../../src/tiers/move/run.ts'
import { chooseMove, readLife, wakeAll } from './life-moves.ts'

export interface MovingCall {
  readonly url: string
  readonly table: TieredTable
  readonly archive: ArchiveSettings
  readonly ladder: LadderOptions
  /** Partitions that nobody writes to: what is begun with them comes to its end. */
  readonly quiet: readonly string[]
  readonly seed: number
  /** It is to be killed when a commit led to this state, or at the commit of that number, whichever comes first. */
  readonly state: State | undefined
  readonly at: number
  /** It goes no step further there. */
  readonly stands: boolean
}

export type MovingNews =
  | { readonly kind: 'commit'; readonly state: string; readonly isTheOne: boolean }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'failed'; readonly text: string }

const call = JSON.parse(process.argv[2] ?? '{}') as MovingCall
const tell = (news: MovingNews): void => void process.send?.(news)

/** Whoever started it is gone. */
process.once('disconnect', () => process.exit(0))

const { table, archive, ladder } = call
const db = openDb({ url: call.url, max: 4 })
const random = seededRandom(call.seed)
let commits = 0
let isOver = false

const tools: MoveTools = {
  db,
  ladder,
  clock: systemClock,
  random,
  archivingOf: openArchiving(archive).of,
  onCommit: (state) => {
    commits++
    const isTheOne = !isOver && (commits === call.at || state === call.state)
    isOver ||= isTheOne
    tell({ kind: 'commit', state, isTheOne })
    return isTheOne && call.stands ? new Promise<void>(() => undefined) : undefined
  },
}

/** Of what is under way a part is taken back; of all others one is moved on, and what is on its way to the archive before others. */
async function moveOn(): Promise<void> {
  const life = await readLife(db)
  const underWay = life.find(({ state }) => !isResting(state) && state !== 'archived')
  const archived = random() < 0.8 ? life.find(({ state }) => state === 'archived' || state === 'cold') : undefined
  const offered = random() < 0.6 ? life.filter(({ name }) => call.quiet.includes(name)) : life
  const one = underWay ?? archived ?? offered[Math.floor(random() * offered.length)]
  const move = one === undefined ? undefined : chooseMove(one.state, random)
  const isTakenBack = underWay !== undefined && underWay.state !== 'dropping' && random() < 0.1
  if (one !== undefined && (move === 'abort' || isTakenBack)) {
    await abortPartition(tools, { table, partition: one.name })
  } else {
    if (one !== undefined && move !== undefined && move !== 'abort') await askFor(db, one.id, { move, by: 'person' })
    const { warnings } = await runMoves([table], tools)
    for (const text of warnings) tell({ kind: 'warning', text })
  }
  await wakeAll(db)
}

try {
  for (;;) await moveOn()
} catch (error) {
  tell({ kind: 'failed', text: error instanceof Error ? (error.stack ?? messageOf(error)) : String(error) })
  process.exitCode = 1
}
