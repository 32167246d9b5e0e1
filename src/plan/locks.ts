// What a statement locks, and how much work it does under that lock, read from its syntax tree: what `plan` prints
// before anything runs. (`migrate up --dry-run` shows the locks a server really took; this is the manual's table,
// PostgreSQL 18 §13.3.1 and the ALTER TABLE page.)

import type { AstNode, ParsedStatement } from '../sql/parse.ts'
import { quoteQualified } from '../sql/quote.ts'
import { relationParts } from './classify.ts'

/** The weakest first. */
export const lockModes = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const

export type LockMode = (typeof lockModes)[number]

/** `catalog`: no row is read. `scan`: every row is read. `build`: an index is built. `rewrite`: every row is written. */
export type Cost = 'catalog' | 'scan' | 'build' | 'rewrite'

export interface TableLock {
  readonly mode: LockMode
  readonly on: string
}

export interface StatementEffect {
  readonly locks: readonly TableLock[]
  readonly cost: Cost
}

interface AlterEffect {
  readonly mode?: LockMode
  readonly cost?: Cost
}

/** Subtypes of ALTER TABLE that are not (ACCESS EXCLUSIVE, catalog). */
const alterEffects: Readonly<Record<string, AlterEffect>> = {
  AT_SetStatistics: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_SetOptions: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_ResetOptions: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_SetRelOptions: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_ResetRelOptions: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_ClusterOn: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_DropCluster: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_ValidateConstraint: { mode: 'SHARE UPDATE EXCLUSIVE', cost: 'scan' },
  AT_AttachPartition: { mode: 'SHARE UPDATE EXCLUSIVE', cost: 'scan' },
  AT_DetachPartitionFinalize: { mode: 'SHARE UPDATE EXCLUSIVE' },
  AT_EnableTrig: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_EnableAlwaysTrig: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_EnableReplicaTrig: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_DisableTrig: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_EnableTrigAll: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_DisableTrigAll: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_EnableTrigUser: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_DisableTrigUser: { mode: 'SHARE ROW EXCLUSIVE' },
  AT_SetNotNull: { cost: 'scan' },
  AT_AlterColumnType: { cost: 'rewrite' },
  AT_SetExpression: { cost: 'rewrite' },
  AT_SetLogged: { cost: 'rewrite' },
  AT_SetUnLogged: { cost: 'rewrite' },
  AT_SetTableSpace: { cost: 'rewrite' },
  AT_SetAccessMethod: { cost: 'rewrite' },
}

const costOrder: readonly Cost[] = ['catalog', 'scan', 'build', 'rewrite']

