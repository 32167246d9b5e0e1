// Cuts a script into blocks: runs of statements that share one transaction, and single statements outside any.
// Pure. A block is named by the number of its first statement, counted over the whole script, so that progress
// ("n statements done") stays true when a statement is later learned to belong outside.

import { StrataError } from '../base/errors.ts'
import type { ParsedStatement } from '../sql/parse.ts'
import type { OutsideEffect, Placement } from './classify.ts'

export interface PlacedStatement {
  readonly statement: ParsedStatement
  readonly placement: Placement
}

export type Block =
  | { readonly kind: 'transaction'; readonly first: number; readonly statements: readonly ParsedStatement[] }
  | {
      readonly kind: 'outside'
      readonly first: number
      readonly statement: ParsedStatement
      readonly effect: OutsideEffect
    }

/** Statements of `script` from number `from` on. A statement that is only a mark counts, and is not run. */
export function cutBlocks(script: readonly PlacedStatement[], from = 0): Block[] {
  const blocks: Block[] = []
  let open: { first: number; statements: ParsedStatement[] } | undefined
  let explicit = false
  const close = (): void => {
    if (open !== undefined && open.statements.length > 0) blocks.push({ kind: 'transaction', ...open })
    open = undefined
  }
  /** The author sees one run of statements; what holds to the end of its transaction must not end unnoticed. */
  const cut = (at: ParsedStatement, number: number): void => {
    const scoped = open?.statements.find(endsWithTransaction)
    if (scoped !== undefined && number < script.length - 1) throw cutShort(scoped, at)
    close()
  }
  script.forEach(({ statement, placement }, number) => {
    if (placement.where === 'mark') {
      if (explicit === (placement.mark === 'begin')) throw unmatched(statement, placement.mark)
      explicit = placement.mark === 'begin'
      close()
      return
    }
    if (placement.where === 'outside') {
      if (explicit) throw outsideInExplicit(statement)
      cut(statement, -1)
      if (number >= from) blocks.push({ kind: 'outside', first: number, statement, effect: placement.effect })
      return
    }
    if (number < from) return
    open ??= { first: number, statements: [] }
    open.statements.push(statement)
    if (placement.endsBlock && !explicit) cut(statement, number)
  })
  if (explicit) throw unmatched(script.at(-1)?.statement, 'begin')
  close()
  return blocks
}

/** SET LOCAL, SET TRANSACTION, SET CONSTRAINTS, LOCK TABLE, SAVEPOINT, a table that is dropped on commit. */
function endsWithTransaction({ kind, node }: ParsedStatement): boolean {
  if (kind === 'VariableSetStmt') return node['is_local'] === true || node['name'] === 'TRANSACTION'
  if (kind === 'CreateStmt') return ['ONCOMMIT_DROP', 'ONCOMMIT_DELETE_ROWS'].includes(String(node['oncommit']))
  return kind === 'LockStmt' || kind === 'TransactionStmt' || kind === 'ConstraintsSetStmt'
}

function cutShort(scoped: ParsedStatement, at: ParsedStatement): StrataError {
  return new StrataError('MIGRATION_INVALID', {
    message: `Line ${scoped.line}: this holds to the end of its transaction, which has to end at line ${at.line}`,
    notes: [scoped.text.split('\n')[0] ?? '', at.text.split('\n')[0] ?? ''],
    advice: 'Use SET instead of SET LOCAL, or put the two into files of their own.',
  })
}

/** How many statements are done once `block` is, trailing marks left out. */
export function endOf(block: Block): number {
  return block.kind === 'outside' ? block.first + 1 : block.first + block.statements.length
}

function unmatched(statement: ParsedStatement | undefined, mark: 'begin' | 'commit'): StrataError {
  return new StrataError('MIGRATION_INVALID', {
    message: `Line ${statement?.line ?? 1}: ${mark === 'begin' ? 'BEGIN without COMMIT' : 'COMMIT without BEGIN'}`,
    advice: 'Leave BEGIN and COMMIT out: what can share a transaction does.',
  })
}

function outsideInExplicit(statement: ParsedStatement): StrataError {
  return new StrataError('MIGRATION_INVALID', {
    message: `Line ${statement.line}: this statement cannot run between BEGIN and COMMIT`,
    notes: [statement.text.split('\n')[0] ?? ''],
    advice: 'Leave BEGIN and COMMIT out: what can share a transaction does, the rest runs outside.',
  })
}
