const everyMs = 20

/** The most memory that this process was seen to hold while `work` ran, in megabytes. */
export async function peakMemoryMb(work: () => Promise<unknown>): Promise<number> {
  let peakBytes = process.memoryUsage.rss()
  const look = (): void => void (peakBytes = Math.max(peakBytes, process.memoryUsage.rss()))
  const timer = setInterval(look, everyMs)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  look()
  return peakBytes / 1e6
}
