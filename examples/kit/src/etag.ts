// Weak ETags of answers, and 304 for who has them already.
//
// Promises: the tag depends on the bytes of the body alone, so processes beside each other give the same one. Streams, and answers
// that have a tag of their own, are left alone.

import { createHash } from 'node:crypto'

/** `W/"…"` of 96 bits: an accident is less likely than any failure of the machine. */
export function weakEtag(body: string | Buffer): string {
  return `W/"${createHash('sha1').update(body).digest('base64url').slice(0, 16)}"`
}

/** Whether an If-None-Match names the tag. Weak comparison: what stands before the quotes does not count. */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const wanted = opaque(etag)
  return header.split(',').some((one) => one.trim() === '*' || opaque(one.trim()) === wanted)
}

function opaque(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag
}
