// Alerts from a configuration to a receiver: a session that is blocked is measured, an alert is raised and told, and is over when the
// session goes on. And what the command says of it.

import { expect, onTestFinished, test } from 'vitest'
import { resolveConfig } from '../../../src/config/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { openStrata } from '../../../src/strata.ts'
import type { AlertMessage } from '../../../src/watch/index.ts'
import { command } from '../../support/command.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { createProject } from '../../support/project.ts'
import { waitUntil } from '../../support/wait.ts'
import { install, openReceiver } from './support.ts'

describeOnEachVersion(
  'a configuration with alerts',
  (_version, database) => {
    test('raises them where something is wrong, tells of them, and of their end; the command shows all that', async () => {
      const { db, url } = database()
      const { url: hook, told } = await openReceiver()
      const config = {
        watch: { every: { locks: '1s' } },
        alerts: {
          every: '1s',
          group: '1s',
          actions: { oncall: { webhook: hook, secret: 'sixteen characters' } },
          tell: { critical: ['oncall'] },
          rules: {
            Blocked: {
              metric: 'pgstrata_blocked_sessions',
              over: 0,
              keep: '1s',
              severity: 'critical',
              summary: '{value} blocked',
            },
          },
        },
      }
      const project = await createProject(url, { config })
      onTestFinished(() => project.close())
      const strata = openStrata(
        resolveConfig({ database: { primary: url }, ...config }, { root: project.dir, name: 'x' }),
      )
      onTestFinished(() => strata.close())
      await db.query(sql`create table fought_over (id int primary key); insert into fought_over values (1)`)
      const logged: string[] = []
      await strata.start({
        jobs: true,
        onAlert: ({ event, alerts }) => void logged.push(...alerts.map(({ rule }) => `${rule} ${event}`)),
      })
      const hears =
        (event: string): (() => boolean) =>
        () =>
          told.some(({ body }) => {
            const { event: of, alerts } = JSON.parse(body) as AlertMessage
            return of === event && alerts.some(({ rule }) => rule === 'Blocked')
          })

      let waiting: Promise<unknown> = Promise.resolve()
      await db.withSession(async (session) => {
        await session.query(sql`begin; select from fought_over for update`)
        waiting = db.query(sql`update fought_over set id = 1`)
        await waitUntil(hears('fired'), { what: 'the alert', timeoutMs: 60_000 })
        const shown = await command(project.dir, 'alerts')
        expect(shown.out).toMatch(/^critical {2}firing {2,}\S+Z {2}Blocked {2,}\d+ blocked$/m)
        await session.query(sql`rollback`)
      })
      await waiting
      await waitUntil(hears('resolved'), { what: 'its end', timeoutMs: 60_000 })
      expect(told.filter(({ body }) => body.includes('"Blocked"'))).toHaveLength(2)
      expect(logged.filter((said) => said.startsWith('Blocked'))).toEqual(['Blocked fired', 'Blocked resolved'])
      await strata.stop()

      const history = JSON.parse(
        (await command(project.dir, 'alerts', 'history', '--rule', 'Blocked', '--json')).out,
      ) as {
        alerts: { rule: string; state: string; evidence: { detail?: unknown } }[]
      }
      expect(history.alerts).toMatchObject([
        { rule: 'Blocked', state: 'resolved', evidence: { why: 'it is well again' } },
      ])
      // Who blocked whom, as it was when it fired.
      expect(history.alerts[0]?.evidence.detail).toBeDefined()
    })

    test('the command lists rules, silences, and ends silences', async () => {
      const project = await createProject(database().url, {
        config: { watch: {}, alerts: { rules: { Bloat: false } } },
      })
      onTestFinished(() => project.close())
      const run = (...args: readonly string[]): ReturnType<typeof command> => command(project.dir, 'alerts', ...args)
      const { out: rules } = await run('rules')
      expect(rules).toMatch(/^SlowQueryDetected {2,}critical {2}pgstrata_call_max_seconds over 5 s {2,}log_and_alert$/m)
      expect(rules).not.toMatch(/^Bloat /m)
      expect(await run('silence', '--for', '1h', '--reason', 'x')).toMatchObject({ code: 3 })
      expect(await run('silence', 'ReplicatonLag', '--for', '1h', '--reason', 'x')).toMatchObject({
        code: 3,
        err: expect.stringContaining('did you mean "ReplicationLag"') as string,
      })
      const made = await run(
        'silence',
        'ReplicationLag',
        '--node',
        'primary',
        '--for',
        '2h',
        '--reason',
        'new replica',
        '--json',
      )
      const { id } = JSON.parse(made.out) as { id: string }
      expect((await run()).out).toMatch(
        new RegExp(`^Silence ${id}: ReplicationLag on primary until \\S+Z: new replica \\(postgres\\)$`, 'm'),
      )
      expect(await run('unsilence', id)).toMatchObject({ code: 0, out: `Silence ${id} is over.\n` })
      expect(await run('unsilence', id)).toMatchObject({ code: 3 })
      expect(await run('unsilence', 'x')).toMatchObject({ code: 3 })
    })

    test('the command tries a rule on what was measured', async () => {
      const { db, url } = database()
      const project = await createProject(url)
      onTestFinished(() => project.close())
      await db.query(sql`create table pgstrata.watch_metric_other partition of pgstrata.watch_metric default`)
      await db.query(sql`
      insert into pgstrata.watch_metric (at, node, metric, labels, value)
      select date_trunc('minute', now()) - i * interval '1 min', 'primary', 'pgstrata_connections_used_ratio', '[]',
        case when i between 10 and 14 then 0.9 else 0.1 end
      from generate_series(1, 30) as i`)
      const { code, out } = await command(project.dir, 'alerts', 'test', 'ConnectionsHigh')
      expect(code).toBe(0)
      expect(out).toContain('It would have fired 1 time:')
      expect(out).toMatch(/^ {2}\S+Z {2}5 min 0 s {2}90% {2}primary$/m)
      const none = await command(project.dir, 'alerts', 'test', 'PgbouncerWaiting', '--json')
      expect(JSON.parse(none.out)).toMatchObject({ rule: 'PgbouncerWaiting', readings: 0, alerts: [] })
      expect((await command(project.dir, 'alerts', 'test', 'DiskFull', '--from', 'yesterday')).code).toBe(3)
    })
  },
  install,
)
