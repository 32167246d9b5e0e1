export { defineConfig } from './define.ts'
export { findConfig, loadConfig, type LoadedConfig, type LoadOptions } from './load.ts'
export { resolveConfig, type ResolvedConfig, type ResolveOptions } from './resolve.ts'
export { configSchema, type Duration, type StrataConfig } from './shape.ts'
