// Reads what `makePlan` needs: the contributions' steps completed, the journal, the records and the live definitions.

import { onlyRow, type Db, type Queryable, type Session } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { readDefinitions } from './definitions.ts'
import { makePlan, type Plan } from './plan.ts'
import { readRecordedObjects, readUnfinished } from './queries.ts'
import { completeStep, type Contribution } from './step.ts'

/** What is to be there, and what that takes now. */
export interface Reading {
  readonly contributions: readonly Contribution[]
  readonly plan: Plan
}

export async function readPlan(on: Db | Session, contributions: readonly Contribution[]): Promise<Plan> {
  const steps = await Promise.all(
    contributions.flatMap(({ feature, steps: drafts }) => drafts.map((draft) => completeStep(feature, draft))),
  )
  const managed = contributions.flatMap(({ manages }) => manages)
  return makePlan({
    contributions,
    steps,
    unfinished: await readUnfinished(on),
    recorded: await readRecordedObjects(on),
    live: await readDefinitions(on, managed),
    serverMajor: await readServerMajor(on),
  })
}

export async function readServerMajor(on: Queryable): Promise<number> {
  const answer = await on.query<{ major: number }>(
    sql`select current_setting('server_version_num')::int4 / 10000 as major`,
  )
  return onlyRow(answer).major
}
