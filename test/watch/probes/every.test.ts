// Every probe of a server, on every version: it can be asked, says only what it declares, and within its bounds.

import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { createServerProbes, readNodeFacts } from '../../../src/watch/index.ts'
import { listProbes } from '../../../src/watch/probe-list.ts'
import { knownMetrics } from '../../../src/watch/rules/known-metrics.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { ask, run } from '../support.ts'

describeOnEachVersion('probes of a server', (_version, database) => {
  test('say what they declare and nothing else, each series once', async () => {
    const { db } = database()
    await run(
      db,
      'create extension if not exists pg_stat_statements',
      'create table "Odd ""Name" (id serial primary key, n int)',
      'create index on "Odd ""Name" (n)',
      'insert into "Odd ""Name" (n) select g from generate_series(1, 1000) g',
      'analyze',
    )
    for (const probe of createServerProbes({ clock: systemClock, cores: 4, asksReplicas: false })) {
      const { points } = await ask(db, probe)
      await ask(db, probe)
      const declared = new Map(probe.metrics.map((metric) => [metric.name, metric]))
      const seen = new Set<string>()
      for (const { metric, labels, value } of points) {
        expect(declared.get(metric)?.labels.length, `${probe.name}: ${metric}`).toBe(labels.length)
        // Of a share NaN says that there was too little of it to tell.
        const isTold = Number.isFinite(value) || (metric.endsWith('_ratio') && Number.isNaN(value))
        expect(isTold, `${probe.name}: ${metric} is ${value}`).toBe(true)
        const key = JSON.stringify([metric, labels])
        expect(seen.has(key), key).toBe(false)
        seen.add(key)
      }
      if (!['cpu', 'slots', 'replication', 'bloat'].includes(probe.name)) expect(points, probe.name).not.toEqual([])
    }
  })

  test('where the role may not see what others run, each can be asked or says why not', async () => {
    const { db, url, name } = database()
    await run(db, `create role low_${name}`)
    const low = openDb({ url: `${url}?options=-c%20role%3Dlow_${name}`, max: 1 })
    try {
      const facts = await low.withSession((session) => readNodeFacts(session, 'primary'))
      expect(facts).toMatchObject({ seesAll: false, isSuperuser: false })
      const without: string[] = []
      for (const probe of createServerProbes({ clock: systemClock, cores: undefined, asksReplicas: false })) {
        const why = probe.unavailable(facts)
        if (why === undefined) await ask(low, probe)
        else {
          expect(why, probe.name).toMatch(/^not available because .*pg_monitor/)
          without.push(probe.name)
        }
      }
      expect(without).toEqual(['activity', 'locks', 'replication', 'statements', 'disk'])
    } finally {
      await low.close()
      await run(db, `drop role low_${name}`)
    }
  })
})

test('no two probes have a name or a metric in common, and rules know all of them', () => {
  const probes = listProbes()
  expect(new Set(probes.map(({ name }) => name)).size).toBe(probes.length)
  const metrics = probes.flatMap((probe) => probe.metrics)
  expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length)
  expect(Object.fromEntries(metrics.map(({ name, labels }) => [name, labels]))).toEqual(knownMetrics)
  for (const { kind, name } of metrics) expect(name.endsWith('_total'), name).toBe(kind === 'counter')
})
