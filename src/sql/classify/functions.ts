// What a call of a function may do, judged by its name: every overload must be harmless, for which one is called depends
// on types that are not known here. A name without a schema is taken for the built-in one; a search_path that names
// pg_catalog late, or an overload of one's own under a built-in name, can put another function in its place.

import type { AstNode } from '../parse.ts'
import { steadyNames, volatileNames } from './built-in-functions.ts'
import { isHarmlessFunction, isKeepingFunction, isParticularFunction } from './particular.ts'

const steady: ReadonlySet<string> = new Set(steadyNames.trim().split(/\s+/))
const fickle: ReadonlySet<string> = new Set(volatileNames.trim().split(/\s+/))

/** Why a call is no read; undefined if it is one. `readFunctions`: what the catalog says of functions that are not built in. */
export function refuseCall(call: AstNode, readFunctions: ReadonlySet<string>): string | undefined {
  const parts = nameParts(call['funcname'])
  const name = parts.at(-1) ?? ''
  const qualified = parts.join('.')
  const builtIn = parts.length === 1 || (parts.length === 2 && parts[0] === 'pg_catalog')
  if (builtIn) {
    if (isParticularFunction(name)) return `calls ${qualified}(), which is particular to a server or session`
    if (isHarmlessFunction(name)) return undefined
    if (fickle.has(name)) return `calls ${qualified}(), which is volatile`
    if (name === 'current_setting') return refuseSetting(call)
    if (steady.has(name)) return undefined
  }
  // A dot inside a name would make two names of three parts look alike.
  if (!parts.some((part) => part.includes('.')) && readFunctions.has(qualified)) return undefined
  return `calls ${qualified}(), which is not known`
}

/** Settings with a dot are the application's own; the others tell of the server. */
function refuseSetting(call: AstNode): string | undefined {
  const [first] = listOf(call['args'])
  return constantText(first)?.includes('.') === true
    ? undefined
    : 'calls current_setting(), which is particular to a server or session'
}

/** Whether a call leaves something on the session. */
export function keepsStateByCall(call: AstNode): boolean {
  const name = nameParts(call['funcname']).at(-1) ?? ''
  return name === 'set_config' ? !isLocalConfig(call) : isKeepingFunction(name)
}

/** set_config(…, …, true): the third argument, or the one that is named so. */
function isLocalConfig(call: AstNode): boolean {
  const args = listOf(call['args'])
  const named = args
    .map((arg) => arg['NamedArgExpr'] as AstNode | undefined)
    .find((arg) => arg !== undefined && arg['name'] === 'is_local')
  return isTrue(named === undefined ? args[2] : (named['arg'] as AstNode | undefined))
}

function isTrue(node: AstNode | undefined): boolean {
  const constant = node?.['A_Const'] as AstNode | undefined
  return (constant?.['boolval'] as AstNode | undefined)?.['boolval'] === true
}

function constantText(node: AstNode | undefined): string | undefined {
  const constant = node?.['A_Const'] as AstNode | undefined
  const text = (constant?.['sval'] as AstNode | undefined)?.['sval']
  return typeof text === 'string' ? text : undefined
}

export function nameParts(names: unknown): readonly string[] {
  return listOf(names).map((item) => ((item['String'] as AstNode | undefined)?.['sval'] as string | undefined) ?? '')
}

export function listOf(value: unknown): readonly AstNode[] {
  return Array.isArray(value) ? (value as AstNode[]) : []
}
