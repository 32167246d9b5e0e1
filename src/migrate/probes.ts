// What `doctor` asks about migrations: whether their folder can be read and nothing stands in the way of `up`.

import type { Probe } from '../base/probe.ts'
import { plural } from '../base/units.ts'
import { guarded } from '../db/probes.ts'
import type { Migrate } from './facade.ts'

export function migrateProbes(migrate: Pick<Migrate, 'status'>): readonly Probe[] {
  return [
    {
      name: 'migrations',
      run: guarded(async () => {
        const statuses = await migrate.status()
        const wrong = statuses.filter((status) => !['applied', 'pending'].includes(status.state))
        if (wrong.length > 0) {
          return {
            verdict: 'fail',
            found: wrong.map((status) => `${status.name} is ${status.state}`).join(', '),
            fix: 'pgstrata migrate status says more.',
          }
        }
        const pending = statuses.filter((status) => status.state === 'pending').length
        const found = `${plural(statuses.length - pending, 'migration')} applied, ${pending} pending`
        return pending === 0 ? { verdict: 'ok', found } : { verdict: 'warn', found, fix: 'pgstrata migrate up' }
      }),
    },
  ]
}
