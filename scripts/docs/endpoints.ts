// docs/endpoints.md: what stands between the marks, from the routes.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Route, RouteGroup } from '../../src/server/route.ts'
import { allRoutes } from '../../src/server/routes/all.ts'

const begin = '<!-- Between here and the end of the table: written by `npm run docs` from the routes. -->'
const end = '<!-- The end of what is written. -->'

const titles: Readonly<Record<RouteGroup, string>> = {
  health: 'Health',
  database: 'The database',
  metrics: 'Metrics',
  watch: 'What is measured',
  alerts: 'Alerts',
  upkeep: 'What is kept, and by which work',
  live: 'Live events',
}

export function renderEndpointDocs(): string {
  const path = fileURLToPath(new URL('../../docs/endpoints.md', import.meta.url))
  const page = readFileSync(path, 'utf8')
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error('docs/endpoints.md has lost its marks')
  return `${page.slice(0, from)}${begin}\n\n${renderGroups()}\n${page.slice(to)}`
}

function renderGroups(): string {
  const groups = [...new Set(allRoutes.map(({ group }) => group))]
  return groups
    .map((group) => {
      const rows = allRoutes.filter((route) => route.group === group).map(renderRoute)
      return [`### ${titles[group]}`, '', '| endpoint | who | what |', '|---|---|---|', ...rows, ''].join('\n')
    })
    .join('\n')
}

function renderRoute(route: Route): string {
  const { method, path, access, summary, needs, query, body } = route
  const taken = [
    ...listOf('parameters', Object.keys(query?.fields ?? {})),
    ...listOf('body', Object.keys(body?.fields ?? {})),
    ...(needs === undefined ? [] : [`Needs \`${needs}\`.`]),
  ]
  return `| \`${method} ${path}\` | ${access} | ${[summary, ...taken].join(' ').replaceAll('|', '\\|')} |`
}

function listOf(what: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`${what}: ${names.map((name) => `\`${name}\``).join(', ')}.`]
}
