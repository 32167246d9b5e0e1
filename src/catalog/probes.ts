// What `doctor` asks of schema "pgstrata": whether it is there and current, and whether the role may keep it.

import type { Probe } from '../base/probe.ts'
import type { Db } from '../db/db.ts'
import { guarded } from '../db/probes.ts'
import { readServerFacts } from '../db/server-facts.ts'
import { sql } from '../sql/sql.ts'
import { newestVersion, pendingVersions, readInstalledVersion, schemaExists } from './install.ts'

export function catalogProbes(db: Db): readonly Probe[] {
  return [
    {
      name: 'schema pgstrata',
      run: guarded(async () => {
        const installed = await readInstalledVersion(db)
        if (pendingVersions(installed).length === 0) return { verdict: 'ok', found: `version ${installed}` }
        const found = installed === 0 ? 'not installed yet' : `version ${installed}, newest is ${newestVersion}`
        return { verdict: 'warn', found, fix: 'pgstrata apply (pgstrata migrate up does it too).' }
      }),
    },
    {
      name: 'privileges',
      run: guarded(async () => {
        const facts = await db.withSession(readServerFacts)
        if (await schemaExists(db)) {
          const { rows } = await db.query(
            sql`select where has_schema_privilege('pgstrata', 'CREATE') and has_schema_privilege('pgstrata', 'USAGE')`,
          )
          if (rows.length === 0) {
            return {
              verdict: 'fail',
              found: `role "${facts.user}" may not create in schema pgstrata`,
              fix: `grant create, usage on schema pgstrata to "${facts.user}"`,
            }
          }
        } else if (!facts.canCreateSchema) {
          return {
            verdict: 'fail',
            found: `role "${facts.user}" may not create a schema`,
            fix: `grant create on database "${facts.database}" to "${facts.user}"`,
          }
        }
        return { verdict: 'ok', found: `role "${facts.user}"${facts.isSuperuser ? ', a superuser (not needed)' : ''}` }
      }),
    },
  ]
}
