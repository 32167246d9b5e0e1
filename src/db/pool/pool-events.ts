// What happens in the pool, as events of the pool: pg's own (connect, acquire, release, remove, error) and ours.
//   poolWarning     a node's connections are in use beyond `warnAt`
//   poolExhausted   all are in use and somebody waits
//   clientLeak      a client was held longer than `leakAfter`; with the stack that took it
//   clientHealed    a client came back inside a transaction, which was rolled back
//   node            a node went up, down, or was refused, and why
//   writer          another node takes writes now
//   timelineChange  after a promotion: up to where commits survived

import type { EventEmitter } from 'node:events'
import type { CoreEvents } from './pool-core.ts'

export function poolEvents(pool: EventEmitter): CoreEvents {
  return {
    // These two come with every statement: nothing is done for nobody.
    acquired: (client) => {
      if (pool.listenerCount('acquire') > 0) pool.emit('acquire', client)
    },
    released: (error, client) => {
      if (pool.listenerCount('release') > 0) pool.emit('release', error, client)
    },
    connect: (client) => guarded(() => pool.emit('connect', client)),
    remove: (client) => guarded(() => pool.emit('remove', client)),
    error: (error, client) => {
      if (pool.listenerCount('error') > 0) guarded(() => pool.emit('error', error, client))
    },
    warning: (stats) => queueMicrotask(() => pool.emit('poolWarning', stats)),
    exhausted: (stats) => queueMicrotask(() => pool.emit('poolExhausted', stats)),
    leak: (leak) => queueMicrotask(() => pool.emit('clientLeak', leak)),
    node: (status) => queueMicrotask(() => pool.emit('node', status)),
    writer: (change) => queueMicrotask(() => pool.emit('writer', change)),
    timeline: (change) => queueMicrotask(() => pool.emit('timelineChange', change)),
  }
}

/** A listener that throws ends the process, as everywhere, and not what it was told of. */
function guarded(emit: () => void): void {
  try {
    emit()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
