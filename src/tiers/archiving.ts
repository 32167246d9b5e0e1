// Stores by what is declared. Nothing of them is loaded before it is used: who only packs needs neither a bucket nor what reaches it.

import { StrataError } from '../base/errors.ts'
import type { ArchiveSettings } from './archive-settings.ts'
import { duckFactory, type DuckFactory } from './archive/duck.ts'
import type { TieredTable } from './model/options.ts'
import type { Archiving } from './move/context.ts'
import { openStore } from './store/open.ts'
import type { Store } from './store/store.ts'

export interface OpenArchiving {
  /** Undefined: no archive is declared. */
  readonly of: (table: TieredTable) => Archiving | undefined
  /** By the URL that the catalog notes. */
  readonly at: (url: string) => Store
  readonly duck: DuckFactory
  readonly close: () => void
}

/** One of each store, whatever tables share it. */
export function openArchiving(settings: ArchiveSettings | undefined): OpenArchiving {
  if (settings === undefined) return { of: () => undefined, at: unknown, duck: unknown, close: () => undefined }
  const stores = new Map<string, Store>()
  const duck = duckFactory(settings.duck)
  const at = (to: string): Store => {
    const store = stores.get(to) ?? openStore({ ...settings.store, to })
    stores.set(to, store)
    return store
  }
  return {
    of: ({ cold }) => ({ store: at(cold?.to ?? settings.store.to), storeAt: at, duck, work: settings.workDir }),
    at,
    duck,
    close: () => {
      for (const store of stores.values()) store.close()
    },
  }
}

function unknown(): never {
  throw new StrataError('TIER_STATE', {
    message: 'There is no place for archives',
    advice: 'Declare `archive: { to: … }`.',
  })
}
