// A look at servers, as `pgstrata top` takes it, keeps no more than it shows.

import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { seededRandom } from '../../src/base/random.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { createLook } from '../../src/watch/index.ts'
import type { ServerProbe } from '../../src/watch/model/server-probe.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { seed } from '../support/property.ts'
import { waitUntil } from '../support/wait.ts'

const nothing = { planMs: 0, rows: 0, blocksHit: 0, blocksRead: 0, tempBlocks: 0, ioMs: 0, walBytes: 0 }

describeOnEachVersion('a look at a server', (_version, database) => {
  test('keeps the newest texts of statements, and of each as much as a page shows', async () => {
    let asked = 0
    const probe: ServerProbe = {
      name: 'statements',
      question: 'What is run?',
      everyMs: 1_000,
      limitMs: 1_000,
      of: 'each',
      metrics: [],
      unavailable: () => undefined,
      read: () => {
        asked++
        const queryids = Array.from({ length: 12_000 }, (_, index) => String(index + 1))
        return Promise.resolve({
          points: [],
          statements: queryids.map((queryid) => ({ ...nothing, queryid, calls: 1, execMs: 1 })),
          texts: queryids.map((queryid) => ({ queryid, text: `select ${queryid} ${'x'.repeat(1_000)}` })),
        })
      },
    }
    const look = createLook({
      nodes: [{ name: 'primary', open: () => openDb({ url: database().url, max: 1 }) }],
      probes: [probe],
      everyMs: 1_000,
      clock: systemClock,
      random: seededRandom(seed),
      logger: silentLogger,
    })
    onTestFinished(() => look.stop())
    look.start()
    await waitUntil(() => asked > 1 && look.statements('primary').length > 0, { what: 'a second reading' })
    const texts = look.statements('primary').flatMap(({ text }) => text ?? [])
    expect(texts).toHaveLength(10_000)
    expect(Math.max(...texts.map(({ length }) => length))).toBe(500)
    expect(look.statements('primary').at(-1)?.text).toMatch(/^select 12000 x/)
  })
})
