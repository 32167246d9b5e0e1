// Other migration tools already at work in a project, and how to live beside each. Found by their files alone.

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Neighbour {
  readonly tool: string
  readonly at: string
  readonly advice: string
}

const shared =
  'Both can work on one database: each keeps its own record. Let one of them own each table, and take over with a baseline: ' +
  '`pgstrata init --baseline` writes the schema as it stands into a first migration and marks it applied.'

export async function findNeighbours(root: string): Promise<readonly Neighbour[]> {
  const dependencies = await readDependencies(root)
  const found: Neighbour[] = []
  const note = (tool: string, at: string, advice: string): void => void found.push({ tool, at, advice })

  if (existsSync(join(root, 'prisma', 'schema.prisma')) || dependencies.has('prisma')) {
    note(
      'Prisma',
      'prisma/migrations',
      `${shared} Keep using \`prisma generate\`; after each pgstrata migration run \`prisma db pull\`.`,
    )
  }
  const drizzle = ['drizzle.config.ts', 'drizzle.config.js', 'drizzle.config.json'].find((name) =>
    existsSync(join(root, name)),
  )
  if (drizzle !== undefined || dependencies.has('drizzle-kit')) {
    note(
      'Drizzle',
      drizzle ?? 'drizzle',
      `${shared} \`drizzle-kit generate\` can still write the SQL: move it into the pgstrata folder instead of running \`drizzle-kit migrate\`.`,
    )
  }
  const knex = ['knexfile.ts', 'knexfile.js', 'knexfile.mjs'].find((name) => existsSync(join(root, name)))
  if (knex !== undefined) note('Knex', knex, `${shared} Knex keeps its record in knex_migrations.`)
  if (dependencies.has('node-pg-migrate') || (await holdsNodePgMigrations(root))) {
    note(
      'node-pg-migrate',
      'migrations',
      `${shared} node-pg-migrate keeps its record in pgmigrations; give pgstrata another folder than its own.`,
    )
  }
  return found
}

async function readDependencies(root: string): Promise<ReadonlySet<string>> {
  const text = await readFile(join(root, 'package.json'), 'utf8').catch(() => '{}')
  try {
    const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>
    return new Set(['dependencies', 'devDependencies'].flatMap((field) => Object.keys(manifest[field] ?? {})))
  } catch {
    return new Set()
  }
}

/** node-pg-migrate names files by milliseconds and a dash: 1700000000000_add-plays.js */
async function holdsNodePgMigrations(root: string): Promise<boolean> {
  const names = await readdir(join(root, 'migrations')).catch(() => [])
  return names.some((name) => /^\d{13}_[a-z0-9-]+\.(js|ts|cjs|mjs)$/.test(name))
}
