// The functions of the application and its extensions that the catalog calls stable or immutable, in every overload.

import { plainCall } from './statement/call.ts'
import type { Dispatcher } from './routing/dispatcher.ts'

const text = `
  select n.nspname::text || '.' || p.proname::text as qualified, p.proname::text as bare
  from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname not in ('pg_catalog', 'information_schema')
  group by n.nspname, p.proname
  having bool_and(p.provolatile <> 'v' and p.prokind <> 'p')`

const bareText = `
  select p.proname::text as bare
  from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname not in ('pg_catalog', 'information_schema')
  group by p.proname
  having bool_and(p.provolatile <> 'v' and p.prokind <> 'p')`

/** Qualified names, and bare ones that are safe in whichever schema they are found. */
export async function readReadFunctions(dispatcher: Dispatcher): Promise<readonly string[]> {
  const [qualified, bare] = await Promise.all([ask(dispatcher, text), ask(dispatcher, bareText)])
  return [...qualified.map((row) => row['qualified'] ?? ''), ...bare.map((row) => row['bare'] ?? '')]
}

function ask(dispatcher: Dispatcher, statement: string): Promise<readonly Record<string, string>[]> {
  return new Promise((resolve, reject) => {
    dispatcher.dispatch({ ...plainCall(statement), route: 'write', own: true }, undefined, (error, result) => {
      if (error === null) resolve((result?.rows ?? []) as Record<string, string>[])
      else reject(error)
    })
  })
}
