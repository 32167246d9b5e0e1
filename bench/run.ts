// npm run bench -- [scenario…] [--quick] [--json] [--tables]
// Measures side by side, prints a table (or one JSON line a scenario), keeps the results in bench/results and brings
// the tables of README.md and docs up to date. Progress goes to stderr. Exit code 3: the arguments are wrong; an unmet
// goal is a result, not a failure.

import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { rewriteDocuments } from './harness/documents.ts'
import { publish, toJsonLine, type Published } from './harness/result.ts'
import { mayReplace, readResults, writeResult } from './harness/results.ts'
import type { Scenario, ScenarioResult } from './harness/scenario.ts'
import { formatForTerminal } from './harness/table.ts'
import { scenarios } from './scenarios/index.ts'
import { removeTemporaryFolders } from './support/temporary-folder.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const resultsFolder = join(root, 'bench', 'results')
const usage = 'npm run bench -- [scenario…] [--quick] [--json] [--tables]'
const usageExit = 3
const interruptedExit = 130

interface Call {
  readonly chosen: readonly Scenario[]
  readonly quick: boolean
  readonly json: boolean
  readonly tables: boolean
}

class UsageError extends Error {}

function readCall(args: readonly string[]): Call {
  const flag = { type: 'boolean', default: false } as const
  const options = { quick: flag, json: flag, tables: flag }
  const { values, positionals } = parse(() => parseArgs({ args: [...args], options, allowPositionals: true }))
  const unknown = positionals.filter((name) => scenarios.every((scenario) => scenario.name !== name))
  if (unknown.length > 0) {
    const known = scenarios.map(({ name, title }) => `  ${name}: ${title}`)
    throw new UsageError(`There is no scenario ${unknown.join(', ')}. There are:\n${known.join('\n')}`)
  }
  const chosen = positionals.length === 0 ? scenarios : scenarios.filter(({ name }) => positionals.includes(name))
  return { chosen, ...values }
}

function parse<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\nUsage: ${usage}`)
  }
}

async function measure(scenario: Scenario, quick: boolean, signal: AbortSignal): Promise<Published> {
  const begun = performance.now()
  const progress = (line: string): void => void process.stderr.write(`${scenario.name}: ${line}\n`)
  let result: ScenarioResult
  try {
    result = await scenario.run({ quick, signal, progress })
  } finally {
    await removeTemporaryFolders()
  }
  progress(`took ${((performance.now() - begun) / 1_000).toFixed(0)} s`)
  return publish(scenario, result, {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cores: availableParallelism(),
    quick,
  })
}

async function keep(published: Published): Promise<void> {
  const existing = (await readResults(resultsFolder)).get(published.scenario)
  if (mayReplace(existing, published)) await writeResult(resultsFolder, published)
  else process.stderr.write(`${published.scenario}: a quick run does not replace the full one in bench/results\n`)
}

async function refreshTables(): Promise<void> {
  const changed = await rewriteDocuments(root, await readResults(resultsFolder))
  for (const path of changed) process.stderr.write(`tables rewritten: ${relative(root, path)}\n`)
}

async function main(signal: AbortSignal): Promise<number> {
  try {
    const call = readCall(process.argv.slice(2))
    for (const scenario of call.tables ? [] : call.chosen) {
      const published = await measure(scenario, call.quick, signal)
      process.stdout.write(call.json ? `${toJsonLine(published)}\n` : `\n${formatForTerminal(published)}\n`)
      await keep(published)
    }
    await refreshTables()
    return 0
  } catch (error) {
    if (signal.aborted) return interruptedExit
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n`)
    return usageExit
  }
}

const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort())
process.exitCode = await main(stopping.signal)
