// Whatever a function gives back or throws, its run ends once, and the history can tell it.

import { expect, test } from 'vitest'
import type { JobOutcome } from '../../src/db/job.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { daemon, install, job, runsOf } from './support.ts'

const circular: Record<string, unknown> = {}
circular['self'] = circular

const outcomes: readonly (readonly [string, unknown, object])[] = [
  ['a text with a NUL', { did: 'a\0b' }, { did: 'a\ufffdb' }],
  ['half a character', { did: 'ok', details: { half: '\ud83d', 'k\0': 'a\0b' } }, { details: { half: '\ufffd' } }],
  [
    'a backslash before what looks like a NUL',
    { did: '', details: { path: '\\u0000' } },
    { details: { path: '\\u0000' } },
  ],
  ['a bigint', { did: 'ok', details: { rows: 12n } }, { details: { rows: '12' } }],
  ['a circle', { did: 'ok', details: circular }, { details: { warnings: [expect.stringMatching(/details/)] } }],
  [
    'details of megabytes',
    { did: 'ok', details: { all: 'x'.repeat(3e6) } },
    { did: 'ok', details: { warnings: [expect.any(String)] } },
  ],
  ['details that are no object', { did: 'ok', details: [1, 2] }, { details: { value: [1, 2] } }],
  ['a text instead of an outcome', 'all done', { did: 'all done' }],
  [
    'a number for what it did, a text for warnings',
    { did: 5, warnings: 'look' },
    { did: '5', details: { warnings: ['look'] } },
  ],
  ['null', null, { did: '' }],
  ['a text without end', { did: 'y'.repeat(1e6) }, { did: expect.stringMatching(/^y{1,2000}$/) }],
]

const unspeakable = Object.create(null) as object
const failures: readonly (readonly [string, unknown, RegExp])[] = [
  ['undefined', undefined, /undefined/],
  ['null', null, /null/],
  ['a text', 'went wrong', /^went wrong$/],
  ['a text with a NUL', new Error('a\0b'), /^a\ufffdb$/],
  ['a symbol', Symbol('odd'), /odd/],
  ['what cannot be told', unspeakable, /cannot be told/],
  [
    'what fails on being looked at',
    Object.defineProperty({}, 'code', {
      get: () => {
        throw new Error('no')
      },
    }),
    /./,
  ],
]

describeOnEachVersion(
  'what a function gives back',
  (_version, database) => {
    test.each(outcomes)('%s', async (_what, outcome, kept) => {
      const { db, url } = database()
      const name = `gives-${outcomes.findIndex(([, each]) => each === outcome)}`
      const jobs = daemon(url, [job(name, async () => outcome as JobOutcome)], { leaseMs: 2_000 })
      expect(await jobs.runNow(name)).toMatchObject({ state: 'done', attempt: 1 })
      expect(await runsOf(db, name)).toHaveLength(1)
      expect(await jobs.history(name)).toMatchObject([kept])
    })

    test.each(failures)('thrown: %s', async (_what, thrown, told) => {
      const { url } = database()
      const name = `throws-${failures.findIndex(([, each]) => each === thrown)}`
      const jobs = daemon(url, [
        job(name, async () => {
          throw thrown
        }),
      ])
      expect(await jobs.runNow(name)).toMatchObject({ state: 'failed', failure: expect.stringMatching(told) })
      expect(await jobs.history(name)).toMatchObject([{ state: 'failed', failure: expect.stringMatching(told) }])
    })

    test('who is told of a run and throws does no harm', async () => {
      const { db, url } = database()
      const every = { schedule: { everyMs: 1_000 } }
      const jobs = daemon(url, [job('told', async () => undefined, every)])
      let told = 0
      const twice = new Promise<void>((resolve) => {
        void jobs.start({
          onRun: () => {
            if (++told === 2) resolve()
            throw new Error('nobody listens')
          },
        })
      })
      await twice
      await jobs.stop()
      expect((await runsOf(db, 'told')).filter(({ state }) => state !== 'done')).toEqual([])
    })
  },
  install,
)
