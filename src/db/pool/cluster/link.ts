// What we know of one physical connection: whose it is, what its server said, how far its server is known to be.
// Invariant: `floor` is a position that the server behind this very connection had replayed, which it cannot lose; through
// a pooler the server behind may change, so there it stays 0.

import type { EventEmitter } from 'node:events'
import type pg from 'pg'
import type { Lsn } from '../../lsn.ts'
import type { Identity } from './identity.ts'
import type { ServerNode } from './server-node.ts'

export interface Link {
  readonly node: ServerNode
  /** undefined: a server that cannot say who it is (single node only); it has no tokens. */
  readonly identity: Identity | undefined
  /** No pooler in between. */
  readonly direct: boolean
  floor: Lsn
  /** Statements prepared by us, least recently used first. */
  readonly prepared: Map<string, string>
  /** The client of the application that has the connection now: notices and notifications are for it. */
  holder: EventEmitter | undefined
  /** The server behind it is no longer what it was: not to be used again. */
  isStale: boolean
}

const linkKey: unique symbol = Symbol('pgstrata.link')

interface Linked {
  [linkKey]?: Link
}

export function setLink(client: pg.ClientBase, link: Link): void {
  // Not enumerable: what prints a client must not print how it connects.
  Object.defineProperty(client, linkKey, { value: link, enumerable: false, configurable: true })
}

/** undefined before the connection is made. */
export function findLink(client: pg.ClientBase): Link | undefined {
  return (client as Linked)[linkKey]
}

export function linkOf(client: pg.ClientBase): Link {
  const link = findLink(client)
  if (link === undefined) throw new TypeError('The connection is not one of this pool')
  return link
}
