// pgstrata as this app declares it: the configuration of the folder, with the servers and tokens that a process was given instead.

import { fileURLToPath } from 'node:url'
import { openStrata, resolveConfig, type Logger, type ResolvedConfig, type Strata } from 'pgstrata'
import config from '../pgstrata.config.ts'

export type MycelixConfig = ResolvedConfig<typeof config.rollups>
export type MycelixStrata = Strata<typeof config.rollups>

export const folder: string = fileURLToPath(new URL('..', import.meta.url))

export interface Given {
  /** Default: DATABASE_URL, as the configuration says. */
  readonly url?: string
  readonly replicas?: readonly string[]
  /** Of those who may manage over HTTP. Default: nobody. */
  readonly manageTokens?: readonly string[]
}

export function resolveMycelix({ url, replicas, manageTokens = [] }: Given = {}): MycelixConfig {
  const database = {
    ...config.database,
    ...(url === undefined ? {} : { primary: url }),
    ...(replicas === undefined ? {} : { replicas: replicas.map((replica) => ({ url: replica })) }),
  }
  const server = manageTokens.length === 0 ? config.server : { ...config.server, tokens: { manage: [...manageTokens] } }
  return resolveConfig({ ...config, database, server }, { root: folder, name: 'pgstrata.config.ts' })
}

export function openMycelix(
  resolved: MycelixConfig = resolveMycelix(),
  tools: { readonly logger?: Logger } = {},
): MycelixStrata {
  return openStrata(resolved, tools)
}
