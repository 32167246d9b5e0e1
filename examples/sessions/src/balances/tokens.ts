// The tokens that the service keeps balances of. An answer hangs on one row of each, so a change of one balance discards what is kept
// of that wallet alone.

export const tokens = ['ETH', 'USDC', 'USDT', 'DAI', 'WBTC', 'MATIC', 'ARB', 'OP'] as const

export type TokenName = (typeof tokens)[number]
