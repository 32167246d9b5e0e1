// A daemon that is killed in the middle of a webhook. The next one goes on; the alert has fired once, and the receiver hears of one
// message, told by its id.

import { spawn, type ChildProcess } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import type { AlertSettings } from '../../../src/watch/rules/options.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { typescript } from '../../support/typescript.ts'
import type { DaemonCall } from './kill-process.ts'
import { install, openReceiver, readActions, readStates, ruleOf } from './support.ts'

/** Loaded, and waiting for a word. */
async function loadDaemon(call: DaemonCall): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--import', typescript, 'test/watch/rules/kill-process.ts', JSON.stringify(call)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  let isReady = false
  child.stdout?.once('data', () => (isReady = true))
  await waitUntil(() => isReady, { what: 'a process that is ready', timeoutMs: 45_000 })
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
}

/** What a claim of a dead process waits for, without waiting. */
async function endClaims(db: Db): Promise<void> {
  await db.query(sql`update pgstrata.alert_action set due_at = now() where state = 'due'`)
}

describeOnEachVersion(
  'a daemon that is killed',
  (_version, database) => {
    test('neither loses an alert nor raises it twice', async () => {
      const { db, url } = database()
      const { url: hook, told } = await openReceiver((response, count) => {
        // The first one is never answered: its daemon is killed meanwhile.
        if (count > 1) response.end()
      })
      const settings: AlertSettings = {
        rules: [ruleOf({ actions: ['oncall'], forMs: 1_500 })],
        actions: [{ kind: 'webhook', name: 'oncall', url: hook, secret: undefined, headers: {}, timeoutMs: 60_000 }],
        everyMs: 1_000,
        groupMs: 0,
        historyMs: 86_400_000,
      }
      const [first, second] = await Promise.all([1, 2].map(() => loadDaemon({ url, settings, value: 12 })))
      first?.stdin?.write('go\n')
      await waitUntil(() => told.length === 1, { what: 'the first message', timeoutMs: 30_000 })
      if (first !== undefined) await kill(first)
      await endClaims(db)
      second?.stdin?.write('go\n')
      const isDone = async (): Promise<boolean> =>
        (await readActions(db)).some(({ action, state }) => action === 'oncall' && state === 'done')
      await waitUntil(isDone, { what: 'the message is delivered', timeoutMs: 30_000 })
      expect(await readStates(db)).toEqual(['Tested primary [] firing'])
      expect(await readActions(db)).toMatchObject([
        { event: 'fired', action: 'log', state: 'done' },
        { event: 'fired', action: 'oncall', state: 'done', attempts: 2 },
      ])
      expect(told).toHaveLength(2)
      expect(new Set(told.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    })
  },
  install,
)
