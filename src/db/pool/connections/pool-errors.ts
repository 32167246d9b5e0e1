// What a NodePool refuses with. Each says which node, how busy it was, and what to do.

import { StrataError } from '../../../base/errors.ts'
import type { NodePoolOptions } from './node-pool-options.ts'

type Place = Pick<NodePoolOptions, 'name' | 'target' | 'max' | 'maxWaiting' | 'connectTimeoutMs'>

export interface Busyness {
  readonly inUse: number
  readonly connecting: number
  /** The one that fails included. */
  readonly waiting: number
}

export function waitedTooLong(place: Place, now: Busyness): StrataError {
  const forConnection = now.connecting > 0
  const within = `within ${place.connectTimeoutMs} ms`
  return new StrataError('POOL_TIMEOUT', {
    message: forConnection
      ? `${place.name} (${place.target}) was not connected to ${within}: ${describe(place, now)}`
      : `No connection of ${place.name} (${place.target}) came free ${within}: ${describe(place, now)}`,
    advice: forConnection
      ? 'Check that the server is up and that a firewall lets you pass, or raise connectionTimeoutMillis.'
      : 'Raise max, shorten what holds connections (leakAfter shows who does), or raise connectionTimeoutMillis.',
    details: { node: place.name, waitedFor: forConnection ? 'connection' : 'queue', max: place.max, ...now },
  })
}

export function queueFull(place: Place, now: Busyness): StrataError {
  return new StrataError('POOL_FULL', {
    message: `Too many wait for a connection of ${place.name} (${place.target}): ${describe(place, now)}`,
    details: { node: place.name, max: place.max, maxWaiting: place.maxWaiting, ...now },
  })
}

export function poolClosed(place: Place): StrataError {
  return new StrataError('POOL_CLOSED', {
    message: `The pool of ${place.name} (${place.target}) was ended`,
    details: { node: place.name },
  })
}

export function releasedTwice(place: Place): StrataError {
  return new StrataError('POOL_RELEASED_TWICE', {
    message: `A connection of ${place.name} was given back that was already given back`,
    details: { node: place.name },
  })
}

function describe(place: Place, { inUse, connecting, waiting }: Busyness): string {
  return `${inUse} of ${place.max} in use, ${connecting} being made, ${waiting} waiting`
}
