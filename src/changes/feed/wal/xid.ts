// Transaction ids: 32 bits on the wire, 64 in the server's functions. Pure.

/** Two ids that can be told apart are less than this far from each other (PostgreSQL 18, 24.1.5). */
const halfRange = 1n << 31n

/** The full id of `xid`, given any full id less than 2^31 transactions away from it, before or after. */
export function widenXid(xid: number, reference: bigint): bigint {
  const low = reference & 0xffffffffn
  const distance = BigInt.asIntN(32, BigInt(xid) - low)
  const full = reference + (distance === -halfRange ? halfRange : distance)
  // Before the first wraparound there is nothing below it.
  return full < 0n ? full + 2n * halfRange : full
}
