// The table of cases against servers that only read: what is called a read must run there, and what they refuse must
// have been called a write.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { createClassifier, loadParser } from '../../src/sql/classify/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { readFunctions, reads, schema, writes } from './classify-cases.ts'

/** What no driver can send. */
const isSendable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

describe.each(versions)('a replica of PostgreSQL %i', (version) => {
  let cluster: EmbeddedCluster
  let replica: Db
  const classifier = createClassifier({ readFunctions })

  const run = async (db: Db, text: string): Promise<string> => {
    const values = Array.from({ length: classifier.classify(text).parameterCount }, () => null)
    try {
      await db.query({ text, values })
      return 'ran'
    } catch (error) {
      const { code } = (error as { cause?: { code?: unknown } }).cause ?? (error as { code?: unknown })
      return `${String((error as { code?: unknown }).code)} ${String(code)} ${(error as Error).message}`
    }
  }

  beforeAll(async () => {
    await loadParser()
    cluster = await startCluster({ version, inMemory: true, replicas: 1 })
    const primary = openDb({ url: cluster.primary.url() })
    await primary.query(sql.raw(schema))
    await primary.close()
    const [node] = cluster.replicas
    await node?.waitFor()
    replica = openDb({ url: node?.url() ?? '' })
  })
  afterAll(async () => {
    await replica.close()
    await cluster.stop()
  })

  it('runs everything that is called a read', async () => {
    const known = reads.filter(({ since }) => (since ?? 15) <= version)
    const outcomes: string[] = []
    for (const { text } of known) {
      expect(classifier.classify(text).route).toBe('read')
      outcomes.push(`${text}: ${await run(replica, text)}`)
    }
    expect(outcomes.filter((outcome) => !outcome.endsWith(': ran'))).toEqual([])
  })

  it('refuses nothing that is not called a write', async () => {
    const refused: string[] = []
    for (const [text] of writes.filter(([text]) => isSendable(text))) {
      // Each its own session: some leave a transaction or a lock behind.
      const session = openDb({ url: cluster.replicas[0]?.url() ?? '', max: 1 })
      if ((await run(session, text)).includes('25006')) refused.push(text)
      await session.close()
    }
    expect(refused.length).toBeGreaterThan(50)
    expect(refused.filter((text) => classifier.classify(text).route !== 'write')).toEqual([])
  })

  it('shows what a view hides, and that is learned', async () => {
    const text = 'select number from next_numbers'
    expect(classifier.classify(text).route).toBe('read')
    expect(await run(replica, text)).toContain('25006')
    classifier.learnWrite(text)
    expect(classifier.classify(text)).toMatchObject({ route: 'write', reason: 'a replica refused to run it' })
  })
})
