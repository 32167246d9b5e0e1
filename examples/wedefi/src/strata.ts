// pgstrata as this app declares it: the configuration of the folder, with the servers and tokens that a process was given instead.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStrata, resolveConfig, type Logger, type ResolvedConfig, type Strata } from 'pgstrata'
import config from '../pgstrata.config.ts'
import { replicasOf, type ReplicaUrls } from './servers.ts'

export type WedefiConfig = ResolvedConfig<typeof config.rollups>
export type WedefiStrata = Strata<typeof config.rollups>

export const folder: string = fileURLToPath(new URL('..', import.meta.url))

export interface Given {
  /** Default: DATABASE_URL_PRIMARY, as the configuration says. */
  readonly url?: string
  /** Default: DATABASE_URL_READ and DATABASE_URL_ANALYTICS. */
  readonly replicas?: ReplicaUrls
  /** Of those who may manage over HTTP. Default: nobody. */
  readonly manageTokens?: readonly string[]
  /** A folder for the archive, its work and its cache. Default: WEDEFI_ARCHIVE, as the configuration says. */
  readonly archiveBase?: string
  /** Where months of snapshots begin: '2026-01-01'. Default: a year and a month ago. */
  readonly from?: string
}

export function resolveWedefi({ url, replicas, manageTokens = [], archiveBase, from }: Given = {}): WedefiConfig {
  const database = {
    ...config.database,
    ...(url === undefined ? {} : { primary: { ...config.database.primary, url } }),
    ...(replicas === undefined ? {} : { replicas: replicasOf(replicas) }),
  }
  const server = manageTokens.length === 0 ? config.server : { ...config.server, tokens: { manage: [...manageTokens] } }
  const archive = archiveBase === undefined ? config.archive : archiveIn(archiveBase)
  const tables = from === undefined ? config.tables : tablesFrom(from)
  return resolveConfig({ ...config, database, server, archive, tables }, { root: folder, name: 'pgstrata.config.ts' })
}

function archiveIn(base: string) {
  return { to: join(base, 'cold'), work: join(base, 'work'), cache: { dir: join(base, 'cache') } }
}

function tablesFrom(from: string): typeof config.tables {
  const { PriceSnapshot, PortfolioSnapshot, PositionSnapshot } = config.tables
  return {
    ...config.tables,
    PriceSnapshot: { ...PriceSnapshot, from },
    PortfolioSnapshot: { ...PortfolioSnapshot, from },
    PositionSnapshot: { ...PositionSnapshot, from },
  }
}

export function openWedefi(
  resolved: WedefiConfig = resolveWedefi(),
  tools: { readonly logger?: Logger } = {},
): WedefiStrata {
  return openStrata(resolved, tools)
}
