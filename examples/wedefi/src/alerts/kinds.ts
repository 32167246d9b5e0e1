// What alerts are about.

export const kinds = ['price', 'portfolio', 'risk'] as const
export type Kind = (typeof kinds)[number]
export type Direction = 'above' | 'below'

/** Of a risk alert, with its timeframe: `var95:30d`. They are columns of `figure`. */
export const riskFigures = ['volatility', 'var95', 'var99', 'maxDrawdown'] as const
