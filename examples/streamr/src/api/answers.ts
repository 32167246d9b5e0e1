// What is told to everybody, kept as it is sent, and for how long: five seconds for whoever only reads. Whoever wrote something reads it,
// and who comes with the id of a live event reads at least that, whatever is kept. Lifetimes stand in pgstrata.config.ts.
//
// What must be true: an answer that hangs on probes has a tag for them that is no table's. So none of the probes that come all the time
// discards it; and however far the feed has come, an answer from before what a session has seen is not taken for current.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { createAnswers, type AnswerChoice } from 'pgstrata-example-kit'
import { rowTag, tableTag } from 'pgstrata'
import type { StreamrStrata } from '../strata.ts'

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

type Read = () => Promise<object | undefined>

export interface Answers {
  /** Lists of streams, and what is said under one. undefined: there is no such `what`. */
  streams(exchange: Exchange, what: string, read: Read): Promise<FastifyReply>
  /** Of one stream; gone at once when its row changes, and when payouts were made. undefined: there is no such stream. */
  stream(exchange: Exchange, streamId: string, read: Read): Promise<FastifyReply>
  /** Of one node; gone at once with its next heartbeat or change of status. undefined: there is no such node. */
  node(exchange: Exchange, nodeId: string, read: Read): Promise<FastifyReply>
  /** What would be paid. */
  preview(exchange: Exchange, read: Read): Promise<FastifyReply>
  /** What was paid; gone at once when more is. undefined: there is no such run. */
  runs(exchange: Exchange, read: Read): Promise<FastifyReply>
}

const probes = 'what is probed'
const runs = tableTag('public', 'payout_runs')

export function openAnswers(strata: StreamrStrata): Answers {
  const send = createAnswers(strata)
  const ofPreview: AnswerChoice = { namespace: 'preview' }
  const ofRuns: AnswerChoice = { namespace: 'runs', what: 'run', tags: [runs] }
  return {
    streams: (exchange, what, read) => send(exchange, { namespace: 'streams', what }, read),
    stream: (exchange, streamId, read) => {
      const tags = [rowTag('public', 'streams', { stream_id: streamId }), runs, probes]
      return send(exchange, { namespace: 'streams', what: 'stream', tags }, read)
    },
    node: (exchange, nodeId, read) => {
      const tags = [rowTag('public', 'nodes', { node_id: nodeId }), runs, probes]
      return send(exchange, { namespace: 'nodes', what: 'node', tags }, read)
    },
    preview: (exchange, read) => send(exchange, ofPreview, read),
    runs: (exchange, read) => send(exchange, ofRuns, read),
  }
}
