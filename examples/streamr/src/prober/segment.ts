// What a spot check asks for, and what the right answer is. A stream is cut into segments of two seconds; a node that carries it can
// give the digest of one together with a number used once, and nobody can have kept that from an earlier check.

import { createHash } from 'node:crypto'

const segmentMs = 2_000
/** How far back a node must have the stream, in segments. */
export const keptSegments = 30

export interface SegmentQuestion {
  readonly streamId: string
  readonly segment: number
  /** Used once. */
  readonly nonce: string
}

/** The content of a segment follows from stream and number, so that coordinator and nodes have the same without a video. */
export function segmentDigest({ streamId, segment, nonce }: SegmentQuestion): string {
  return createHash('sha256')
    .update(JSON.stringify([streamId, segment, nonce]))
    .digest('hex')
}

/** The last one that is complete. */
export function newestSegment(nowMs: number): number {
  return Math.floor(nowMs / segmentMs) - 1
}
