// A service of an app for the tests of one file, on a database of its own.

import { afterAll, beforeAll } from 'vitest'
import { testDatabase, type TestDatabase, type TestedMajor } from '../../support/postgres.ts'

/** Deployed once by each process of tests, and copied in milliseconds; it goes with the server. */
export function createTemplates(
  deploy: (database: TestDatabase) => Promise<unknown>,
): (version: TestedMajor) => Promise<string> {
  const made = new Map<TestedMajor, Promise<string>>()
  const make = async (version: TestedMajor): Promise<string> => {
    const database = await testDatabase(version)
    await deploy(database)
    await database.db.close()
    return database.name
  }
  return async (version) => {
    const template = made.get(version) ?? make(version)
    made.set(version, template)
    return await template
  }
}

export type Served<Service> = Service & {
  readonly database: TestDatabase
  /** What the log was told. */
  readonly lines: readonly string[]
}

export interface ServedParts<Service> {
  readonly template: (version: TestedMajor) => Promise<string>
  readonly open: (given: { readonly url: string; readonly log: (line: string) => void }) => Promise<Service>
}

/** In a file: one database and one service for all its tests. */
export function useServed<Service extends { close(): Promise<void> }>(
  parts: ServedParts<Service>,
): () => Served<Service> {
  let served: Served<Service> | undefined
  let database: TestDatabase | undefined
  beforeAll(async () => {
    database = await testDatabase(18, { template: await parts.template(18) })
    const lines: string[] = []
    const service = await parts.open({ url: database.url, log: (line) => void lines.push(line) })
    served = { ...service, database, lines }
  })
  afterAll(async () => {
    await served?.close()
    await database?.close()
  })
  return () => {
    if (served === undefined) throw new Error('The service is there only inside tests and hooks')
    return served
  }
}
