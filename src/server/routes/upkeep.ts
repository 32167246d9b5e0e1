// What is kept in the database, whether it is as it should be, and the work that keeps it so.

import type { JobRun } from '../../maintain/index.ts'
import {
  explainRequestShape,
  explainShape,
  findingsShape,
  jobHistoryShape,
  jobRanShape,
  jobsShape,
  nodesShape,
  partitionsShape,
  rollupsShape,
  type ExplainAnswer,
  type ExplainRequest,
  type FindingsAnswer,
  type JobHistoryAnswer,
  type JobRan,
  type JobRunAnswer,
  type JobsAnswer,
  type NodesAnswer,
  type PartitionsAnswer,
  type RollupsAnswer,
} from '../contract/upkeep.ts'
import { viewsShape, type ViewsAnswer } from '../contract/views.ts'
import { jsonRoute, type Route, type RouteTools } from '../route.ts'
import { object, text, type ObjectShape } from '../shape.ts'
import { isoOf, nodeStateOf } from './readings.ts'

/** All checks cost a server up to seconds. */
export const findingsKeptMs = 60_000

interface JobName {
  readonly name: string
}

const jobName: ObjectShape<JobName> = object<JobName>({ name: text({ least: 1, most: 200 }) })

const looked = { method: 'GET', group: 'upkeep', access: 'read', cache: 'revalidate' } as const
const managed = { method: 'POST', group: 'upkeep', access: 'manage', cache: 'none' } as const

export const upkeepRoutes: readonly Route[] = [
  jsonRoute<NodesAnswer>({
    ...looked,
    path: '/api/nodes',
    summary: 'The servers of the configuration: what each of them is now, and how far behind.',
    answer: nodesShape,
    handle: async (_, { sources, shared }) => {
      const nodes = await shared.ask('nodes', () => sources.nodes())
      return { nodes: nodes.map(nodeStateOf) }
    },
  }),
  jsonRoute<JobsAnswer>({
    ...looked,
    path: '/api/jobs',
    summary: 'Every job: its schedule, when it is next due, its last run and what that did.',
    answer: jobsShape,
    handle: (_, { sources: { jobs }, shared }) => shared.ask('jobs', () => readJobs(jobs)),
  }),
  jsonRoute<JobHistoryAnswer, JobName>({
    ...looked,
    path: '/api/jobs/:name/history',
    summary: 'The last 50 runs of a job, the newest first.',
    params: jobName,
    answer: jobHistoryShape,
    fails: ['JOB_UNKNOWN'],
    handle: async ({ params: { name } }, { sources: { jobs }, shared }) => {
      const runs = await shared.ask(`runs ${name}`, () => jobs.history(name))
      return { runs: runs.map(runOf) }
    },
  }),
  jsonRoute<JobRan, JobName, unknown, object>({
    ...managed,
    path: '/api/jobs/:name/run',
    summary: 'Runs a job now, in this process, and answers when it is done.',
    params: jobName,
    body: object<object>({}),
    answer: jobRanShape,
    status: ({ state }) => (state === 'done' ? 200 : 500),
    statuses: { 200: 'Done.', 500: 'The job failed; `failure` says why.' },
    fails: ['JOB_UNKNOWN', 'JOB_BUSY'],
    handle: async ({ params: { name } }, { sources: { jobs } }) => {
      const { job, state, did, warnings, failure, durationMs } = await jobs.runNow(name)
      return { job, state, did, warnings, failure, durationMs }
    },
  }),
  jsonRoute<RollupsAnswer>({
    ...looked,
    path: '/api/rollups',
    summary: 'Rollups: their state, what is pending, and what should be seen to.',
    answer: rollupsShape,
    handle: (_, tools) => readRollups(tools),
  }),
  jsonRoute<PartitionsAnswer>({
    ...looked,
    path: '/api/partitions',
    summary: 'Tables that are laid out in partitions, each partition with its size, and what is missing.',
    answer: partitionsShape,
    handle: (_, tools) => readPartitions(tools),
  }),
  jsonRoute<ViewsAnswer>({
    ...looked,
    path: '/api/views',
    summary: 'Views: how old what materialized ones hold is, and when they are refreshed next.',
    answer: viewsShape,
    handle: (_, tools) => readViews(tools),
  }),
  jsonRoute<FindingsAnswer>({
    ...looked,
    path: '/api/findings',
    summary:
      'What is wrong with the database, each with its evidence and the SQL that mends it; looked for at most once a minute.',
    answer: findingsShape,
    handle: (_, { sources, shared }) => shared.ask('findings', () => sources.findings(), findingsKeptMs),
  }),
  jsonRoute<ExplainAnswer, unknown, unknown, ExplainRequest>({
    ...managed,
    path: '/api/explain',
    summary: 'The plan of a statement, and what strikes about it; with `analyze` it is run, and rolled back.',
    body: explainRequestShape,
    answer: explainShape,
    fails: ['EXPLAIN_REFUSED', 'EXPLAIN_FAILED', 'SQL_SYNTAX'],
    handle: ({ body }, { sources }) => sources.explain(body),
  }),
]