export function describeEffect(statement: ParsedStatement): StatementEffect {
  const { kind, node } = statement
  switch (kind) {
    case 'IndexStmt':
      return {
        locks: [lockOn(node['relation'], node['concurrent'] === true ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE')],
        cost: 'build',
      }
    case 'AlterTableStmt':
      return alterTable(node)
    case 'CreateStmt':
      return { locks: [...parentLocks(node), ...referencedLocks(node)], cost: 'catalog' }
    case 'CreateTrigStmt':
      return { locks: [lockOn(node['relation'], 'SHARE ROW EXCLUSIVE')], cost: 'catalog' }
    case 'RenameStmt':
      return {
        locks: node['relation'] === undefined ? [] : [lockOn(node['relation'], 'ACCESS EXCLUSIVE')],
        cost: 'catalog',
      }
    case 'DropStmt':
      return dropped(node)
    case 'TruncateStmt':
      return {
        locks: listed(node['relations']).map((item) => lockOn(item['RangeVar'], 'ACCESS EXCLUSIVE')),
        cost: 'catalog',
      }
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return { locks: [lockOn(node['relation'], 'ROW EXCLUSIVE')], cost: 'scan' }
    case 'LockStmt':
      return { locks: lockTable(node), cost: 'catalog' }
    case 'RefreshMatViewStmt':
      return {
        locks: [lockOn(node['relation'], node['concurrent'] === true ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE')],
        cost: 'rewrite',
      }
    default:
      return { locks: [], cost: 'catalog' }
  }
}

/** The strongest lock on each table, and the greatest cost, of several statements. */
export function combineEffects(effects: readonly StatementEffect[]): StatementEffect {
  const strongest = new Map<string, LockMode>()
  for (const { mode, on } of effects.flatMap((effect) => effect.locks)) {
    const known = strongest.get(on)
    if (known === undefined || lockModes.indexOf(mode) > lockModes.indexOf(known)) strongest.set(on, mode)
  }
  return {
    locks: [...strongest].map(([on, mode]) => ({ mode, on })),
    cost: effects.reduce<Cost>((cost, effect) => maxCost(cost, effect.cost), 'catalog'),
  }
}

function maxCost(left: Cost, right: Cost): Cost {
  return costOrder.indexOf(left) >= costOrder.indexOf(right) ? left : right
}

function alterTable(node: AstNode): StatementEffect {
  const commands = listed(node['cmds']).map((item) => (item['AlterTableCmd'] ?? {}) as AstNode)
  const effects = commands.map((command): StatementEffect => {
    const subtype = String(command['subtype'])
    if (subtype === 'AT_AddConstraint') return addConstraint(node, command)
    if (subtype === 'AT_DetachPartition') return detachPartition(node, command)
    const { mode = 'ACCESS EXCLUSIVE', cost = 'catalog' } = alterEffects[subtype] ?? {}
    return { locks: [lockOn(node['relation'], mode)], cost }
  })
  return combineEffects(effects)
}

function addConstraint(node: AstNode, command: AstNode): StatementEffect {
  const constraint = ((command['def'] as AstNode | undefined)?.['Constraint'] ?? {}) as AstNode
  const skips = constraint['skip_validation'] === true
  if (constraint['contype'] === 'CONSTR_FOREIGN') {
    const locks = [
      lockOn(node['relation'], 'SHARE ROW EXCLUSIVE'),
      lockOn(constraint['pktable'], 'SHARE ROW EXCLUSIVE'),
    ]
    return { locks, cost: skips ? 'catalog' : 'scan' }
  }
  const unique = ['CONSTR_PRIMARY', 'CONSTR_UNIQUE', 'CONSTR_EXCLUSION'].includes(String(constraint['contype']))
  const builds = unique && constraint['indexname'] === undefined
  return {
    locks: [lockOn(node['relation'], 'ACCESS EXCLUSIVE')],
    cost: builds ? 'build' : skips || unique ? 'catalog' : 'scan',
  }
}

function detachPartition(node: AstNode, command: AstNode): StatementEffect {
  const partition = ((command['def'] as AstNode | undefined)?.['PartitionCmd'] ?? {}) as AstNode
  const concurrent = partition['concurrent'] === true
  const locks = [
    lockOn(node['relation'], concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE'),
    lockOn(partition['name'], 'ACCESS EXCLUSIVE'),
  ]
  return { locks, cost: 'catalog' }
}

/** Numbered from 1, in the order of strength (lockdefs.h). */
function lockTable(node: AstNode): TableLock[] {
  const mode = lockModes[Number(node['mode']) - 1] ?? 'ACCESS EXCLUSIVE'
  return listed(node['relations']).map((item) => lockOn(item['RangeVar'], mode))
}

function parentLocks(node: AstNode): TableLock[] {
  const partition = node['partbound'] !== undefined
  const mode = partition ? 'ACCESS EXCLUSIVE' : 'SHARE UPDATE EXCLUSIVE'
  return listed(node['inhRelations']).map((item) => lockOn(item['RangeVar'], mode))
}

function referencedLocks(node: AstNode): TableLock[] {
  const elements = listed(node['tableElts'])
  const constraints = elements.flatMap((element) => {
    const column = element['ColumnDef'] as AstNode | undefined
    return column === undefined ? [element] : listed(column['constraints'])
  })
  return constraints.flatMap((item) => {
    const constraint = item['Constraint'] as AstNode | undefined
    return constraint?.['contype'] === 'CONSTR_FOREIGN' ? [lockOn(constraint['pktable'], 'SHARE ROW EXCLUSIVE')] : []
  })
}

function dropped(node: AstNode): StatementEffect {
  const relations = ['OBJECT_TABLE', 'OBJECT_INDEX', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_SEQUENCE']
  if (!relations.includes(String(node['removeType']))) return { locks: [], cost: 'catalog' }
  const mode: LockMode = node['concurrent'] === true ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE'
  const names = listed(node['objects']).map((object) =>
    listed((object['List'] as AstNode | undefined)?.['items']).map((item) =>
      String((item['String'] as AstNode | undefined)?.['sval']),
    ),
  )
  return { locks: names.map((parts) => ({ mode, on: quoteQualified(...parts) })), cost: 'catalog' }
}

function lockOn(relation: unknown, mode: LockMode): TableLock {
  return { mode, on: quoteQualified(...relationParts((relation ?? {}) as AstNode)) }
}

function listed(items: unknown): readonly AstNode[] {
  return (items ?? []) as readonly AstNode[]
}
