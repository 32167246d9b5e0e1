// Where a statement may run: on a replica or on the primary, decided by the server's own grammar. Promises: synchronous,
// never throws, and fails safe: a read is only what is certain to change nothing and to need no particular server and no
// particular session; everything else, what does not parse included, is a write.
// Texts are read with standard_conforming_strings on, as every server has it by default.
// State: texts that were classified, in a bounded memory, and apart from it those that a replica refused.

import { createMemory } from './memory.ts'
import { tryParse, type RawStatement } from './parser.ts'
import { isBlockable, isPreparable, judgeKind, keepsStateByKind, transactionEffect } from './statement.ts'
import type { TransactionEffect } from './statement.ts'
import { surveyTree } from './survey.ts'

export interface Classification {
  readonly route: 'read' | 'write'
  /** Short and stable, for explaining: 'only reads', 'locks rows (FOR UPDATE)', 'calls f(), which is not known', … */
  readonly reason: string
  /** What it does to the transaction, of a single statement. 'other': savepoints, two phases, AND CHAIN, SET TRANSACTION. */
  readonly transaction: TransactionEffect
  /** Leaves something on the session: a setting, a temporary table, a lock, a prepared statement, … */
  readonly keepsState: boolean
  /** May stand in a transaction block together with another statement. */
  readonly blockable: boolean
  /** One statement that can be prepared under a name. */
  readonly preparable: boolean
  /** The highest $n in it; 0 for none. */
  readonly parameterCount: number
}

export interface ClassifierOptions {
  /** Texts remembered. Default 2,000. */
  readonly maxEntries?: number
  /** Longer ones are not parsed, and so are writes. Default 100,000. */
  readonly maxTextLength?: number
  /** Functions of the user that only read: 'public.f', or 'f' for calls without a schema. */
  readonly readFunctions?: Iterable<string>
}

export interface Classifier {
  /** Until the parser is loaded (see loadParser) everything is a write, and that is not remembered. */
  classify(text: string): Classification
  /** A replica refused it: from now on it is a write. */
  learnWrite(text: string): void
  /**
   * What the catalog says: the functions, 'schema.name' and bare, that are immutable or stable in every overload.
   * What was classified before is forgotten, what was learned is not.
   */
  setReadFunctions(names: Iterable<string>): void
  /** Texts remembered, without those learned. */
  readonly size: number
}

const defaultMaxEntries = 2_000
const defaultMaxTextLength = 100_000
const maxCharacters = 8_000_000
const maxLearned = 1_000

export function createClassifier(options: ClassifierOptions = {}): Classifier {
  const maxTextLength = options.maxTextLength ?? defaultMaxTextLength
  const known = createMemory<Classification>({ maxEntries: options.maxEntries ?? defaultMaxEntries, maxCharacters })
  const learned = createMemory<true>({ maxEntries: maxLearned, maxCharacters })
  let readFunctions: ReadonlySet<string> = new Set(options.readFunctions)

  const find = (text: string): Classification => {
    if (text.length > maxTextLength) return unread('too long to parse')
    const parsed = tryParse(text)
    if ('failure' in parsed) {
      const failed = unread(parsed.failure)
      if (parsed.lasting) known.set(text, failed)
      return failed
    }
    const found = classifyStatements(parsed.statements, readFunctions)
    const classification =
      learned.get(text) === undefined
        ? found
        : { ...found, route: 'write' as const, reason: 'a replica refused to run it' }
    known.set(text, classification)
    return classification
  }
  return {
    classify: (text) => known.get(text) ?? find(text),
    learnWrite: (text) => {
      if (text.length > maxTextLength) return
      learned.set(text, true)
      known.delete(text)
    },
    setReadFunctions: (names) => {
      readFunctions = new Set(names)
      known.clear()
    },
    get size() {
      return known.size
    },
  }
}

/** What could not be looked into may be anything. */
function unread(reason: string): Classification {
  return {
    route: 'write',
    reason,
    transaction: 'none',
    keepsState: true,
    blockable: false,
    preparable: false,
    parameterCount: 0,
  }
}

function classifyStatements(statements: readonly RawStatement[], readFunctions: ReadonlySet<string>): Classification {
  const [first, ...others] = statements
  if (first === undefined) return nothing
  if (others.length === 0) return classifyOne(first, readFunctions)
  const each = statements.map((statement) => classifyOne(statement, readFunctions))
  return {
    route: 'write',
    reason: 'several statements',
    transaction: 'none',
    keepsState: each.some(({ keepsState }) => keepsState),
    blockable: false,
    preparable: false,
    parameterCount: each.reduce((highest, { parameterCount }) => Math.max(highest, parameterCount), 0),
  }
}

const nothing: Classification = {
  route: 'read',
  reason: 'holds no statement',
  transaction: 'none',
  keepsState: false,
  blockable: true,
  preparable: false,
  parameterCount: 0,
}

function classifyOne(statement: RawStatement, readFunctions: ReadonlySet<string>): Classification {
  const judged = judgeKind(statement)
  // Options of EXPLAIN hold nothing that counts, so the query stands for the whole.
  const survey = surveyTree('query' in judged ? judged.query : statement.node, readFunctions)
  const obstacle = 'query' in judged ? survey.obstacle : judged.refusal
  return {
    route: obstacle === undefined ? 'read' : 'write',
    reason: obstacle ?? 'only reads',
    transaction: transactionEffect(statement),
    keepsState: survey.keepsState || keepsStateByKind(statement),
    blockable: isBlockable(statement),
    preparable: isPreparable(statement),
    parameterCount: survey.parameterCount,
  }
}
