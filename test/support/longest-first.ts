// The order of files: those that take long first, so that none of them runs alone at the end; then what was measured here last
// time, or the size of files, says. Files that share a process come last, together.

import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** A quarter of a minute and more on two cores, the longest first. */
const longest: readonly string[] = [
  'maintain/server',
  'watch/faults/faults-15',
  'watch/faults/faults-18',
  'server/prometheus',
  'maintain/silence',
  'maintain/runs',
  'embedded/lifecycle',
  'cli/top',
  'watch/faults/restart',
  'maintain/upkeep',
  'maintain/two-daemons',
  'db/pool/balanced-address',
  'watch/watching',
  'server/strata',
  'changes/feed/consumer',
  'rollups/model',
  'rollups/changed',
  'rollups/levels-declared',
  'rollups/large',
  'rollups/applied',
  'repo/api',
  'examples/mycelix/generator',
  'examples/streamr/page',
  'examples/mycelix/views-plans',
  'examples/mycelix/page',
  'catalog/dump-sensitivity',
  'migrate/kill',
  'partitions/convert/live',
  'views/plain-rollups',
  'partitions/convert/interrupted',
  'rollups/sql-functions-applied',
  'cli/dev',
  'cli/cli',
  'partitions/convert/disturbed',
  'rollups/values',
  'views/plain-rollups-property',
  'cli/deploy',
  'rollups/distinct-windows-applied',
  'rollups/totals',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the order that vitest gives, and no array's method.
    const sorted = await super.sort(files)
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return (project.name === 'shared' ? longest.length + 1 : 0) + (at === -1 ? longest.length : at)
    }
    return sorted.toSorted((left, right) => rank(left) - rank(right))
  }
}
