// The questions of `doctor`, one after the other; of a server that does not answer, none further.

import type { Probe, ProbeResult } from '../base/probe.ts'

export type ProbeAnswer = ProbeResult & { readonly name: string }

export async function runProbes(probes: readonly Probe[]): Promise<readonly ProbeAnswer[]> {
  const results: ProbeAnswer[] = []
  const silent: string[] = []
  for (const [index, probe] of probes.entries()) {
    if (silent.some((server) => probe.name.startsWith(server))) continue
    const result = { name: probe.name, ...(await probe.run()) }
    results.push(result)
    if (result.verdict === 'fail' && probe.name.endsWith(': connection')) {
      // Every further question needs the first connection; those about a server need the one to it.
      if (index === 0) break
      silent.push(probe.name.slice(0, -'connection'.length))
    }
  }
  return results
}
