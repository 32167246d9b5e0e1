// What alerts are about, by the names that people know: the symbol of the token, the label and address of the wallet.

import { inArray } from 'drizzle-orm'
import type { WedefiDatabase } from '../database.ts'
import { withServerErrors } from '../drizzle-errors.ts'
import { alerts, tokens, wallets } from '../schema.ts'
import type { AlertRow, EventRow } from './store.ts'

export interface NamedAlert extends AlertRow {
  /** null: it is about a wallet. */
  readonly symbol: string | null
  /** null: it is about a token, or the wallet has none. */
  readonly label: string | null
  readonly address: string | null
}

export async function nameAlerts(db: WedefiDatabase, rows: readonly AlertRow[]): Promise<readonly NamedAlert[]> {
  const tokenIds = idsOf(rows.map(({ tokenId }) => tokenId))
  const walletIds = idsOf(rows.map(({ walletId }) => walletId))
  const [symbols, names] = await withServerErrors(
    async () =>
      await Promise.all([
        tokenIds.length === 0
          ? []
          : db.select({ id: tokens.id, symbol: tokens.symbol }).from(tokens).where(inArray(tokens.id, tokenIds)),
        walletIds.length === 0
          ? []
          : db
              .select({ id: wallets.id, label: wallets.label, address: wallets.address })
              .from(wallets)
              .where(inArray(wallets.id, walletIds)),
      ]),
  )
  const symbolOf = new Map(symbols.map(({ id, symbol }) => [id, symbol]))
  const walletOf = new Map(names.map((wallet) => [wallet.id, wallet]))
  return rows.map((row) => {
    const wallet = walletOf.get(row.walletId ?? '')
    return {
      ...row,
      symbol: symbolOf.get(row.tokenId ?? '') ?? null,
      label: wallet?.label ?? null,
      address: wallet?.address ?? null,
    }
  })
}

export type NamedEvent = EventRow & { readonly alert: NamedAlert }

/** With the alerts they are of. An alert that was removed meanwhile took its events along. */
export async function nameEvents(db: WedefiDatabase, rows: readonly EventRow[]): Promise<readonly NamedEvent[]> {
  const ids = [...new Set(rows.map(({ alertId }) => alertId))]
  if (ids.length === 0) return []
  const found = await withServerErrors(async () => await db.select().from(alerts).where(inArray(alerts.id, ids)))
  const alertOf = new Map((await nameAlerts(db, found)).map((alert) => [alert.id, alert]))
  return rows.flatMap((row) => {
    const alert = alertOf.get(row.alertId)
    return alert === undefined ? [] : [{ ...row, alert }]
  })
}

function idsOf(given: readonly (string | null)[]): readonly string[] {
  return [...new Set(given.filter((id) => id !== null))]
}