async function readJobs(jobs: RouteTools['sources']['jobs']): Promise<JobsAnswer> {
  const all = await jobs.list()
  return {
    jobs: all.map(({ name, purpose, schedule, state, next, last }) => ({
      name,
      purpose,
      schedule,
      state,
      next: isoOf(next),
      last: last === undefined ? null : runOf(last),
    })),
  }
}

function runOf({ job, tick, attempt, manual, state, started, finished, did, failure }: JobRun): JobRunAnswer {
  return {
    job,
    tick: tick.toISOString(),
    attempt,
    manual,
    state,
    started: started.toISOString(),
    finished: isoOf(finished),
    did,
    failure: failure ?? null,
  }
}

async function readRollups({ sources, shared }: RouteTools): Promise<RollupsAnswer> {
  const all = await shared.ask('rollups', () => sources.rollups.status())
  return {
    rollups: all.map(
      ({ name, source, state, rowsEstimate, sizeBytes, pending, mergedAt, lagMs, failures, findings }) => ({
        name,
        source: { schema: source.schema, table: source.table },
        state,
        rowsEstimate,
        sizeBytes,
        pending,
        mergedAt: isoOf(mergedAt),
        lagMs,
        failures,
        findings: findings.map(({ what, todo }) => ({ what, todo })),
      }),
    ),
  }
}

async function readPartitions({ sources, shared }: RouteTools): Promise<PartitionsAnswer> {
  const all = await shared.ask('partitions', () => sources.partitions.status())
  return {
    tables: all.map(({ key, schema, table, state, layout, retention, partitions, missing, defaultRows, findings }) => ({
      key,
      schema,
      table,
      state,
      layout,
      retention,
      partitions: partitions.map((one) => ({
        schema: one.schema,
        name: one.name,
        bound: one.bound,
        rows: one.rows,
        sizeBytes: one.sizeBytes,
        tier: one.tier,
        isDefault: one.isDefault,
      })),
      missing,
      defaultRows,
      findings: findings.map(({ what, advice }) => ({ what, todo: advice })),
    })),
  }
}

async function readViews({ sources, shared }: RouteTools): Promise<ViewsAnswer> {
  const all = await shared.ask('views', () => sources.views.status())
  return {
    views: all.map(
      ({ name, schema, kind, state, lastRefreshed, staleMs, tookMs, rows, sizeBytes, dueAt, lastError, findings }) => ({
        name,
        schema,
        kind,
        state,
        lastRefreshed: isoOf(lastRefreshed),
        staleMs,
        tookMs,
        rows,
        sizeBytes,
        dueAt: isoOf(dueAt),
        failed: lastError !== null,
        findings: findings.map(({ what, todo }) => ({ what, todo })),
      }),
    ),
  }
}
