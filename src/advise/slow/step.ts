// The shape of a step of "why is it slow": one question, its evidence, a verdict and what to do next.
//
// What must be true: a step never guesses. What it could not ask is 'unknown', with the reason, and 'not' is said only where
// everything it looks at was answered.

import type { Check, Finding, Gravity, Limits } from '../model.ts'
import type { Sql } from '../../sql/sql.ts'
import type { NodeFacts } from '../../watch/index.ts'

/** 'likely': it is a cause of slowness, if not the only one. */
export type SlowVerdict = 'likely' | 'not' | 'unknown'

export interface SlowAnswer {
  readonly verdict: SlowVerdict
  /** From 0 to 1: by it the steps are put in order. */
  readonly suspicion: number
  /** One sentence. */
  readonly found: string
  readonly evidence: Finding['evidence']
  /** What checks found that belongs to it, the gravest first. */
  readonly findings: readonly Finding[]
  /** What to do, the first thing first. */
  readonly next: readonly string[]
  /** What could not be asked. */
  readonly unknown: readonly string[]
}

export interface SlowStep {
  /** kebab-case; its file's name. */
  readonly name: string
  /** 'Are materialized views fresh?' */
  readonly question: string
  readonly look: (tools: SlowTools) => Promise<SlowAnswer>
}

/** A view as it stands, from whoever refreshes it. */
export interface ViewFreshness {
  readonly name: string
  readonly schema: string
  readonly staleMs: number | null
  /** Late, by its own schedule. */
  readonly lateMs: number
  readonly lastError: string | null
}

/** What other features know, handed in by whoever puts them together. Undefined: nobody here knows. */
export interface Handed {
  readonly readViews?: (() => Promise<readonly ViewFreshness[]>) | undefined
  /** What its plan says, in words; throws where it cannot be explained. */
  readonly readInsights?: ((queryid: string) => Promise<readonly string[]>) | undefined
  /** CREATE INDEX statements that would serve it, the best first; throws where it cannot be explained. */
  readonly suggestIndexes?: ((queryid: string) => Promise<readonly string[]>) | undefined
}

export interface CheckAnswer {
  readonly findings: readonly Finding[]
  /** 'unused-index: not available because …' */
  readonly unknown: readonly string[]
}

export interface SlowTools {
  readonly facts: NodeFacts
  readonly handed: Handed
  /** One statement in a bounded, read-only transaction. */
  readonly ask: <Row extends object>(statement: Sql) => Promise<readonly Row[]>
  readonly check: (...checks: readonly Check[]) => Promise<CheckAnswer>
  /** A step's own limits, or those set in their place. */
  readonly limitsOf: (name: string, own: Limits) => Limits
}

const suspicionOf: Readonly<Record<Gravity, number>> = { note: 0.15, warn: 0.55, critical: 0.85 }

/** Notes alone make nothing slow. */
const suspected = 0.5

/** A verdict from what checks found: `weight` is how much slowness such findings mostly explain, from 0 to 1. */
export function judge(
  { findings, unknown }: CheckAnswer,
  said: { readonly well: string; readonly weight: number; readonly next?: readonly string[] },
): SlowAnswer {
  const most = Math.max(0, ...findings.map(({ gravity }) => suspicionOf[gravity]))
  const isSuspect = most >= suspected
  const verdict = isSuspect ? 'likely' : unknown.length > 0 ? 'unknown' : 'not'
  const first = findings[0]
  return {
    verdict,
    suspicion: most * said.weight,
    found: first !== undefined && isSuspect ? first.what : verdict === 'unknown' ? (unknown[0] ?? '') : said.well,
    evidence: isSuspect && first !== undefined ? first.evidence : {},
    findings,
    next: isSuspect ? [...nextOf(findings), ...(said.next ?? [])] : [],
    unknown,
  }
}

const mostNext = 5

function nextOf(findings: readonly Finding[]): readonly string[] {
  return findings
    .filter(({ gravity }) => gravity !== 'note')
    .flatMap(({ fix, advice, subject, check }) => {
      const steps = fix.filter((statement) => statement !== 'select pg_reload_conf()')
      // A series is of no use without its end.
      if (steps.length > 1) return [`${subject}: ${steps.length} statements, which doctor --deep has (${check})`]
      return steps.length > 0 ? steps : advice === undefined ? [] : [advice]
    })
    .slice(0, mostNext)
}

export function suspect(answer: Partial<SlowAnswer> & Pick<SlowAnswer, 'suspicion' | 'found'>): SlowAnswer {
  return { verdict: 'likely', evidence: {}, findings: [], next: [], unknown: [], ...answer }
}

export function clear(found: string, evidence: Finding['evidence'] = {}): SlowAnswer {
  return { verdict: 'not', suspicion: 0, found, evidence, findings: [], next: [], unknown: [] }
}

export function unknown(why: string): SlowAnswer {
  return { verdict: 'unknown', suspicion: 0, found: why, evidence: {}, findings: [], next: [], unknown: [why] }
}
