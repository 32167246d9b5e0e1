// A cache in a process of its own, for tests that kill it. The parent says what to get and to invalidate, and is the loader.
//   fork('test/cache/cache-process.ts', [JSON.stringify({ redis, prefix, options })], { execArgv: ['--import', './test/support/typescript.mjs'] })

import { createCache, type CacheGetOptions } from '../../src/cache/index.ts'

export interface CacheProcessCall {
  readonly redis: string
  readonly prefix: string
  readonly options: CacheGetOptions
}

export type ToProcess =
  | { readonly type: 'get'; readonly id: number; readonly key: string }
  | { readonly type: 'invalidate'; readonly id: number; readonly key: string }
  | { readonly type: 'loaded'; readonly id: number; readonly value: number }

export type FromProcess =
  | { readonly type: 'ready' }
  /** The loader of that get was called, perhaps long after it was answered: a stale value is loaded again behind it. */
  | { readonly type: 'load'; readonly id: number; readonly key: string }
  | { readonly type: 'done'; readonly id: number; readonly value: number | string }
  | { readonly type: 'failed'; readonly id: number; readonly error: string }

const { redis, prefix, options } = JSON.parse(process.argv[2] ?? '{}') as CacheProcessCall
const cache = createCache({ redis, prefix })
const loading = new Map<number, (value: number) => void>()
const tell = (message: FromProcess): void => void process.send?.(message)

async function carryOut(message: Exclude<ToProcess, { type: 'loaded' }>): Promise<number | string> {
  const { type, id, key } = message
  if (type === 'invalidate') return await cache.invalidate({ keys: [key] })
  const load = (): Promise<number> =>
    new Promise((resolve) => {
      loading.set(id, resolve)
      tell({ type: 'load', id, key })
    })
  return await cache.get(key, load, options)
}

process.on('disconnect', () => void cache.close())
process.on('message', (message: ToProcess) => {
  const { id } = message
  if (message.type === 'loaded') {
    loading.get(id)?.(message.value)
    loading.delete(id)
    return
  }
  carryOut(message).then(
    (value) => tell({ type: 'done', id, value }),
    (error: unknown) => tell({ type: 'failed', id, error: String(error) }),
  )
})
await cache.start()
tell({ type: 'ready' })
