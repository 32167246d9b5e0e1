// pgstrata as this app declares it: the configuration of the folder, with the servers and tokens that a process was given instead.

import { fileURLToPath } from 'node:url'
import { openStrata, resolveConfig, type Logger, type ResolvedConfig, type Strata } from 'pgstrata'
import config from '../pgstrata.config.ts'

export type StreamrConfig = ResolvedConfig<typeof config.rollups>
export type StreamrStrata = Strata<typeof config.rollups>

export const folder: string = fileURLToPath(new URL('..', import.meta.url))

export interface Servers {
  /** Default: DATABASE_URL, as the configuration says. */
  readonly url?: string
  readonly replicas?: readonly string[]
  /** Of those who may manage over HTTP. Default: nobody. */
  readonly manageTokens?: readonly string[]
}

export function resolveStreamr({ url, replicas, manageTokens = [] }: Servers = {}): StreamrConfig {
  const database = {
    ...config.database,
    ...(url === undefined ? {} : { primary: url }),
    ...(replicas === undefined ? {} : { replicas: replicas.map((replica) => ({ url: replica })) }),
  }
  const server = manageTokens.length === 0 ? config.server : { ...config.server, tokens: { manage: [...manageTokens] } }
  return resolveConfig({ ...config, database, server }, { root: folder, name: 'pgstrata.config.ts' })
}

export function openStreamr(resolved: StreamrConfig, tools: { readonly logger?: Logger } = {}): StreamrStrata {
  return openStrata(resolved, tools)
}
