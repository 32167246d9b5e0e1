// The ways in which a song is paid for.

export const strategies = ['pay-per-stream', 'gift-economy', 'patronage', 'auction'] as const
export type Strategy = (typeof strategies)[number]
