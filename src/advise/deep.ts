// All checks, asked of the servers they are for. What could not be asked is part of the answer, with the reason; a server that does
// not answer keeps none of the others from being asked.

import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatDuration } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import { readNodeFacts } from '../watch/index.ts'
import { asOther, nodeLimitMs, startDeadline, type AdviseNode } from './ask-node.ts'
import { checks as allChecks } from './checks/index.ts'
import type { Category, Check, Finding, Gravity, Limits } from './model.ts'
import { runCheck, type CheckOutcome } from './run-check.ts'
import { scoreOf, type Asked, type Score } from './score.ts'

export interface NodeFinding extends Finding {
  readonly node: string
}

interface NotAsked {
  readonly node: string
  readonly check: string
  readonly category: Category
  /** 'not available because …' */
  readonly why: string
}

export interface DeepReport {
  readonly score: Score
  /** The gravest first. */
  readonly findings: readonly NodeFinding[]
  readonly notAsked: readonly NotAsked[]
  /** Servers that did not answer at all. */
  readonly silent: readonly { readonly node: string; readonly why: string }[]
}

export interface DeepOptions {
  /** The primary first. */
  readonly nodes: readonly AdviseNode[]
  readonly clock: Clock
  /** Default: all of them. */
  readonly checks?: readonly Check[]
  /** In place of a check's own, by its name. */
  readonly limits?: Readonly<Record<string, Limits>>
  readonly signal?: AbortSignal
}

interface Answered extends Asked {
  readonly findings: readonly Finding[]
}

interface NodeAnswer {
  readonly asked: readonly Answered[]
  readonly notAsked: readonly NotAsked[]
}

export async function readFindings(options: DeepOptions): Promise<DeepReport> {
  const { nodes } = options
  const asked: Asked[] = []
  const findings: NodeFinding[] = []
  const notAsked: NotAsked[] = []
  const silent: { node: string; why: string }[] = []
  for (const node of nodes) {
    try {
      const answer = await node.db.withSession(async (session) => await askAll(session, node, options))
      asked.push(...answer.asked)
      findings.push(...answer.asked.flatMap((one) => one.findings.map((finding) => ({ ...finding, node: node.name }))))
      notAsked.push(...answer.notAsked)
    } catch (error) {
      if (options.signal?.aborted === true) throw error
      silent.push({ node: node.name, why: messageOf(error) })
    }
  }
  return { score: scoreOf(asked), findings: findings.toSorted(byGravity), notAsked, silent }
}

async function askAll(session: Session, node: AdviseNode, options: DeepOptions): Promise<NodeAnswer> {
  const { nodes, clock, checks = allChecks, limits = {}, signal } = options
  const facts = await readNodeFacts(session, node.name)
  const others = nodes.filter((other) => other !== node).map(asOther)
  const isOver = startDeadline(clock)
  const asked: Answered[] = []
  const notAsked: NotAsked[] = []
  let lost: string | undefined
  for (const check of checks) {
    signal?.throwIfAborted()
    if (check.of === 'primary' && (facts.isReplica || node.isReplica)) continue
    const end = lost ?? (isOver() ? timeIsUp : undefined)
    const outcome: CheckOutcome =
      end === undefined ? await runCheck(session, check, { facts, others, limits }) : { why: end, isLost: false }
    if (outcome.findings !== undefined) {
      asked.push({ check, findings: outcome.findings })
      continue
    }
    notAsked.push({ node: node.name, check: check.name, category: check.category, why: outcome.why })
    if (outcome.isLost) lost = outcome.why
  }
  return { asked, notAsked }
}

const timeIsUp = `not available because ${formatDuration(nodeLimitMs)} were over before its turn came`

const order: Readonly<Record<Gravity, number>> = { critical: 0, warn: 1, note: 2 }

function byGravity(left: Finding, right: Finding): number {
  return order[left.gravity] - order[right.gravity]
}
