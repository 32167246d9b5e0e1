// pgstrata as this app declares it: the configuration of the folder, with the servers that a process was given instead.

import { fileURLToPath } from 'node:url'
import { openStrata, resolveConfig, type Logger, type ResolvedConfig, type Strata } from 'pgstrata'
import config from '../pgstrata.config.ts'

export type StreamrConfig = ResolvedConfig<typeof config.rollups>
export type StreamrStrata = Strata<typeof config.rollups>

export const folder: string = fileURLToPath(new URL('..', import.meta.url))

/** Default: DATABASE_URL, as the configuration says. */
export function resolveStreamr(
  servers: { readonly url?: string; readonly replicas?: readonly string[] } = {},
): StreamrConfig {
  const { url, replicas } = servers
  const database = {
    ...config.database,
    ...(url === undefined ? {} : { primary: url }),
    ...(replicas === undefined ? {} : { replicas: replicas.map((replica) => ({ url: replica })) }),
  }
  return resolveConfig({ ...config, database }, { root: folder, name: 'pgstrata.config.ts' })
}

export function openStreamr(resolved: StreamrConfig, tools: { readonly logger?: Logger } = {}): StreamrStrata {
  return openStrata(resolved, tools)
}
