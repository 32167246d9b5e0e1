// What tests need beside npm packages, and how it comes here: by apt on Debian and Ubuntu as root, elsewhere by the
// person, who is told exactly what. PGSTRATA_SKIP=pgbouncer,… leaves one out, and the run says so.

import { existsSync, readFileSync } from 'node:fs'
import { run } from './lib.mjs'

/** What tests work with, and why. */
const needs = [
  {
    name: 'pgbouncer',
    packages: ['pgbouncer'],
    present: () => existsSync('/usr/sbin/pgbouncer'),
    why: 'migrations refuse a pooler in transaction mode',
  },
  {
    name: 'pg_dump',
    packages: ['postgresql-client'],
    present: () => pgDumps().some((path) => existsSync(path)),
    why: 'the schema dump is compared with pg_dump',
  },
  {
    name: 'pg_cron',
    packages: ['postgresql-15', 'postgresql-15-cron'],
    present: () => ['bin/postgres', 'lib/pg_cron.so'].every((file) => existsSync(`/usr/lib/postgresql/15/${file}`)),
    why: 'it calls what keeps partitions where no daemon runs',
  },
  {
    name: 'hypopg',
    packages: ['postgresql-15', 'postgresql-15-hypopg'],
    present: () => ['bin/postgres', 'lib/hypopg.so'].every((file) => existsSync(`/usr/lib/postgresql/15/${file}`)),
    why: 'suggested indexes are verified with it where it is installed',
  },
  {
    name: 'postgis',
    packages: ['postgresql-15', 'postgresql-15-postgis-3'],
    present: () =>
      existsSync('/usr/lib/postgresql/15/bin/postgres') &&
      existsSync('/usr/share/postgresql/15/extension/postgis.control'),
    why: 'an example reckons distances with it where it is installed',
  },
  {
    name: 'pgbackrest',
    packages: ['postgresql-15', 'pgbackrest'],
    present: () => ['/usr/lib/postgresql/15/bin/postgres', '/usr/bin/pgbackrest'].every((path) => existsSync(path)),
    why: 'backups are made by it, and restored to a moment',
  },
  {
    name: 'redis-server',
    packages: ['redis-server'],
    present: () => ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].some((path) => existsSync(path)),
    why: 'what processes share of the cache is in Redis',
  },
  {
    name: 'chromium',
    packages: ['chromium'],
    present: () => existsSync('/usr/bin/chromium'),
    why: "the browser's client of live events runs in a browser",
  },
  {
    name: 'prometheus',
    packages: ['prometheus'],
    present: () => ['/usr/bin/prometheus', '/usr/bin/promtool'].every((path) => existsSync(path)),
    why: 'it scrapes the server, and evaluates every expression of the dashboard and the rules',
  },
]

export const pgDumps = () => ['15', '16', '17', '18'].map((major) => `/usr/lib/postgresql/${major}/bin/pg_dump`)

const skippedNames = () => (process.env.PGSTRATA_SKIP ?? '').split(',').filter((name) => name !== '')

/** PGSTRATA_SKIP with what is not there: a quick run installs nothing, and leaves out what it cannot run. */
export function skipMissing() {
  const missing = needs.filter((need) => !need.present()).map(({ name }) => name)
  return [...new Set([...skippedNames(), ...missing])].join(',')
}

export async function ensureSystem() {
  const skipped = new Set(skippedNames())
  for (const name of skipped) console.log(`PGSTRATA_SKIP: ${name} is left out of this run`)
  const missing = needs.filter((need) => !skipped.has(need.name) && !need.present())
  if (missing.length === 0) return
  const packages = missing.flatMap((need) => need.packages)
  if (usesApt() && process.getuid?.() === 0) {
    console.log(`Installing ${packages.join(', ')} with apt …`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = { env, stdio: ['ignore', 'ignore', 'inherit'] }
    const updated = await run('apt-get', ['update', '-qq'], options)
    const installed = await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options)
    if (updated === 0 && installed === 0 && missing.every((need) => need.present())) return
  }
  for (const need of missing.filter((item) => !item.present())) {
    console.error(`${need.name} is missing (${need.why}).`)
  }
  const how = usesApt()
    ? `sudo apt-get install ${packages.join(' ')}`
    : `install ${packages.join(', ')} with your package manager`
  console.error(`Either ${how}, or leave it out: PGSTRATA_SKIP=${missing.map((need) => need.name).join(',')} npm test`)
  process.exit(8)
}

function usesApt() {
  return (
    existsSync('/etc/debian_version') &&
    /debian|ubuntu/i.test(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '')
  )
}
