// Why is it slow? Eight steps on the primary, each with its evidence, and at the end the likely causes, the most suspect first. A
// step that cannot be taken says why; the others are taken all the same.

import { messageOf } from '../base/errors.ts'
import type { Session } from '../db/db.ts'
import type { Sql } from '../sql/sql.ts'
import { readNodeFacts } from '../watch/index.ts'
import { asOther, askOnce, reasonOf, type AdviseNode } from './ask-node.ts'
import type { Check, Finding, Gravity, Limits } from './model.ts'
import { runCheck, type CheckGiven } from './run-check.ts'
import { slowSteps } from './slow/index.ts'
import { unknown, type CheckAnswer, type Handed, type SlowAnswer, type SlowStep, type SlowTools } from './slow/step.ts'

export interface SlowReportStep extends SlowAnswer {
  /** 1 to 8 */
  readonly step: number
  readonly name: string
  readonly question: string
}

export interface SlowReport {
  readonly node: string
  readonly steps: readonly SlowReportStep[]
  /** Likely causes, the most suspect first: names of steps. */
  readonly likely: readonly string[]
}

export interface WhySlowOptions extends Handed {
  /** The primary first. */
  readonly nodes: readonly AdviseNode[]
  /** Default: all of them. */
  readonly steps?: readonly SlowStep[]
  /** In place of those of a check or step, by its name. */
  readonly limits?: Readonly<Record<string, Limits>>
  readonly signal?: AbortSignal
}

/** Throws only where the primary does not answer at all. */
export async function findWhySlow(options: WhySlowOptions): Promise<SlowReport> {
  const { nodes, limits = {}, steps: wanted = slowSteps, signal } = options
  const primary = nodes.find(({ isReplica }) => !isReplica)
  if (primary === undefined) throw new RangeError('Without a primary nothing can be asked')
  const others = nodes.filter((node) => node !== primary).map(asOther)
  return await primary.db.withSession(async (session) => {
    const facts = await readNodeFacts(session, primary.name)
    const tools = createTools(session, { facts, others, limits }, options)
    const steps: SlowReportStep[] = []
    for (const { name, question, look } of wanted) {
      signal?.throwIfAborted()
      const answer = await look(tools).catch((error: unknown) => unknown(`Not known ${reasonOf(error)}`))
      steps.push({ step: slowSteps.findIndex((step) => step.name === name) + 1, name, question, ...answer })
    }
    return { node: primary.name, steps, likely: likelyOf(steps) }
  })
}

function likelyOf(steps: readonly SlowReportStep[]): readonly string[] {
  return steps
    .filter(({ verdict }) => verdict === 'likely')
    .toSorted((left, right) => right.suspicion - left.suspicion)
    .map(({ name }) => name)
}

const order: Readonly<Record<Gravity, number>> = { critical: 0, warn: 1, note: 2 }

function createTools(session: Session, given: CheckGiven, handed: Handed): SlowTools {
  // Several steps ask the same of a check; it is asked once.
  const answered = new Map<string, CheckAnswer>()
  const answer = async (check: Check): Promise<CheckAnswer> => {
    const outcome = await runCheck(session, check, given)
    return outcome.findings === undefined
      ? { findings: [], unknown: [`${check.name}: ${outcome.why}`] }
      : { findings: outcome.findings, unknown: [] }
  }
  return {
    facts: given.facts,
    handed: guarded(handed),
    ask: async <Row extends object>(statement: Sql) => {
      const { rows } = await askOnce(session, async (on) => await on.query<Row>(statement))
      return rows
    },
    check: async (...checks) => {
      const findings: Finding[] = []
      const silent: string[] = []
      for (const check of checks) {
        const found = answered.get(check.name) ?? (await answer(check))
        answered.set(check.name, found)
        findings.push(...found.findings)
        silent.push(...found.unknown)
      }
      return {
        findings: findings.toSorted((left, right) => order[left.gravity] - order[right.gravity]),
        unknown: silent,
      }
    },
    limitsOf: (name, own) => given.limits[name] ?? own,
  }
}

/** What other features fail at is no failure of the server's. */
function guarded({ readViews, ...rest }: Handed): Handed {
  if (readViews === undefined) return rest
  return {
    ...rest,
    readViews: async () => {
      try {
        return await readViews()
      } catch (error) {
        throw new Error(`views: ${messageOf(error)}`, { cause: error })
      }
    },
  }
}
